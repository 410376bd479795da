"""The summary of a caption table, and the warnings it gives."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import tables
from pipeline.caption_quality import as_text, of_table, summary
from pipeline.errors import UserError


def frame(videos: dict[str, list[str]]) -> pd.DataFrame:
    rows = [(name, i, caption) for name, own in videos.items() for i, caption in enumerate(own)]
    return pd.DataFrame(rows, columns=["video_id", "snippet", "caption"])


def plain(n_videos: int = 25) -> dict[str, list[str]]:
    """Four good captions a video, none like another."""
    return {
        f"v{v}": [f"A man walks past house {v}-{n}." for n in range(4)] for v in range(n_videos)
    }


def write(path: Path, videos: dict[str, list[str]]) -> Path:
    pieces = [
        pa.table(frame({name: own}).assign(key="k"), schema=tables.CAPTIONS)
        for name, own in videos.items()
    ]
    tables.write_stream(pieces, path, tables.CAPTIONS)
    return path


def part(count: int, share: float) -> dict[str, float]:
    return {"count": count, "share": share}


def test_by_hand() -> None:
    found = summary(
        frame(
            {
                "a": ["A man.", "A man.", "A man.", "A dog runs."],
                "b": ["", "", ""],
                "c": ["I cannot.", "I cannot."],
                "d": ["一二三四五六七八"],
            }
        )
    )
    examples = found.pop("examples")
    assert found == {
        "videos": 4,
        "captions": 10,
        "words": {"min": 0, "median": 2.0, "max": 8},
        "characters": {"min": 0, "median": 6.0, "max": 11},
        "empty": part(3, 0.3),
        "over_long": part(0, 0.0),
        "unfinished": part(0, 0.0),
        "loops": part(0, 0.0),
        "refusals": part(2, 0.2),
        "markup": part(0, 0.0),
        "non_latin": part(1, 0.1),
        "same_throughout": part(1, 0.25),
        "distinct": part(5, 0.5),
        "most_common": {"caption": "A man.", **part(3, 0.3)},  # "" is as frequent, but later
    }
    assert [list(example.values()) for example in examples] == [
        *[["empty", "b", n, ""] for n in range(3)],
        *[["refusals", "c", n, "I cannot."] for n in range(2)],
        ["non_latin", "d", 0, "一二三四五六七八"],
        ["same_throughout", "b", 0, ""],
    ]


def test_three_examples_of_each_kind_cut_short() -> None:
    long = "word " * 100
    found = summary(frame({f"v{n}": [long + str(n)] * 3 for n in range(5)}))
    own = [e for e in found["examples"] if e["kind"] == "loops"]
    assert [(e["video_id"], e["snippet"]) for e in own] == [("v0", 0), ("v0", 1), ("v0", 2)]
    assert {e["caption"] for e in own} == {long[:119] + "…"}
    same = [e["video_id"] for e in found["examples"] if e["kind"] == "same_throughout"]
    assert same == ["v0", "v1", "v2"]
    assert found["same_throughout"] == part(5, 1.0)


def test_a_table_in_row_groups_gives_what_its_frame_gives(tmp_path: Path) -> None:
    videos = plain(200) | {"z": ["A tree."] * 5, "y": ["", "<image>", "no no no no no"]}
    path = write(tmp_path / "captions.parquet", videos)
    assert pq.ParquetFile(path).num_row_groups == 4
    found = of_table(path)
    assert found == summary(frame(videos))
    assert found["most_common"] == {"caption": "A tree.", **part(5, round(5 / 808, 6))}
    assert (found["videos"], found["same_throughout"]["count"]) == (202, 1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_rows_of_a_video_may_stand_apart() -> None:
    rows = frame({"a": ["A.", "A.", "B."], "b": ["C.", "C.", "C."]})
    assert summary(rows.sort_values("snippet"))["same_throughout"] == part(1, 0.5)


def test_what_is_no_caption_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        of_table(tmp_path / "captions.parquet")
    path = tmp_path / "clip.parquet"
    own = pa.table(frame({"v": ["a"]}), schema=tables.CAPTIONS.remove(3))  # without `key`
    tables.write(own, path, own.schema)
    with pytest.raises(UserError, match=r"clip\.parquet: expected columns"):
        of_table(path)
    nulls = pa.table(frame({"v": ["a"]}).assign(key="k", caption=None)).cast(
        pa.schema([field.with_nullable(True) for field in tables.CAPTIONS])
    )
    pq.write_table(nulls, path)
    with pytest.raises(UserError, match="column 'caption' holds nulls"):
        of_table(path)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "captions.parquet", plain())
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"captions\.parquet"):
        of_table(path)


def test_no_caption_at_all(tmp_path: Path) -> None:
    found = of_table(write(tmp_path / "captions.parquet", {}))
    assert (found["captions"], found["words"], found["most_common"]) == (0, None, None)
    assert as_text(found).splitlines()[0] == "0 captions of 0 videos"
    assert "warning" not in as_text(found)


def test_good_captions_give_no_warning() -> None:
    assert as_text(summary(frame(plain()))).splitlines() == [
        "100 captions of 25 videos, 6 to 6 words (median 6); 100 % distinct",
        "most common (1 %): A man walks past house 0-0.",
        "0 empty, 0 over-long, 0 unfinished, 0 looping, 0 refusals, 0 with markup, "
        "0 not in Latin script; 0 videos with one caption throughout",
    ]


@pytest.mark.parametrize(
    ("caption", "allowed", "words"),
    [  # of a hundred captions
        ("", 1, "captions without a word: "),
        ("I cannot see.", 1, "captions in which the model declines, such as 'I cannot see.': "),
        ("no no no no", 5, "captions that repeat a phrase over and over, such as 'no no"),
        (" ".join(map(str, range(61))), 5, "captions are over-long, such as '0 1 2"),
        ("A man.</s>", 0, "captions with tags, special tokens or Markdown, such as 'A man.</s>'"),
        ("街上有人", 5, "captions in another script than Latin, such as '街上有人'"),
        ("A man is there.", 20, "captions are one and the same: "),
    ],
)
def test_a_warning_comes_beyond_its_share_alone(caption: str, allowed: int, words: str) -> None:
    for count in (allowed, allowed + 1):
        flat = [text for own in plain().values() for text in own]
        flat[::4] = [caption] * min(count, 25) + flat[::4][count:]
        videos = {f"v{v}": flat[4 * v : 4 * v + 4] for v in range(25)}
        found = [line for line in as_text(summary(frame(videos))).splitlines() if "warning" in line]
        assert len(found) == (count > allowed)
        assert all(line.startswith(f"warning: {count} ({count} %) {words}") for line in found)


def cut_off(n_words: int, begin: str) -> list[str]:
    """A hundred captions that differ, without a sentence's end."""
    rest = " ".join(f"word{n}" for n in range(n_words - 2))
    return [f"{begin} {rest} street{n}" for n in range(100)]


