"""The base head of the paper's ablation: a multi-layer perceptron trained by top-k MIL."""

from torch import Tensor, nn

from pipeline.config import BaseHead as Settings
from pipeline.config import Features
from pipeline.losses.mil import mil_loss
from pipeline.models.head import FeatureInput, FeatureLayout, Head, Inputs, Prediction, Targets
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

    def fit_statistics(self, features: Tensor, targets: Targets) -> None:
        """Take the features' training mean."""
        self.input.fit_statistics(features)

    def prepare(self, features: Tensor) -> Inputs:
        """The normalised features (N, T, D)."""
        return (self.input(features),)

    def score(self, inputs: Inputs) -> Prediction:
        """Logits (B, T); no categories."""
        (features,) = inputs
        return Prediction(self.scorer(self.project(features)))

    def losses(self, inputs: Inputs, targets: Targets) -> dict[str, Tensor]:
        """The MIL loss alone."""
        mil = self.settings.mil
        logits = self.score(inputs).logits
        loss = mil_loss(logits, targets.abnormal, kind=mil.kind, top_k=mil.top_k, margin=mil.margin)
        return {"mil": loss}
