"""The ablation's numbers against a plain bootstrap over frames written out one by one."""

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline import ablation, ablation_text
from pipeline.config import Ablation, Evaluate, Features
from pipeline.features import VideoFeatures
from pipeline.metrics.bootstrap import resample_weights
from pipeline.score_table import Run
from tests.models.toy import FRAMES_PER_SNIPPET, LAYOUT
from tests.trying import FULL, N_TEST, PLAIN, load

JUDGING = Evaluate(false_alarm_threshold=0.5, gt_length="frames", resamples=60)
SETTINGS = Ablation.model_validate(
    {
        "datasets": ["toy"],
        "reference": "all",
        "rows": {
            "plain": {"head": "base", "published": {"toy": 0.846, "other": 0.1}},
            "all": {},
            "tuned": {"settings": {"motar": {"shift": "none"}}, "train": {"lr": 0.1}},
        },
    }
)
VARIANTS = [PLAIN, FULL, replace(FULL, name="tuned")]
SEEDS = (4, 9)
ABSENT = "it is not there | nor here"


def scores(row: str, seed: int, checkpoint: str = "last") -> np.ndarray[Any, Any]:
    """Random ones, better by row."""
    rng = np.random.default_rng([*row.encode(), seed, *checkpoint.encode()])
    noise = rng.random((N_TEST, LAYOUT.n_snippets))
    return noise + {"plain": 0.0, "all": 0.5}[row] * truth().reshape(N_TEST, -1, 5).max(axis=2)


def truth() -> np.ndarray[Any, Any]:
    """Of each frame (V, F) whether it is abnormal."""
    found = np.zeros((N_TEST, FRAMES_PER_SNIPPET * LAYOUT.n_snippets))
    for video, row in enumerate(load().split("test").rows):
        for event in row["events"]:
            found[video, event["start"] : event["end"]] = 1
    return found


def runs() -> list[Run]:
    return [
        Run(row, seed, checkpoint, scores(row, seed, checkpoint), None)
        for row in ("plain", "all")
        for seed in SEEDS
        for checkpoint in ("last", "best_on_test")
    ]


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return ablation.table(SETTINGS, VARIANTS, runs(), {"tuned": ABSENT}, load(), "toy", JUDGING)


def plainly(row: str, seed: int, drawn: list[int]) -> dict[str, float]:
    """Metrics of the videos drawn, frame by frame."""
    frames = np.repeat(scores(row, seed), FRAMES_PER_SNIPPET, axis=1)[drawn]
    label = truth()[drawn]
    abnormal = label.any(axis=1)
    bags = np.sort(scores(row, seed), axis=1)[:, -2:].mean(axis=1)[drawn]
    return {
        "frame_auc": roc_auc_score(label.ravel(), frames.ravel()),
        "ano_auc": roc_auc_score(label[abnormal].ravel(), frames[abnormal].ravel()),
        "ap": average_precision_score(label.ravel(), frames.ravel()),
        "video_auc": roc_auc_score(abnormal, bags),
    }


def test_means_and_spreads_are_those_of_the_frames_one_by_one(table: dict[str, Any]) -> None:
    everyone = list(range(N_TEST))
    for row in ("plain", "all"):
        expected = [plainly(row, seed, everyone) for seed in SEEDS]
        for metric, found in table["rows"][row]["checkpoints"]["last"].items():
            own = [each[metric] for each in expected]
            assert found["per_seed"] == pytest.approx(own)
            assert found["mean"] == pytest.approx(np.mean(own))
            assert found["std"] == pytest.approx(np.std(own, ddof=1))


def test_a_difference_is_paired_by_seed_and_by_video(table: dict[str, Any]) -> None:
    abnormal = truth().any(axis=1)
    differences: dict[str, list[float]] = {}
    for counts in resample_weights(abnormal, JUDGING.resamples):
        drawn = [video for video, count in enumerate(counts) for _ in range(int(count))]
        by_seed = [(plainly("plain", s, drawn), plainly("all", s, drawn)) for s in SEEDS]
        for metric in by_seed[0][0]:
            own = np.mean([plain[metric] - full[metric] for plain, full in by_seed])
            differences.setdefault(metric, []).append(float(own))
    entry = table["rows"]["plain"]["checkpoints"]["last"]
    assert sorted(entry) == sorted(differences)
    for metric, (whole, *resampled) in differences.items():
        found = entry[metric]["difference"]
        assert found["mean"] == pytest.approx(whole)
        assert found["interval"] == pytest.approx(list(np.quantile(resampled, [0.025, 0.975])))
        assert found["mean"] == pytest.approx(np.mean(found["per_seed"]))
        assert len(found["per_seed"]) == 2


