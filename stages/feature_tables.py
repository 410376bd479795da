"""A dataset's features as training, evaluation and cross-validation read them."""

from collections.abc import Mapping, Sequence

from pipeline import features, made_by
from stages.layout import Layout

STAGES = {"image": "clip", "text": "text"}  # what makes the table of each modality


def load(
    layout: Layout, modalities: Sequence[str], encoders: Mapping[str, made_by.Settings]
) -> features.VideoFeatures:
    """The features of those of `modalities` that the dataset has, joined with its manifest.

    `encoders` says for each modality what must have made its table (`made_by.features`). Raises
    `UserError` where something else did.
    """
    paths = layout.feature_tables(modalities, encoders)
    for name, path in paths.items():
        command = f"dvc repro -f {STAGES[name]}@{layout.name}"
        made_by.check_table(path, encoders[name], command)
    return features.load(layout.manifest, paths)
