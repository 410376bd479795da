"""What a user meets when files are damaged or in the way: a message or the same output again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.pieces import key_of
from stages import clip, decode, manifest
from tests.params import write_params
from tests.stages.small_dataset import (
    OWN,
    STORE,
    attempt,
    counts,
    digests,
    leftovers,
    run,
    settings,
    write_videos,
)

VIDEOS = {"a": 1, "b": 2, "c": 3}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos, decoded and encoded."""
    folder = tmp_path_factory.mktemp("base")
    settings(folder, decode={"snippets": 8, "frames_per_snippet": 4})
    write_videos(folder / OWN.raw, VIDEOS)
    for stage in ("manifest", "decode", "clip"):
        run(folder, stage)
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, entered, in which frames and pieces are one file, as they were."""
    shutil.copytree(base, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    for path in sorted((STORE / "decode").glob("*/*.parquet")):
        twin = next(frames for frames in OWN.frames.iterdir() if key_of(frames) == path.stem)
        twin.unlink()
        twin.hardlink_to(path)
    return tmp_path / "copy"


def refusal(main: Callable[[str], str]) -> str:
    """The message that a stage ends with; its program prints it without a traceback."""
    with pytest.raises(UserError) as refused:
        main("own")
    return str(refused.value)


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    """A byte in the middle of the pages."""
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another(path: Path) -> None:
    """The piece of another video."""
    others = sorted(path.parent.parent.glob("*/*.parquet"))
    path.write_bytes(next(other for other in others if other.stem != path.stem).read_bytes())


DAMAGE = pytest.mark.parametrize("damage", [garbage, half, flipped, empty, another])


@DAMAGE
def test_a_damaged_piece_is_made_again(
    folder: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = digests(OWN.folder)
    piece = sorted((STORE / "decode").glob("*/*.parquet"))[0]
    damage(piece)
    shutil.rmtree(OWN.frames)  # or it would be had from them again
    assert counts(decode.main("own")) == (1, 2, 0)
    assert str(piece) in capsys.readouterr().err
    assert digests(OWN.folder) == whole
    assert counts(decode.main("own")) == (0, 3, 0)


def test_a_damaged_piece_is_had_from_the_output_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = digests(OWN.folder)
    piece = sorted((STORE / "decode").glob("*/*.parquet"))[0]
    sound = piece.read_bytes()
    piece.unlink()  # a file of its own now, so that the frames stay as they were
    piece.write_bytes(b"garbage")
    assert counts(decode.main("own")) == (0, 3, 0)
    assert str(piece) in capsys.readouterr().err
    assert piece.read_bytes() == sound
    assert digests(OWN.folder) == whole


@pytest.mark.parametrize("damage", [garbage, flipped])
def test_damaged_frames_are_told_and_made_again(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    whole = digests(OWN.folder)
    frames = OWN.frames_of("b")
    damage(frames)  # and with it the piece in the store, which is the same file
    shutil.rmtree(STORE / "clip")
    OWN.table("clip").unlink()
    said = attempt(folder, "clip").stdout
    assert "Traceback" not in said
    assert str(frames) in said
    assert counts(decode.main("own")) == (1, 2, 0)
    clip.main("own")
    assert digests(OWN.folder) == whole


@pytest.mark.parametrize("damage", [garbage, half, flipped, empty])
def test_a_damaged_manifest_is_told_and_made_again(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    whole = digests(OWN.folder)
    damage(OWN.manifest)
    for stage in (decode, clip):
        said = refusal(stage.main)
        assert str(OWN.manifest) in said
        assert "dvc repro" in said
    manifest.main("own")
    assert digests(OWN.folder) == whole


def test_what_is_not_there_is_named_with_the_command_that_makes_it(folder: Path) -> None:
    OWN.manifest.unlink()
    assert f"{OWN.manifest} does not exist; `dvc repro`" in refusal(decode.main)
    shutil.rmtree(OWN.raw)
    assert f"{OWN.raw} is not a folder" in refusal(manifest.main)


def test_a_file_in_place_of_the_store_is_named(folder: Path) -> None:
    Path("occupied").write_text("")
    write_params(Path("params.yaml"), runtime={"store": "occupied"})
    for stage in (manifest, decode):
        said = refusal(stage.main)
        assert "occupied" in said
        assert "runtime.store" in said


def test_a_file_in_place_of_the_frames_is_named(folder: Path) -> None:
    shutil.rmtree(OWN.frames)
    OWN.frames.write_text("")
    assert str(OWN.frames) in refusal(decode.main)
    OWN.frames.unlink()
    assert counts(decode.main("own")) == (0, 3, 0)


@pytest.mark.parametrize(("name", "main"), [("manifest", manifest.main), ("clip", clip.main)])
def test_a_folder_in_place_of_the_output_is_named(
    folder: Path, name: str, main: Callable[[str], str]
) -> None:
    whole = digests(OWN.folder)
    out = OWN.folder / f"{name}.parquet"
    out.unlink()
    (out / "something").mkdir(parents=True)
    assert str(out) in refusal(main)
    assert not leftovers(OWN.folder)
    shutil.rmtree(out)
    main("own")
    assert digests(OWN.folder) == whole
