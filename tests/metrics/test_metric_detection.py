"""mAP at IoU thresholds: by hand, against plain loops over frames, and known values."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics import detection
from pipeline.metrics.detection import IOUS, NORMAL, ClassifiedVideo, mean_ap
from pipeline.video.snippets import edges
from tests.metrics.plain_detection import TEST_SETS, make_video, plain_mean_ap

FLAT = [0.5] * 4  # a curve without segments
LATE = [0.0, 0.0, 0.0, 0.8]  # of 8 frames: one segment, [6, 8)
EARLY = [0.9, 0.0, 0.0, 0.0]  # one segment, [0, 2), of a higher score


def plain(videos: list[ClassifiedVideo], *, compat: bool = False) -> list[float]:
    """The values of one row of ones."""
    (row,) = mean_ap(videos, np.ones((1, len(videos))), compat=compat)
    return row.tolist()


def weighted(videos: list[ClassifiedVideo], *weights: float, compat: bool = False) -> list[float]:
    (row,) = mean_ap(videos, np.array([weights], dtype=np.float64), compat=compat)
    return row.tolist()


HIT = make_video("hit", 8, [EARLY, LATE], (6, 8, 0))
FALSE_ALARM = make_video("false alarm", 8, [LATE, EARLY])
HIT_OF_TWO_CLASSES = make_video("two", 8, [EARLY, LATE, LATE], (6, 8, 0), (6, 8, 1))


def test_precision_at_each_true_positive_over_the_number_of_events() -> None:
    assert plain([HIT]) == [1.0] * 6
    # the false alarm ranks first: precision 1/2 at the only event
    assert plain([FALSE_ALARM, HIT]) == [0.5] * 6
    # a second event is found nowhere
    missed = make_video("missed", 8, [EARLY, LATE], (6, 8, 0), (0, 4, 0))
    assert plain([missed]) == [0.5] * 6
    assert plain([FALSE_ALARM, missed]) == [0.25] * 6
    # ranks: false alarm, hit, hit of three events: (1/2 + 2/3) / 3
    assert plain([FALSE_ALARM, HIT, missed]) == pytest.approx([(1 / 2 + 2 / 3) / 3] * 6)


def test_each_iou_has_its_value_and_the_last_is_their_mean() -> None:
    # [6, 8) and [3, 8) have IoU 2/5
    video = make_video("v", 8, [EARLY, LATE], (3, 8, 0))
    assert plain([video]) == [1.0, 1.0, 1.0, 1.0, 0.0, 0.8]
    assert len(IOUS) == 5


def test_the_corrected_mean_is_over_categories_with_an_event() -> None:
    # category 0 is found, 1 has an event and no segment, 2 a segment and no event
    videos = [
        make_video("a", 8, [EARLY, LATE, FLAT, FLAT], (6, 8, 0)),
        make_video("b", 8, [FLAT, FLAT, FLAT, LATE], (0, 8, 1)),
    ]
    assert plain(videos) == [0.5] * 6


def test_the_compat_mean_is_over_normal_and_all_categories() -> None:
    # Normal has a segment and can meet nothing; category 1 has a segment and no event.
    videos = [make_video("a", 8, [EARLY, LATE, LATE], (6, 8, 0))]
    assert plain(videos, compat=True) == pytest.approx([1 / 3] * 6)
    assert plain(videos) == [1.0] * 6


@pytest.mark.parametrize("without_segment", [0, 1, 2])
def test_one_class_without_any_segment_makes_compat_zero_and_not_the_corrected(
    without_segment: int,
) -> None:
    curves = [EARLY, LATE, LATE]
    curves[without_segment] = FLAT
    videos = [make_video("v", 8, curves, (6, 8, 0), (6, 8, 1)), HIT_OF_TWO_CLASSES]
    assert plain(videos, compat=True)[0] > 0
    assert plain(videos[:1], compat=True) == [0.0] * 6
    assert plain(videos[:1]) == [1.0 if without_segment == 0 else 0.5] * 6
    # so it is in a resample in which the other video is not drawn
    assert weighted(videos, 1, 0, compat=True) == [0.0] * 6
    assert weighted(videos, 1, 0) == plain(videos[:1])


def test_normal_can_be_annotated_and_then_counts_in_compat_alone() -> None:
    videos = [HIT, make_video("n", 8, [EARLY, LATE], (0, 8, NORMAL))]
    # ranked by the order of videos; the normal one meets at IoU 2/8
    assert plain(videos, compat=True) == [0.75, 0.75, 0.5, 0.5, 0.5, 0.6]
    unmarked = [HIT, make_video("n", 8, [EARLY, LATE])]
    assert plain(unmarked, compat=True) == [0.5] * 6
    assert plain(videos) == plain(unmarked) == [1.0] * 6


def test_without_an_event_there_is_no_value() -> None:
    for compat in (False, True):
        assert np.isnan(plain([FALSE_ALARM], compat=compat)).all()
        assert np.isnan(weighted([HIT, FALSE_ALARM], 0, 1, compat=compat)).all()
        assert np.isnan(mean_ap([], np.ones((2, 0)), compat=compat)).all()
        assert mean_ap([], np.ones((2, 0)), compat=compat).shape == (2, 6)
        assert mean_ap([HIT], np.ones((0, 1)), compat=compat).shape == (0, 6)
    normal = [make_video("n", 8, [EARLY, LATE], (0, 8, NORMAL))]
    assert np.isnan(plain(normal)).all()


def test_events_without_any_segment_are_worth_nothing() -> None:
    video = make_video("v", 8, [FLAT, FLAT], (0, 8, 0))
    assert plain([video]) == plain([video], compat=True) == [0.0] * 6


@given(TEST_SETS)
def test_both_forms_against_plain_loops(videos: list[ClassifiedVideo]) -> None:
    for compat in (False, True):
        expected = plain_mean_ap(videos, [1] * len(videos), compat=compat)
        assert plain(videos, compat=compat) == pytest.approx(expected, nan_ok=True, abs=1e-12)


@given(TEST_SETS, st.data())
def test_weights_against_repeated_videos(
    videos: list[ClassifiedVideo], data: st.DataObject
) -> None:
    """The oracle repeats the videos and lets copies of one segment share a rank, as ours do."""
    counts = st.lists(st.integers(0, 2), min_size=len(videos), max_size=len(videos))
    rows = data.draw(st.lists(counts, min_size=1, max_size=3))
    for compat in (False, True):
        found = mean_ap(videos, np.array(rows, dtype=np.float64), compat=compat)
        expected = [plain_mean_ap(videos, row, compat=compat) for row in rows]
        assert found == pytest.approx(np.array(expected), nan_ok=True, abs=1e-12)


@given(TEST_SETS, st.data())
def test_weights_of_zero_and_one_are_a_choice_of_videos(
    videos: list[ClassifiedVideo], data: st.DataObject
) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=len(videos), max_size=len(videos)))
    kept = [video for video, flag in zip(videos, flags, strict=True) if flag]
    for compat in (False, True):
        found = weighted(videos, *flags, compat=compat)
        assert found == pytest.approx(plain(kept, compat=compat), nan_ok=True, abs=1e-12)


@given(TEST_SETS, st.integers(2, 5))
def test_equal_weights_change_nothing(videos: list[ClassifiedVideo], times: int) -> None:
    for compat in (False, True):
        found = weighted(videos, *[times] * len(videos), compat=compat)
        assert found == pytest.approx(plain(videos, compat=compat), nan_ok=True, abs=1e-12)


def test_copies_of_a_segment_share_a_rank() -> None:
    # The false alarm, then both copies of the hit: precision 2/3 for both.
    assert weighted([FALSE_ALARM, HIT], 1, 2) == pytest.approx([2 / 3] * 6)
    # In a test set that lists the video twice, its copies stand one after the other.
    assert plain([FALSE_ALARM, HIT, HIT]) == pytest.approx([(1 / 2 + 2 / 3) / 2] * 6)
    # The false alarm twice, then the hit.
    assert weighted([FALSE_ALARM, HIT], 2, 1) == pytest.approx([1 / 3] * 6)
    assert plain([FALSE_ALARM, FALSE_ALARM, HIT]) == pytest.approx([1 / 3] * 6)


def test_a_category_whose_videos_are_not_drawn_leaves_the_corrected_mean() -> None:
    first = make_video("a", 8, [EARLY, LATE, FLAT], (6, 8, 0))
    second = make_video("b", 8, [EARLY, FLAT, EARLY], (6, 8, 1))  # a miss
    assert plain([first, second]) == [0.5] * 6
    assert weighted([first, second], 3, 0) == [1.0] * 6
    assert weighted([first, second], 0, 1) == [0.0] * 6


def test_rows_do_not_depend_on_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    videos = [
        make_video(str(number), 64, rng.random((3, 8)).tolist(), (8, 40, number % 2))
        for number in range(6)
    ]
    weights = rng.integers(0, 3, (20, 6)).astype(np.float64)
    whole = mean_ap(videos, weights, compat=False)
    assert len(np.unique(whole)) > 20
    for chunk in (1, 100, 150):
        monkeypatch.setattr(detection, "CHUNK", chunk)
        assert np.array_equal(mean_ap(videos, weights, compat=False), whole)
    alone = [mean_ap(videos, row[None], compat=False)[0] for row in weights]
    assert np.array_equal(alone, whole)


@pytest.mark.parametrize("shape", [(2,), (1, 1), (1, 3), (1, 2, 1)])
def test_weights_of_another_shape_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected weights \(R, 2\), found"):
        mean_ap([HIT, FALSE_ALARM], np.ones(shape), compat=False)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weights_that_count_nothing_sensible_are_an_error(weight: float) -> None:
    with pytest.raises(ValueError, match="a weight is below 0 or not finite"):
        mean_ap([HIT], np.array([[weight]]), compat=False)


def test_videos_of_unequal_classes_are_an_error() -> None:
    videos = [HIT, make_video("v", 8, [EARLY, LATE, LATE])]
    with pytest.raises(ValueError, match=r"classes; expected one number"):
        plain(videos)


Event = tuple[int, int, int]


@pytest.fixture(scope="module")
def ucf_events(shared_data: Path) -> dict[str, tuple[int, tuple[Event, ...]]]:
    """Length and events of each UCF-Crime test video; two events end a frame past the array."""
    with np.load(shared_data / "ground_truth" / "ucf_test_frame_gt.npz") as arrays:
        lengths = {name: len(arrays[name]) for name in arrays.files}
    path = shared_data / "ucf_crime" / "annotations" / "Temporal_Anomaly_Annotation.txt"
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line]
    categories = sorted({line[1] for line in lines} - {"Normal"})
    assert len(lengths) == len(lines) == 290
    assert len(categories) == 13
    truth = {}
    for name, category, *bounds in lines:
        n_frames = lengths[Path(name).stem]
        pairs = zip(map(int, bounds[::2]), map(int, bounds[1::2]), strict=True)
        events = [(s, min(e, n_frames), categories.index(category)) for s, e in pairs if s >= 0]
        truth[Path(name).stem] = (n_frames, tuple(events))
    return truth


def perfect(video_id: str, n_frames: int, events: tuple[Event, ...], t: int) -> ClassifiedVideo:
    """Curves of T snippets: the share of each category's frames, Normal the share of the others."""
    frames = np.zeros((n_frames, 14))
    for start, end, category in events:
        frames[start:end, category + 1] = 1.0
    cuts = edges(n_frames, t)
    curves = np.add.reduceat(frames, cuts[:-1]) / np.diff(cuts)[:, None]
    curves[:, 0] = 1.0 - curves[:, 1:].sum(axis=1)
    return ClassifiedVideo(video_id, n_frames, curves, events)


def test_perfect_frames_of_ucf_crime(ucf_events: dict[str, tuple[int, tuple[Event, ...]]]) -> None:
    videos = [perfect(name, n, events, n) for name, (n, events) in ucf_events.items()]
    assert plain(videos, compat=True) == pytest.approx([13 / 14] * 6, abs=1e-12)
    assert plain(videos) == pytest.approx([1.0] * 6, abs=1e-12)


def test_perfect_snippets_of_ucf_crime(
    ucf_events: dict[str, tuple[int, tuple[Event, ...]]],
) -> None:
    """32 snippets lose the short events of long videos."""
    videos = [perfect(name, n, events, 32) for name, (n, events) in ucf_events.items()]
    percent = 100 * np.array(plain(videos, compat=True))
    assert percent[:5].round(1).tolist() == [91.8, 91.6, 90.9, 90.3, 90.0]
    # Normal adds 0 and the 14th class, no more: the other 13 all have events and segments.
    corrected = 100 * np.array(plain(videos))
    assert corrected == pytest.approx(percent * 14 / 13)
    assert corrected.round(1).tolist() == [98.9, 98.6, 97.9, 97.3, 96.9, 97.9]
