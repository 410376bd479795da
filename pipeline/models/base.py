"""The base head of the paper's ablation: a multi-layer perceptron trained by top-k MIL."""

from torch import Tensor, nn

from pipeline.config import BaseHead as Settings
from pipeline.config import Features
from pipeline.losses.mil import mil_loss
from pipeline.models.head import FeatureInput, FeatureLayout, Head, Prediction
from pipeline.models.scorer import Scorer


class BaseHead(Head):
    """Projection to `width`, then the scorer; each snippet by itself."""

    def __init__(self, layout: FeatureLayout, features: Features, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.input = FeatureInput(layout, features)
        self.project = nn.Sequential(
            nn.Dropout(settings.input_dropout), nn.Linear(layout.width, settings.width), nn.GELU()
        )
        self.scorer = Scorer(settings.width, settings.scorer)

    def fit_statistics(self, features: Tensor, labels: Tensor) -> None:
        """Take the features' training mean."""
        self.input.fit_statistics(features)

    def forward(self, features: Tensor) -> Prediction:
        """Features (B, T, D) -> logits (B, T); no categories."""
        return Prediction(self.scorer(self.project(self.input(features))), None)

    def losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The MIL loss alone."""
        mil = self.settings.mil
        logits = self(features).logits
        loss = mil_loss(
            logits, labels.any(dim=1), kind=mil.kind, top_k=mil.top_k, margin=mil.margin
        )
        return {"mil": loss}
