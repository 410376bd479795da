import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.listing import Event
from pipeline.datasets.table_events import parse_events
from pipeline.errors import UserError


@pytest.mark.parametrize(
    ("text", "unit", "categories", "events"),
    [
        ("", "frames", ("Fall",), []),
        ("", "frames", (), []),
        (" ; ", "seconds", (), []),
        ("0-1", "frames", ("Fall",), [Event(0, 1, "Fall")]),
        (
            "10-20; 30 - 45 :Fall;",
            "frames",
            ("Fall",),
            [Event(10, 20, "Fall"), Event(30, 45, "Fall")],
        ),
        (
            "5-6:Fight;1-3:Road Accident",
            "frames",
            ("Road Accident", "Fight"),
            [Event(5, 6, "Fight"), Event(1, 3, "Road Accident")],
        ),
        ("1.5-2", "seconds", ("Fall",), [Event(1.5, 2.0, "Fall", "seconds")]),
        ("0-.25:a:b", "seconds", ("a:b", "c"), [Event(0, 0.25, "a:b", "seconds")]),
    ],
)
def test_a_cell_of_events(
    text: str, unit: str, categories: tuple[str, ...], events: list[Event]
) -> None:
    assert parse_events(text, unit, categories, "t.csv:2") == events  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "unit", "categories", "complaint"),
    [
        ("1-2", "frames", (), "a normal video has no event, found '1-2'"),
        ("1-2:Fell", "frames", ("Fall", "Fight"), r"'Fell' is not one of this video's \(Fall, Fig"),
        ("1-2", "frames", ("Fall", "Fight"), r"several categories \(Fall, Fight\); say which"),
        ("9-9", "frames", ("Fall",), "event '9-9' must end after its start"),
        ("3-5; 9-2", "seconds", ("Fall",), "event '9-2' must end after its start"),
        ("-1-5", "frames", ("Fall",), "event '-1-5' has a negative number"),
        ("-0.5-5", "seconds", ("Fall",), "event '-0.5-5' has a negative number"),
        ("5--1", "frames", ("Fall",), "event '5--1' has a negative number"),
        ("a-5", "frames", ("Fall",), "event 'a-5': 'a' is not a number"),
        ("1-b", "seconds", ("Fall",), "event '1-b': 'b' is not a number"),
        ("1-nan", "seconds", ("Fall",), "'nan' is not a number"),
        ("1-inf", "seconds", ("Fall",), "'inf' is not a number"),
        ("1.5-2", "frames", ("Fall",), "'1.5' is no whole number of frames; put seconds into"),
        ("12", "frames", ("Fall",), "expected start-end or start-end:Category, found '12'"),
        ("00:10-00:20", "seconds", ("Fall",), "expected start-end or start-end:Category"),
        ("1-2-3", "frames", ("Fall",), "expected start-end or start-end:Category"),
        ("1-2:", "frames", ("Fall",), "expected start-end or start-end:Category"),
    ],
)
def test_a_wrong_event_is_explained(
    text: str, unit: str, categories: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(UserError, match=r"t\.csv:7: .*" + complaint):
        parse_events(text, unit, categories, "t.csv:7")  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from(["Fall", "a b"]))
    )
)
def test_what_is_written_is_read(events: list[tuple[int, int, str]]) -> None:
    text = ";".join(f"{start}-{start + length}:{name}" for start, length, name in events)
    found = parse_events(text, "frames", ("Fall", "a b"), "t.csv:2")
    assert found == [Event(start, start + length, name) for start, length, name in events]