@pytest.mark.parametrize(
    ("captions", "warned"),
    [
        (cut_off(20, "The"), True),
        (cut_off(35, "a"), True),
        (cut_off(12, "a"), False),  # as of a captioner that writes phrases
    ],
)
def test_most_captions_without_an_end(captions: list[str], warned: bool) -> None:
    whole = [text for own in plain().values() for text in own]
    for n_cut in (50, 51):
        flat = captions[:n_cut] + whole[n_cut:]
        text = as_text(summary(frame({f"v{v}": flat[4 * v : 4 * v + 4] for v in range(25)})))
        line = "warning: 51 (51 %) captions end without a sentence's end, such as '"
        assert (line in text) == ("warning" in text) == (warned and n_cut == 51)
        assert ("max_new_tokens cuts" in text and "no fault" in text) == (line in text)


@pytest.mark.parametrize(("count", "warned"), [(5, False), (6, True)])
def test_one_caption_throughout_most_videos(count: int, warned: bool) -> None:
    videos = plain(10) | {f"v{v}": [f"House {v} stands there."] * 4 for v in range(count)}
    text = as_text(summary(frame(videos)))
    line = "warning: 6 (60 %) videos have one caption throughout, such as 'House 0 stands there.': "
    assert (line in text) == warned
    assert ("warning" in text) == warned
