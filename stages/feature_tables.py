"""A dataset's features as training, evaluation and cross-validation read them."""

from collections.abc import Mapping, Sequence

from pipeline import features, made_by
from pipeline.errors import UserError
from stages.layout import Layout

STAGES = {"image": "clip", "text": "text"}  # what makes the table of each modality


def load(
    layout: Layout, modalities: Sequence[str], expected: Mapping[str, made_by.Settings]
) -> tuple[features.VideoFeatures, dict[str, made_by.Settings]]:
    """The features of those of `modalities` that the dataset has, and what made their tables.

    `expected` says for each modality what must have (`made_by.features`). Raises `UserError` where
    something else did, or where the dataset was never listed.
    """
    if not layout.manifest.exists():
        raise UserError(
            f"{layout.manifest} does not exist; run `dvc repro manifest@{layout.name}`, and name "
            f"{layout.name} in `datasets` of params.yaml"
        )
    paths = layout.feature_tables(modalities, expected)
    encoders = {
        name: made_by.check_table(
            path, expected[name], f"dvc repro -s -f {STAGES[name]}@{layout.name}"
        )
        for name, path in paths.items()
    }
    return features.load(layout.manifest, paths), encoders


def videos_of(
    layout: Layout, modalities: Sequence[str], expected: Mapping[str, made_by.Settings]
) -> features.VideoFeatures:
    """The same features alone: a function that worker processes can call for themselves."""
    return load(layout, modalities, expected)[0]
