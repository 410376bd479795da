"""From a user's table to caption pieces, and which of them a changed row makes again."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.config import FileCaption
from pipeline.encoders.captioners.captioner import SnippetCaptions, recipe, sources
from pipeline.encoders.captioners.snippets import CaptionSource
from pipeline.errors import UserError
from tests.encoders.pictures import write_frames
from tests.runtime import RUNTIME

TABLE = """video_id,start,end,caption
v1.mp4,0,0.8,a man walks
v1.mp4,0.8,2,"a man
runs"
v2.mp4,0,1,nobody is there
"""
MANIFEST = [{"video_id": f"v{n}", "fps": 5.0} for n in (1, 2, 3)]


def settings(**other: Any) -> FileCaption:
    own = {"backend": "file", "path": "c.csv", "made_by": "somebody"}
    return FileCaption.model_validate(own | other)


@pytest.fixture
def frames(tmp_path: Path) -> list[tuple[str, str, Path]]:
    """Three videos of ten frames in two snippets."""
    snippets = [[0, 2, 4], [5, 7, 9]]
    paths = [write_frames(tmp_path / f"v{n}.parquet", snippets) for n in (1, 2, 3)]
    return [(path.stem, f"key of {path.stem}", path) for path in paths]


def found(
    raw: Path, table: str, frames: list[tuple[str, str, Path]]
) -> tuple[list[str], list[CaptionSource]]:
    """Keys and sources of the videos."""
    (raw / "c.csv").write_text(table)
    own = list(sources(settings(), raw, iter(MANIFEST), iter(frames), 2))
    assert [video_id for video_id, _, _ in own] == ["v1", "v2", "v3"]
    return [key for _, key, _ in own], [source for _, _, source in own]


def test_pieces(tmp_path: Path, frames: list[tuple[str, str, Path]]) -> None:
    keys, own = found(tmp_path, TABLE, frames)
    assert all(key.startswith(f"key of v{n} ") for n, key in enumerate(keys, start=1))
    pieces = dict(SnippetCaptions(settings(), RUNTIME)(own))
    captions = [
        own["caption"].to_pylist() if isinstance(own, pa.Table) else str(own)
        for _, own in sorted(pieces.items())
    ]
    assert captions[:2] == [["a man walks", "a man runs"], ["nobody is there", ""]]
    assert str(captions[2]).startswith("no caption of this video in c.csv")


def test_a_changed_row_changes_its_own_video_s_key_alone(
    tmp_path: Path, frames: list[tuple[str, str, Path]]
) -> None:
    before, _ = found(tmp_path, TABLE, frames)
    for table, changed in (
        (TABLE.replace("walks", "stands"), [True, False, False]),
        (TABLE.replace("0,1,", "0,1.5,"), [False, True, False]),
        (TABLE + "v3,0,1,a dog\n", [False, False, True]),
        (TABLE.replace("0.8,2", "0.80,2.0") + "v4,0,1,a dog\n", [False, False, False]),
    ):
        after, _ = found(tmp_path, table, frames)
        assert [a != b for a, b in zip(before, after, strict=True)] == changed


def test_numbers_of_another_count_of_snippets_end_the_stage(
    tmp_path: Path, frames: list[tuple[str, str, Path]]
) -> None:
    numbered = "video_id,snippet,caption\nv1,0,a man walks\nv2,0,nobody is there\n"
    with pytest.raises(UserError, match="highest number of any video is 0, expected 1,"):
        found(tmp_path, numbered, frames)
    found(tmp_path, numbered + "v2,1,a dog\n", frames)


def test_the_recipe_says_who_wrote_them_and_not_where_they_lie() -> None:
    key = recipe(settings()).key("x")
    assert recipe(settings(path="d.csv", columns={"caption": "text"})).key("x") == key
    for other in ({"made_by": "another"}, {"unit": "frames"}, {"gaps": "nearest"}):
        assert recipe(settings(**other)).key("x") != key
