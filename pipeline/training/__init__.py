"""Training a head: balanced batches, AdamW, resumed after a kill; any head by its interface."""

from pipeline.training.batches import balanced_batches
from pipeline.training.fitting import fit, why_not
from pipeline.training.frozen import FrozenCore
from pipeline.training.predicting import predict, predict_prepared, prepare
from pipeline.training.progress import Progress
from pipeline.training.stacked import fit_stacked
from pipeline.training.variants import train_stacked, train_variant
from pipeline.training.watching import Watcher, weights_of

__all__ = [
    "FrozenCore",
    "Progress",
    "Watcher",
    "balanced_batches",
    "fit",
    "fit_stacked",
    "predict",
    "predict_prepared",
    "prepare",
    "train_stacked",
    "train_variant",
    "weights_of",
    "why_not",
]
