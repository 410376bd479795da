"""Caption pieces, whatever the backend: their text, their keys, and videos that have none."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.config import (
    EndpointCaption,
    RulesCaption,
    TransformersCaption,
)
from pipeline.encoders.captioners import captioner
from pipeline.encoders.captioners.captioner import SnippetCaptions, one_line, recipe
from pipeline.encoders.captioners.snippets import CaptionSource, Snippets
from pipeline.engine import FatalError
from tests.encoders.pictures import write_frames
from tests.runtime import RUNTIME

RULES = RulesCaption(backend="rules")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Backwards:
    """Tells videos last first, and names each snippet; refuses videos called `bad`."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        for position, video in reversed(list(enumerate(videos))):
            if video.video_id.startswith("bad"):
                yield position, ValueError(f"no words for {video.video_id}")
            else:
                yield position, [f"{video.video_id} at\n{start}" for start in video.start]


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> SnippetCaptions:
    own = captioner.Backend(1, lambda _: {}, Backwards)
    monkeypatch.setitem(captioner.BACKENDS, "rules", own)
    return SnippetCaptions(RULES, RUNTIME)


def source(folder: Path, name: str, first: int = 0) -> CaptionSource:
    numbers = [[first, first + 1], [first + 2, first + 3]]
    return CaptionSource(name, write_frames(folder / f"{name}.parquet", numbers))


def test_captions_come_back_at_their_video_s_position(
    backwards: SnippetCaptions, tmp_path: Path
) -> None:
    found = dict(backwards([source(tmp_path, "a"), source(tmp_path, "b", 10)]))
    assert list(found) == [1, 0]
    assert found[1].schema == tables.CAPTION_PIECE  # type: ignore[union-attr]
    assert found[1].to_pylist() == [  # type: ignore[union-attr]
        {"snippet": 0, "caption": "b at 10"},
        {"snippet": 1, "caption": "b at 12"},
    ]


def test_videos_without_frames_or_captions_cost_themselves_alone(
    backwards: SnippetCaptions, tmp_path: Path
) -> None:
    damaged = source(tmp_path, "damaged")
    damaged.frames.write_bytes(damaged.frames.read_bytes()[:-30])
    gone = CaptionSource("gone", tmp_path / "gone.parquet")
    empty = CaptionSource("empty", write_frames(tmp_path / "empty.parquet", []))
    videos = [
        damaged,
        source(tmp_path, "a"),
        gone,
        empty,
        source(tmp_path, "bad"),
        source(tmp_path, "z"),
    ]
    found = dict(backwards(videos))
    errors = {n: str(value) for n, value in found.items() if isinstance(value, Exception)}
    assert sorted(found) == [0, 1, 2, 3, 4, 5]
    assert sorted(errors) == [0, 2, 3, 4]
    assert "damaged.parquet" in errors[0] and "gone.parquet" in errors[2]
    assert "holds no frame" in errors[3] and errors[4] == "no words for bad"
    assert found[5]["caption"].to_pylist() == ["z at 0", "z at 2"]  # type: ignore[index]


def test_what_is_nobody_s_fault_ends_the_call(
    backwards: SnippetCaptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fatal(_: Any, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str]]]:
        next(iter(videos))
        yield 0, ["a", "b"]
        raise FatalError("the server is gone")

    monkeypatch.setattr(Backwards, "__call__", fatal)
    with pytest.raises(FatalError, match="the server is gone"):
        list(backwards([source(tmp_path, "a"), source(tmp_path, "b")]))


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("A man runs.", "A man runs."),
        ("  A man\n\n runs.\r\n", "A man runs."),
        ("A\tman\u00a0runs\u2028fast", "A man runs fast"),
        ("A man\x00\x07 runs\x1b[0m", "A man runs [0m"),
        ("half of a pair \ud83d here", "half of a pair here"),
        ("half of a character \N{REPLACEMENT CHARACTER}", "half of a character"),
        ("private \ue000 and unassigned \u0378", "private and unassigned"),
        ("cafe\u0301", "caf\u00e9"),
        ("男が走る", "男が走る"),
        ("smoke 🔥 and fire", "smoke 🔥 and fire"),
        ("zero\u200dwidth joiner", "zero\u200dwidth joiner"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_a_caption_is_one_line_of_text(answer: str, line: str) -> None:
    assert one_line(answer) == line
    assert one_line(line) == line
    line.encode()  # what Parquet stores


MODEL = {
    "backend": "transformers",
    "model": "owner/name",
    "revision": COMMIT,
}
SERVER = {"backend": "endpoint", "model": "name", "revision": "of today"}
CHANGES = {
    "prompt": "What happens?",
    "frames": 4,
    "max_new_tokens": 32,
    "repetition_penalty": 1.1,
    "model": "owner/other",
}


@pytest.mark.parametrize("change", [*CHANGES.items(), ("revision", COMMIT[::-1])])
def test_every_setting_of_a_model_is_in_the_key(change: tuple[str, Any]) -> None:
    before, after = MODEL, MODEL | dict([change])
    assert key(TransformersCaption(**before)) != key(TransformersCaption(**after))
    assert key(TransformersCaption(**before)) == key(TransformersCaption(**dict(before)))


@pytest.mark.parametrize("change", [("precision", "fp32"), ("frames_as", "video")])
def test_so_are_those_of_models_on_this_machine(change: tuple[str, Any]) -> None:
    assert key(TransformersCaption(**MODEL)) != key(TransformersCaption(**MODEL | dict([change])))


@pytest.mark.parametrize("change", [*CHANGES.items(), ("revision", "of tomorrow")])
def test_every_setting_of_a_server_is_in_the_key(change: tuple[str, Any]) -> None:
    assert key(EndpointCaption(**SERVER)) != key(EndpointCaption(**SERVER | dict([change])))


def test_backends_have_keys_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rules", "transformers", "endpoint"):
        alike = captioner.Backend(1, lambda _: {"model": "the same"}, Backwards)
        monkeypatch.setitem(captioner.BACKENDS, name, alike)
    chosen = [RULES, TransformersCaption(**MODEL), EndpointCaption(**SERVER)]
    assert len({key(settings) for settings in chosen}) == len(chosen)


def key(settings: Any) -> str:
    return recipe(settings).key("of the frames")