def test_the_pairing_narrows_the_interval() -> None:
    """A row that is `all` with a little noise differs by little, whatever videos are drawn."""
    rng = np.random.default_rng(0)
    close = [
        replace(run, model="tuned", scores=run.scores + 0.02 * rng.random(run.scores.shape))
        for run in runs()
        if run.model == "all"
    ]
    found = ablation.table(SETTINGS, VARIANTS, [*runs(), *close], {}, load(), "toy", JUDGING)
    entry = found["rows"]["tuned"]["checkpoints"]["last"]["frame_auc"]
    low, high = entry["interval"]
    closer, farther = entry["difference"]["interval"]
    assert farther - closer < (high - low) / 4


def test_rows_stand_in_order_with_what_they_are(table: dict[str, Any]) -> None:
    rows = table["rows"]
    assert list(rows) == ["plain", "all", "tuned"]
    assert (table["reference"], table["n_train"], table["n_test"]) == ("all", 12, 8)
    assert list(rows["all"]["checkpoints"]) == ["last", "best_on_test"]
    assert all("difference" not in found for found in rows["all"]["checkpoints"]["last"].values())
    assert rows["plain"]["published"] == 0.846
    assert rows["all"]["published"] is None
    assert rows["tuned"] == {
        "head": "refinevad",
        "changes": {"motar.shift": "none", "train.lr": 0.1},
        "published": None,
        "reason": ABSENT,
    }
    # base: 10 -> 8 -> 8 -> 1, each with biases
    assert rows["plain"]["parameters"] == 10 * 8 + 8 + 8 * 8 + 8 + 8 + 1


def test_without_the_reference_there_is_no_difference() -> None:
    only = [run for run in runs() if run.model == "plain"]
    found = ablation.table(SETTINGS, [PLAIN], only, {}, load(), "toy", JUDGING)
    assert "difference" not in found["rows"]["plain"]["checkpoints"]["last"]["ap"]


def test_what_is_undefined_has_its_reason_in_the_difference_too() -> None:
    videos = load()
    for row in videos.rows:
        row["events"] = []
    found = ablation.table(SETTINGS, VARIANTS[:2], runs(), {}, videos, "toy", JUDGING)
    entry = found["rows"]["plain"]["checkpoints"]["last"]
    assert entry["frame_auc"]["mean"] is None
    assert "4 abnormal videos have no annotated event" in entry["frame_auc"]["reason"]
    assert entry["frame_auc"]["difference"]["reason"] == entry["frame_auc"]["reason"]
    assert entry["video_auc"]["difference"]["mean"] is not None
    assert "n/a" in ablation_text.tables(found)


def test_trials_are_those_of_the_stage_train() -> None:
    first, second, third, _ = ablation.trials(VARIANTS[:2], [4, 9], load())
    assert [first.name, second.name, third.name] == [
        "plain, seed 4",
        "plain, seed 9",
        "all, seed 4",
    ]
    assert first.train == tuple(range(12))
    assert first.validation == tuple(range(12, 16))
    assert first.test == tuple(range(16, 24))
    assert first.watched


def kept(*splits: str) -> VideoFeatures:
    return load().split(*splits)


@pytest.mark.parametrize(
    ("videos", "changes", "reason"),
    [
        (kept("train", "test"), {}, None),
        (kept("train", "validation", "test"), {"patience": 2}, None),
        (kept("train", "test"), {"patience": 2}, "train.patience needs validation videos"),
        (kept("train"), {}, "there is no usable test video"),
        (kept("test"), {}, "not trained: training needs normal and abnormal videos"),
    ],
)
def test_a_row_that_cannot_be_had_says_why(
    videos: VideoFeatures, changes: dict[str, Any], reason: str | None
) -> None:
    own = replace(FULL, train=FULL.train.model_copy(update=changes))
    found = ablation.why_absent(own, videos)
    assert found is None if reason is None else str(found).startswith(reason)
    text = replace(own, features=Features(modalities=["text"], center=True, normalise="l2"))
    told = ablation.why_absent(text, videos.only(["image"]))
    assert told == "'all' reads text features, of which the videos have none (they have: image)"


