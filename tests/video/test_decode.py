import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline import tables
from pipeline.config import Decode
from pipeline.digests import sha256_of
from pipeline.video import decode, probe
from tests.videos import write_video

SETTINGS = Decode(snippets=8, frames_per_snippet=4, max_short_side=448, jpeg_quality=95)


def sequential(path: Path) -> list[np.ndarray]:
    """Every frame in order, by another decoder."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def request(path: Path, n_frames: int) -> decode.Request:
    return decode.Request(path, sha256_of(path), n_frames)


@pytest.mark.parametrize("n_frames", [1, 5, 8, 40, 61])
def test_sampled_frames_are_those_of_a_sequential_decode(tmp_path: Path, n_frames: int) -> None:
    path = write_video(tmp_path / "v.mp4", n_frames)
    reference = sequential(path)
    table = decode.Sampler(SETTINGS)(request(path, n_frames))
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
    tables_made = [decode.Sampler(SETTINGS)(request(path, 30)) for _ in range(2)]
    assert tables_made[0].equals(tables_made[1])


def test_large_frames_are_shrunk_to_the_short_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 8, size=(160, 120))
    small = SETTINGS.model_copy(update={"max_short_side": 60})
    image = decode.Sampler(small)(request(path, 8))["image"][0].as_py()[0]
    assert Image.open(io.BytesIO(image)).size == (80, 60)


def test_a_file_that_changed_since_the_manifest_is_not_sampled(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 30)
    before = request(path, 30)
    write_video(path, 30, seed=1)  # as long as before, of other content
    with pytest.raises(decode.DecodeError, match="has changed since the manifest"):
        decode.Sampler(SETTINGS)(before)
    with pytest.raises(decode.DecodeError, match="counts 29 frames, the file now yields 30"):
        decode.Sampler(SETTINGS)(request(path, 29))


def test_probe(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 33)
    row = probe.probe(path).to_pylist()[0]
    assert row == {"n_frames": 33, "fps": 25.0, "width": 64, "height": 48}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "the file is empty"), (b"this is no video" * 100, "Error reading")],
)
def test_what_is_no_video_is_refused_with_a_plain_reason(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(decode.DecodeError) as caught:
        probe.probe(path)
    reason = str(caught.value)
    assert complaint in reason
    assert "\n" not in reason
    assert "threaded_decoder.cc" not in reason


def test_real_clips_have_their_stated_length(shared_data: Path) -> None:
    row = probe.probe(shared_data / "ucf_crime/videos/Arson009_x264.mp4").to_pylist()[0]
    assert row == {"n_frames": 743, "fps": 30.0, "width": 320, "height": 240}
