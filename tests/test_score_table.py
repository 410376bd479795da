"""The table of scores: written by hand-checked runs, read back, and refused with a reason."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import tables
from pipeline.errors import UserError
from pipeline.score_table import Run, of_runs, read_runs

ROWS: list[dict[str, Any]] = [
    {"video_id": "n", "n_frames": 5, "categories": [], "events": []},
    {
        "video_id": "a",
        "n_frames": 8,
        "categories": ["Fire"],
        "events": [{"start": 4, "end": 6, "category": "Fire"}],
    },
]
CATEGORIES = ["Fighting", "Fire"]
GOOD = np.array([[0.1, 0.1, 0.2, 0.2], [0.1, 0.3, 0.9, 0.4]], dtype=np.float32)
POOR = np.array([[0.1, 0.1, 0.2, 0.2], [0.1, 0.3, 0.15, 0.4]], dtype=np.float32)
CATEGORY_PROB = np.array([[0.25, 0.5], [0.75, 0.1]], dtype=np.float32)
RUNS = [
    Run("refinevad", 0, "last", GOOD, CATEGORY_PROB),
    Run("refinevad", 0, "best_on_test", POOR, CATEGORY_PROB),
    Run("base", 0, "last", POOR, None),
    Run("refinevad", 1, "last", POOR, CATEGORY_PROB[::-1].copy()),
]


def test_of_runs_by_hand() -> None:
    table = of_runs(RUNS[1:3], ROWS)
    tables.check(table, tables.SCORES, "scores")
    assert table.schema == tables.SCORES
    rows = table.to_pylist()
    assert len(rows) == 2 * 2 * 4
    assert {(row["model"], row["seed"], row["checkpoint"]) for row in rows[:8]} == {
        ("refinevad", 0, "best_on_test")
    }
    assert {(row["model"], row["seed"], row["checkpoint"]) for row in rows[8:]} == {
        ("base", 0, "last")
    }
    normal, abnormal = rows[:4], rows[4:8]
    assert [row["video_id"] for row in rows[:8]] == ["n"] * 4 + ["a"] * 4
    assert [row["snippet"] for row in normal] == [0, 1, 2, 3]
    assert [(row["start"], row["end"]) for row in normal] == [(0, 1), (1, 2), (2, 3), (3, 5)]
    assert [(row["start"], row["end"]) for row in abnormal] == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert [row["score"] for row in abnormal] == pytest.approx([0.1, 0.3, 0.15, 0.4])
    assert all(row["category_prob"] == [0.25, 0.5] for row in normal)
    assert all(row["category_prob"] == pytest.approx([0.75, 0.1]) for row in abnormal)
    assert all(row["category_prob"] == [] for row in rows[8:])
    assert {row["seed"] for row in of_runs(RUNS[3:], ROWS).to_pylist()} == {1}


def test_no_runs_are_a_table_without_rows() -> None:
    table = of_runs([], ROWS)
    assert table.schema == tables.SCORES
    assert table.num_rows == 0
    assert read_runs(table.to_pandas(), ROWS, CATEGORIES, "scores") == []


def read(table: pd.DataFrame, name: str = "s.csv") -> list[Run]:
    return read_runs(table, ROWS, CATEGORIES, name)


def assert_same(found: list[Run], expected: list[Run]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.model, one.seed, one.checkpoint) == (other.model, other.seed, other.checkpoint)
        np.testing.assert_array_equal(one.scores, other.scores)  # to the last bit of float32
        if other.category_prob is None:
            assert one.category_prob is None
        else:
            assert one.category_prob is not None
            np.testing.assert_array_equal(one.category_prob, other.category_prob)


def test_what_was_written_is_read() -> None:
    assert_same(read(of_runs(RUNS, ROWS).to_pandas()), RUNS)


def test_rows_may_stand_in_any_order() -> None:
    table = of_runs(RUNS, ROWS).to_pandas()
    found = read(table.sample(frac=1, random_state=3))  # its index is mixed up, too
    order = {(run.model, run.seed, run.checkpoint): number for number, run in enumerate(RUNS)}
    assert_same(sorted(found, key=lambda r: order[r.model, r.seed, r.checkpoint]), RUNS)


def test_scores_alone_are_one_run() -> None:
    table = of_runs(RUNS[:1], ROWS).to_pandas()[["video_id", "snippet", "score"]]
    assert_same(read(table), [Run("scores", 0, "last", GOOD, None)])
    as_text = table.astype({"snippet": str, "score": str})
    assert_same(read(as_text), [Run("scores", 0, "last", GOOD.astype(str).astype(float), None)])
    as_numbers = table.astype({"snippet": float}).assign(seed=3.0)
    assert_same(read(as_numbers), [Run("scores", 3, "last", GOOD, None)])


def test_a_table_may_have_another_number_of_snippets_and_of_columns() -> None:
    table = pd.DataFrame(
        {"video_id": ["a", "n"], "snippet": 0, "score": [2, -1], "model": "x", "more": "text"}
    )
    assert_same(read(table), [Run("x", 0, "last", np.array([[-1.0], [2.0]]), None)])


def scores(**columns: Any) -> pd.DataFrame:
    """A table of two snippets a video, with some columns replaced."""
    table = {
        "video_id": ["a", "a", "n", "n"],
        "snippet": [0, 1, 0, 1],
        "score": [0.1, 0.2, 0.3, 0.4],
    }
    return pd.DataFrame(table | columns)


@pytest.mark.parametrize("column", ["video_id", "snippet", "score"])
def test_a_missing_column_is_named(column: str) -> None:
    rest = [name for name in ("video_id", "snippet", "score") if name != column]
    assert refusal(scores().drop(columns=column)) == (
        f"s.csv: no column '{column}', found {', '.join(rest)}"
    )


def refusal(table: pd.DataFrame) -> str:
    with pytest.raises(UserError) as caught:
        read(table)
    return str(caught.value)


RUN = "s.csv, scores 0 last"
WHOLE = "must have the snippets 0 to 1, each once"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"video_id": ["a", "a", "A", "A"]},
            f"{RUN}: 1 of 2 test videos have no score (n); "
            "score them too, or leave them out of the dataset's test split",
        ),
        ({"snippet": [0, 1, 0, 0]}, f"{RUN}: n {WHOLE}; missing: 1"),
        (
            {"snippet": [0, 1.5, 0, 1]},
            "s.csv, row 2: snippet must be a whole number, found 1.5",
        ),
        (
            {"snippet": ["0", "1", "zero", "1"]},
            "s.csv, row 3: snippet must be a whole number, found zero",
        ),
        (
            {"snippet": [0, 1, 0, None]},
            "s.csv, row 4: snippet must be a whole number, found nan",
        ),
        ({"seed": [0, 0, "x", 0]}, "s.csv, row 3: seed must be a whole number, found x"),
        ({"seed": [0, 0, 0, 0.5]}, "s.csv, row 4: seed must be a whole number, found 0.5"),
        ({"video_id": ["a", "a", "n", None]}, "s.csv, row 4: no video_id"),
        ({"model": ["m", None, "m", "m"]}, "s.csv, row 2: no model"),
        ({"checkpoint": [None] * 4}, "s.csv, row 1: no checkpoint"),
    ],
)
def test_what_is_wrong_is_named(columns: dict[str, Any], message: str) -> None:
    assert refusal(scores(**columns)) == message


def test_an_immense_snippet_number_is_refused_at_once() -> None:
    last = 10**15
    assert refusal(scores(snippet=[0, last, 0, 1])) == (
        f"{RUN}: n must have the snippets 0 to {last}, each once; missing: 2, 3, 4, 5, 6, ..."
    )


def test_videos_that_are_no_test_videos_are_named() -> None:
    table = pd.concat([scores(), scores(video_id=["x", "x", "y", "y"])])
    assert refusal(table) == f"{RUN}: 2 videos are no test videos (x, y)"


def test_many_names_are_cut_short() -> None:
    more = [{**ROWS[0], "video_id": str(number)} for number in range(7)]
    with pytest.raises(
        UserError, match=r"7 of 9 test videos have no score \(0, 1, 2, 3, 4, \.\.\.\)"
    ):
        read_runs(scores(), [*ROWS, *more], CATEGORIES, "s.csv")


def test_snippets_given_twice_or_below_0_are_named() -> None:
    twice = pd.concat([scores(), scores().iloc[3:]])
    assert refusal(twice) == f"{RUN}: n {WHOLE}; repeated or below 0: 1"
    below = pd.concat([scores(), scores(snippet=[-1, 0, -1, 0]).iloc[[0, 2]]])
    assert refusal(below) == f"{RUN}: n {WHOLE}; repeated or below 0: -1"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), "high", None])
def test_a_score_that_is_no_finite_number_is_named(wrong: object) -> None:
    table = scores(score=[0.1, wrong, wrong, 0.4])
    assert refusal(table) == (
        f"{RUN}: 2 scores are not finite numbers, the first is that of n, snippet 0"
    )


def test_only_the_run_that_is_wrong_is_named() -> None:
    table = pd.concat([scores(model="one", seed=1), scores(model="two", seed=7).iloc[1:]])
    assert refusal(table) == f"s.csv, two 7 last: a {WHOLE}; missing: 0"


def test_category_probabilities_of_another_number_are_refused() -> None:
    assert refusal(scores(category_prob=[[0.1] * 3] * 4)) == (
        f"{RUN}: category_prob must hold 2 numbers, the dataset's categories in order, or none; "
        "found lengths [3]"
    )
    mixed = refusal(scores(category_prob=[[0.1] * 2, [0.1] * 2, [], []]))
    assert mixed.endswith("found lengths [0, 2]")


@pytest.mark.parametrize("wrong", [[0.5, 0.4], [0.5, float("nan")]])
def test_category_probabilities_differing_within_a_video_are_refused(wrong: list[float]) -> None:
    per_video = [[0.5, 0.3], [0.5, 0.3], [0.1, 0.2], [0.1, 0.2]]
    (run,) = read(scores(category_prob=per_video))
    assert run.category_prob is not None
    assert run.category_prob.tolist() == [[0.1, 0.2], [0.5, 0.3]]  # in the manifest's order
    assert refusal(scores(category_prob=[per_video[0], wrong, *per_video[2:]])) == (
        f"{RUN}: category_prob is the video's: finite, and the same in all its snippets"
    )


def test_category_probabilities_that_are_not_finite_are_refused() -> None:
    endless = [0.5, float("inf")]
    assert refusal(scores(category_prob=[endless] * 4)).endswith("the same in all its snippets")


@pytest.mark.parametrize(("wrong", "shown"), [("[0.1, 0.2]", "'[0.1, 0.2]'"), (None, "None")])
def test_category_probabilities_that_are_no_lists_are_refused(wrong: object, shown: str) -> None:
    assert refusal(scores(category_prob=[[0.1, 0.2]] * 2 + [wrong] * 2)) == (
        f"{RUN}: category_prob must be a list of numbers, found {shown}; "
        "CSV cannot hold lists, Parquet can"
    )


def test_frames_of_another_cut_are_refused() -> None:
    table = of_runs(RUNS[2:3], ROWS).to_pandas()
    fewer = table[table["snippet"] < 3]  # each video misses its last snippet
    assert refusal(fewer) == (
        "s.csv, base 0 last: n, snippet 2 of 3: start is 2, expected 3; "
        "is a snippet missing, or the video another?"
    )
    assert "end is 9, expected 8" in refusal(table.replace({"end": {8: 9}}))
    assert len(read(fewer.drop(columns=["start", "end"]))) == 1


@pytest.mark.parametrize("name", ["floors", "data", "note"])
def test_a_model_of_a_reserved_name_is_refused(name: str) -> None:
    table = of_runs([Run(name, 0, "last", GOOD, None)], ROWS).to_pandas()
    assert (
        refusal(table) == f"s.csv: '{name}' stands for something else in metrics; rename the model"
    )