def test_the_text_marks_what_is_sure(table: dict[str, Any]) -> None:
    text = ablation_text.as_markdown(table)
    entry = table["rows"]["plain"]["checkpoints"]["last"]["frame_auc"]
    assert entry["difference"]["interval"][1] < 0
    cell = f"{entry['mean']:.3f} ± {entry['std']:.3f} {entry['difference']['mean']:+.3f}*"
    assert cell in text
    assert text.count("| plain") == 2  # a table a checkpoint
    assert text.index("Last epoch") < text.index("Best epoch on the test videos")
    assert "published frame AUC" in text
    assert "0.8460" in text
    assert "- tuned: not available: it is not there" in text
    assert "- tuned: motar.shift none, train.lr 0.1\n" in text
    assert "- plain: head base (169 parameters)\n" in text
    assert "- all: no change (" in text
    entry["difference"]["interval"][1] = 0.01
    assert cell not in ablation_text.as_markdown(table)
    entry["difference"]["interval"] = [0.001, 0.01]
    assert cell in ablation_text.as_markdown(table)


def test_nothing_is_sure_where_the_epoch_was_chosen_on_the_test_videos(
    table: dict[str, Any],
) -> None:
    chosen = table["rows"]["plain"]["checkpoints"]["best_on_test"]
    assert any(ablation_text.excludes_zero(entry["difference"]) for entry in chosen.values())
    for entry in chosen.values():
        shown = ablation_text.shown_difference(entry, "best_on_test")
        assert shown == {k: v for k, v in entry["difference"].items() if k != "interval"}
        assert ablation_text.shown_difference(entry, "last") == entry["difference"]
    last, best = ablation_text.tables(table).split("Best epoch on the test videos")
    assert "*" in last
    assert "*" not in best
    assert f"{chosen['frame_auc']['difference']['mean']:+.3f} |" in best


def test_the_sentence_about_stars_counts_the_rows_that_can_have_one(table: dict[str, Any]) -> None:
    assert "Of 1 row without" in ablation_text.about_stars(table)  # `tuned` is absent
    more = table | {"rows": {**table["rows"], "x": {}, "y": {}}}
    said = ablation_text.about_stars(more)
    assert "Of 3 rows without" in said
    assert "other seeds and other training videos would move a difference too" in said
    assert said in ablation_text.how_to_read(more)
    without = table["rows"] | {"all": {"reason": ABSENT}}
    assert ablation_text.about_stars(table | {"rows": without}) == ""
    assert ablation_text.about_stars(table | {"rows": {"all": {}}}) == ""


def test_the_csv_has_every_number(table: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO(ablation_text.as_csv(table))))
    assert [(line["row"], line["checkpoint"]) for line in lines] == [
        ("plain", "last"),
        ("plain", "best_on_test"),
        ("all", "last"),
        ("all", "best_on_test"),
        ("tuned", ""),
    ]
    entry = table["rows"]["plain"]["checkpoints"]["best_on_test"]["ap"]
    assert float(lines[1]["ap_std"]) == entry["std"]
    assert float(lines[1]["ap_high"]) == entry["interval"][1]
    assert float(lines[1]["ap_difference_mean"]) == entry["difference"]["mean"]
    assert float(lines[1]["ap_difference_low"]) == entry["difference"]["interval"][0]
    assert lines[2]["ap_difference_mean"] == ""
    assert lines[4]["reason"] == ABSENT


def test_a_dataset_that_is_not_named_says_where_to_name_it() -> None:
    found = ablation.not_asked(SETTINGS, "own")
    assert found["rows"] == {}
    for text in (ablation_text.tables(found), ablation_text.as_markdown(found)):
        assert "`ablation.datasets` in params.yaml does not name it" in text
    assert len(ablation_text.as_csv(found).splitlines()) == 1


def test_looking_at_a_row_copies_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = load()
    image = replace(FULL, features=Features(modalities=["image"], center=True, normalise="l2"))

    def refused(*_: Any) -> None:
        raise AssertionError("features are copied")

    monkeypatch.setattr(VideoFeatures, "select", refused)
    monkeypatch.setattr(VideoFeatures, "only", refused)
    assert ablation.why_absent(image, videos) is None
    assert ablation.n_parameters(image, videos) < ablation.n_parameters(FULL, videos)
