"""The fully connected scoring head: one logit a snippet."""

from itertools import pairwise

from torch import Tensor, nn

from pipeline.config import Scorer as Settings


class Scorer(nn.Module):
    """Linear layers with GELU, batch normalisation (optional) and dropout; then one logit.

    RefineVAD: "relatively simple fully connected layers consisting of dropout and batch
    normalization"; sizes are ours.
    """

    def __init__(self, width: int, settings: Settings) -> None:
        super().__init__()
        sizes = [width, *settings.hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after)]
            layers += [nn.BatchNorm1d(after)] if settings.batch_norm else []
            layers += [nn.GELU(), nn.Dropout(settings.dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, features: Tensor) -> Tensor:
        """Snippet features (B, T, width) -> logits (B, T)."""
        batch, n_snippets, width = features.shape
        logits: Tensor = self.layers(features.reshape(-1, width))
        return logits.view(batch, n_snippets)
