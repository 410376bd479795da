import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from pipeline import tables
from pipeline.config import Decode
from pipeline.digests import sha256_of
from pipeline.video import decode
from pipeline.video.probe import Probe
from tests.video.hostile.coded import ASP
from tests.video.hostile.encode import write
from tests.videos import write_video

SETTINGS = Decode(
    snippets=8,
    frames_per_snippet=4,
    max_short_side=448,
    jpeg_quality=95,
    decoder="auto",
    salvage=False,
)


def sequential(path: Path) -> list[np.ndarray]:
    """Every frame in order, by another decoder."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def probed(path: Path, **changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = Probe(SETTINGS.model_copy(update=changed))(path).to_pylist()[0]
    return row


def request(path: Path, **changed: Any) -> decode.Request:
    """The request that the decode stage makes of the manifest's row."""
    row = probed(path, **changed)
    status = "salvaged" if row["damage"] else "ok"
    return decode.source({**row, "path": str(path), "sha256": sha256_of(path), "status": status})[1]


@pytest.mark.parametrize("n_frames", [1, 5, 8, 40, 61])
def test_sampled_frames_are_those_of_a_sequential_decode(tmp_path: Path, n_frames: int) -> None:
    path = write_video(tmp_path / "v.mp4", n_frames)
    reference = sequential(path)
    table = decode.Sampler(SETTINGS)(request(path))
    tables.check(table, tables.FRAMES, "frames")
    rows = table.to_pylist()
    assert [row["start"] for row in rows] == [i * n_frames // 8 for i in range(8)]
    assert rows[-1]["end"] == n_frames
    for row in rows:
        for number, jpeg in zip(row["frame_index"], row["image"], strict=True):
            assert row["start"] <= number < max(row["end"], row["start"] + 1)
            found = np.asarray(Image.open(io.BytesIO(jpeg)), dtype=float)
            errors = [np.abs(found - frame).mean() for frame in reference]
            assert int(np.argmin(errors)) == number


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 30)
    tables_made = [decode.Sampler(SETTINGS)(request(path)) for _ in range(2)]
    assert tables_made[0].equals(tables_made[1])


def test_large_frames_are_shrunk_to_the_short_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 8, size=(160, 120))
    small = SETTINGS.model_copy(update={"max_short_side": 60})
    image = decode.Sampler(small)(request(path))["image"][0].as_py()[0]
    assert Image.open(io.BytesIO(image)).size == (80, 60)


def test_a_file_that_changed_since_the_manifest_is_not_sampled(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 30)
    before = request(path)
    write_video(path, 30, seed=1)  # as long as before, of other content
    with pytest.raises(decode.DecodeError, match="has changed since the manifest"):
        decode.Sampler(SETTINGS)(before)


@pytest.mark.parametrize(("decoder", "way"), [("auto", "index"), ("pyav", "order")])
def test_the_manifest_s_row_says_how_frames_are_had(tmp_path: Path, decoder: str, way: str) -> None:
    path = write_video(tmp_path / "v.mp4", 33)
    stated = {"n_frames": 33, "fps": 25.0, "width": 64, "height": 48, "n_lost": 0, "damage": ""}
    assert probed(path, decoder=decoder) == {**stated, "way": way}


def test_a_way_gives_the_same_bytes_wherever_it_can_be_taken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 33)
    index, order = (decode.Sampler(SETTINGS)(request(path, decoder=d)) for d in ("auto", "pyav"))
    assert index.equals(order)


def test_a_salvaged_video_is_another_source_than_a_sound_one(tmp_path: Path) -> None:
    row = {"path": "v.mp4", "sha256": "ab", "n_frames": 3, "way": "index"}
    keys = [
        decode.source({**row, **changed})[0]
        for changed in ({}, {"way": "order"}, {"way": "salvage"}, {"n_frames": 4}, {"sha256": "a"})
    ]
    assert keys[0] == keys[1]  # the same frames, had in another way
    assert len(set(keys)) == 4


def test_the_libraries_that_decode_are_part_of_the_key() -> None:
    by_default, decord = (
        set(decode.identity(SETTINGS.model_copy(update={"decoder": name}))["libraries"])
        for name in ("auto", "decord")
    )
    assert by_default == {"av", "pillow", "simplejpeg"}
    assert decord == by_default | {"decord"}  # salvaged files are read by PyAV


def test_salvage_keeps_what_decodes_and_says_what_is_lost(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60)
    path.write_bytes(path.read_bytes()[:-2000])  # the index stands in front: frames are missing
    with pytest.raises(decode.DecodeError, match=r"cut short: \d+ of 60 frames lie beyond"):
        probed(path)
    row = probed(path, salvage=True)
    assert row["way"] == "salvage"
    assert row["n_frames"] + row["n_lost"] == 60
    assert 0 < row["n_lost"] < 60
    assert row["damage"].startswith("damaged") or row["damage"].startswith("cut short")
    table = decode.Sampler(SETTINGS)(request(path, salvage=True))
    assert table["end"][-1].as_py() == row["n_frames"]


def test_what_decodes_without_an_index_is_probed_by_decoding_it_all(tmp_path: Path) -> None:
    write(tmp_path / "v.avi", ASP)
    assert probed(tmp_path / "v.avi")["way"] == "order"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "the file is empty"), (b"this is no video" * 100, "no video")],
)
def test_what_is_no_video_is_refused_with_a_plain_reason(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(decode.DecodeError) as caught:
        probed(path)
    reason = str(caught.value)
    assert complaint in reason
    assert "\n" not in reason
    assert str(path) not in reason


def test_real_clips_have_their_stated_length(shared_data: Path) -> None:
    row = probed(shared_data / "ucf_crime/videos/Arson009_x264.mp4")
    stated = {"n_frames": 743, "fps": 30.0, "width": 320, "height": 240, "n_lost": 0, "damage": ""}
    assert row == {**stated, "way": "index"}


def test_frames_of_real_clips_are_those_of_a_sequential_decode(shared_data: Path) -> None:
    path = shared_data / "xd_violence/videos/n1.mp4"
    index, order = (decode.Sampler(SETTINGS)(request(path, decoder=d)) for d in ("auto", "pyav"))
    assert index.equals(order)
