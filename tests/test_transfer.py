"""Rows of the transfer table, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import transfer
from pipeline.config import Evaluate
from pipeline.errors import UserError
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import scored_videos
from pipeline.score_table import Run
from tests.models.toy import LAYOUT, base, refinevad, toy_videos
from tests.training.test_frozen import source, variant

VIDEOS = toy_videos(8, seed=1)
TEST = replace(VIDEOS, rows=[{**row, "split": "test"} for row in VIDEOS.rows])
JUDGING = Evaluate(false_alarm_threshold=0.5, gt_length="frames", resamples=20)


def run(model: str, seed: int, checkpoint: str = "last") -> Run:
    scores = np.random.default_rng(seed).random((8, LAYOUT.n_snippets))
    return Run(model, seed, checkpoint, scores, np.ones((8, 2)))


def test_a_trial_for_each_head_with_core(tmp_path: Path) -> None:
    folders = {
        ("refinevad", 0): source(tmp_path / "r0", refinevad()),
        ("refinevad", 4): source(tmp_path / "r4", refinevad()),
        ("base", 0): source(tmp_path / "b0", base()),
    }
    mixed = replace(
        VIDEOS,
        rows=[{**row, "split": ["train", "test"][i % 4 == 3]} for i, row in enumerate(VIDEOS.rows)],
    )
    variants = [variant(refinevad()), replace(variant(refinevad()), name="base")]
    found = transfer.trials(variants, folders, mixed, "core")
    assert [(trial.variant.name, trial.seed) for trial in found] == [
        ("refinevad", 0),
        ("refinevad", 4),
    ]
    assert found[0].train == (0, 1, 2, 4, 5, 6)
    assert found[0].test == (3, 7)
    assert found[1].core is not None
    assert found[1].core.folder == tmp_path / "r4"


def test_rows_stand_by_head_and_in_the_papers_order() -> None:
    runs = [
        *transfer.named([run("refinevad", 0), run("base", 0)], "no training"),
        *transfer.named([run("refinevad", 1)], "CORE frozen"),
        *transfer.named(
            [run("refinevad", 2), run("base", 2), run("base", 2, "best_on_test")],
            "trained on target",
        ),
    ]
    found = transfer.summary(runs, {"other: no training": "no head"}, TEST, JUDGING)
    assert list(found) == [
        "base: trained on target",
        "base: no training",
        "other: no training",
        "refinevad: trained on target",
        "refinevad: CORE frozen",
        "refinevad: no training",
    ]
    assert list(found["base: trained on target"]) == ["last", "best_on_test"]
    scored = scored_videos(TEST.rows, run("refinevad", 1).scores)
    expected = frame_metrics(scored, np.ones((1, 8)))
    own = found["refinevad: CORE frozen"]["last"]
    for name in ("frame_auc", "ano_auc", "ap"):
        value = expected[(name,)]
        assert isinstance(value, np.ndarray)
        assert own[name]["mean"] == pytest.approx(value[0])
        assert len(own[name]["interval"]) == 2
    text = transfer.as_text({"source": "a", "target": "b", "n_test": 8, "rows": found})
    assert text.splitlines()[0] == "a -> b, 8 test videos"
    assert f" {own['frame_auc']['mean']:.3f} " in text
    assert "±" not in text  # of one seed each
    own["frame_auc"] |= {"std": 0.0126, "per_seed": [0.1, 0.2]}
    again = transfer.as_text({"source": "a", "target": "b", "n_test": 8, "rows": found})
    assert f"{own['frame_auc']['mean']:.3f} ± 0.013" in again
    assert "other: no training: not available: no head" in text.splitlines()
    assert len(text.splitlines()) == 2 + 6 + 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"widths": {"image": 6}}, r"widths \{'image': 6, 'text': 4\}.*have \{'image': 6\}"),
        ({"n_snippets": 8}, r"n_snippets 16.*have 8"),
    ],
)
def test_features_of_another_shape_are_refused(
    changes: dict[str, object], told: str, tmp_path: Path
) -> None:
    folder = source(tmp_path, refinevad())
    transfer.check_fits(folder, VIDEOS)
    other = replace(VIDEOS, layout=replace(LAYOUT, **changes))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=told):
        transfer.check_fits(folder, other)
