import pytest

from pipeline.report import summary
from pipeline.report.page import render

from .parsed import parse
from .synthetic import SCRIPT, build, metrics, scores, untrained


def data(**counts: int | str) -> dict:
    return metrics() | {"data": counts}


def test_counts_in_plain_words_the_faults_last() -> None:
    assert summary.facts(metrics()["data"]) == [
        ("training videos", "7"),
        ("test videos", "3"),
        ("test frames", "12\u202f600"),
        ("abnormal test frames", "3\u202f150"),
        ("of test frames are abnormal", "25.0%"),
        ("videos left out", "3"),
        ("videos listed but not found", "2"),
        ("labels that contradict one another", "1"),
        ("events cut to their video's length", "5"),
    ]


def test_faults_that_did_not_occur_are_named_together() -> None:
    page = parse(render(build()))
    expected = (
        "None of these: videos found but in no list; further files of a video; test videos that "
        "are training videos too."
    )
    assert expected in [p.text for p in page.find("p", "aside")]
    assert summary.build(build(metrics=data(missing=0))).none == ["videos listed but not found"]


def test_validation_videos_count_where_there_are_any() -> None:
    assert ("validation videos", "2") in summary.facts({"n_validation": 2})
    assert summary.facts({"n_validation": 0, "n_test": 0}) == [("test videos", "0")]


def test_unknown_counts_show_under_their_name() -> None:
    assert summary.facts({"n_moons": 2, "gt_length": "frames"}) == [("n_moons", "2")]


def test_abnormal_videos_without_events_stand_instead_of_a_share() -> None:
    found = summary.facts({"test_frames": 100, "without_events": 4})
    assert found[1:] == [("abnormal test videos without annotated events", "4")]
    assert summary.abnormal_share({"test_frames": 0, "abnormal_test_frames": 0}) is None


@pytest.mark.parametrize(
    ("gt_length", "words"), [("frames", "every frame"), ("floor16", "16·⌊(n − 1)/16⌋")]
)
def test_the_length_of_the_ground_truth_is_said(gt_length: str, words: str) -> None:
    (remark,) = summary.build(build(metrics=data(gt_length=gt_length))).remarks
    assert words in remark


def test_notes_of_the_dataset_are_shown() -> None:
    page = parse(render(build(listing={"notes": ["no <annotations>"]})))
    assert "no <annotations>" in [p.text for p in page.find("p", "aside")]


def test_names_are_said_to_stand_in_the_manifests_summary() -> None:
    where = "The names behind these counts stand in data/tiny/manifest.json ."
    assert where in parse(render(build())).text
    nothing = data(n_train=7, missing=0, left_out=3, events_clipped=1)
    assert where not in parse(render(build(metrics=nothing))).text
    assert where in parse(render(build(metrics=data(in_both_splits=1)))).text


def test_ten_mislabelled_videos_are_shown_with_their_reason() -> None:
    many = {f"v{i:02}": SCRIPT for i in reversed(range(12))}
    page = parse(render(build(listing={"mislabelled": many})))
    details = next(d for d in page.find("details") if "contradict" in d.text)
    rows = [[td.text for td in tr.find("td")] for tr in details.find("tr")[1:]]
    assert rows == [[f"v{i:02}", SCRIPT] for i in range(10)]
    assert "(12)" in details.find("summary")[0].text
    assert "The first 10 by name; data/tiny/manifest.json has all." in details.text
    ten = dict(list(many.items())[:10])
    assert "has all" not in parse(render(build(listing={"mislabelled": ten}))).text


def test_left_out_videos_and_their_reasons() -> None:
    assert summary.left_out(build()) == [
        ("broken", "manifest", "unreadable: moov atom missing"),
        ("forgotten", "evaluate", "has no scores"),
        ("slow", "decode", "timed out"),
    ]


def test_a_video_is_not_to_blame_where_no_head_has_scores() -> None:
    empty = build(metrics=untrained("too few"), scores=scores().iloc[:0])
    assert [video_id for video_id, *_ in summary.left_out(empty)] == ["broken", "slow"]


def test_what_the_captions_are_like_is_told() -> None:
    lines = ["3 captions of 1 videos", "warning: 100 % of captions are one and the same"]
    remarks = summary.build(build(on_captions=lines)).remarks
    assert remarks[-2:] == [f"Captions: {line}" for line in lines]
