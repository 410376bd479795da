"""What a trial's piece is found again by."""

import hashlib
import json

import torch

from pipeline import code_digest
from pipeline.features import VideoFeatures
from pipeline.trials.trial import Group, seen


def key_of(group: Group, videos: VideoFeatures, device: torch.device) -> str:
    """A digest of all that decides the scores of trials that are trained together, and no more.

    Where a frozen core lies and what a variant is called decide nothing, nor do modalities that
    the variant does not read.
    """
    trial = group[0]
    modalities = seen(trial.variant, videos)
    variant = trial.variant.identity()
    variant["features"]["modalities"] = modalities
    core = trial.core
    parts = {
        "code": code_digest.of_training(),
        "torch": torch.__version__,
        "device": device.type,
        "variant": variant,
        "seeds": [each.seed for each in group],
        "watched": trial.watched,
        "train": videos.learned_from(trial.train, modalities),
        "validation": videos.judged_by(trial.validation, modalities),
        "test": videos.judged_by(trial.test, modalities),
        "core": [core.digest, core.categories, core.parts] if core else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
