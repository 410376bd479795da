"""The generated files: equal bytes, the promised streams, the two broken videos."""

import hashlib
import subprocess
import sys
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from pipeline.demo import DemoVideo, generate
from pipeline.demo.damage import break_video
from pipeline.demo.generate import write_video
from pipeline.demo.plan import Codec
from tests.demo.conftest import Generated, eighty
from tests.videos import write_video as write_video_file

READ = """
import sys, decord
reader = decord.VideoReader(sys.argv[1], num_threads=1)
n = int(sys.argv[2])
low, high = (int(float(share) * n) for share in sys.argv[3:5])
print("opened", len(reader), flush=True)
print("read", reader.get_batch(range(low, max(high, low + 1))).shape[0])
"""


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def read(path: Path, n_frames: int, start: float, end: float) -> subprocess.CompletedProcess[str]:
    """Read the frames between two shares of the video in a process that may die."""
    command = [sys.executable, "-c", READ, str(path), str(n_frames), str(start), str(end)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_same_bytes_for_one_and_two_workers(tiny: Generated, tmp_path: Path) -> None:
    generate(tmp_path, tiny.settings, workers=2)
    assert digests(tmp_path) == digests(tiny.root)


def test_another_seed_gives_other_bytes(tiny: Generated, tmp_path: Path) -> None:
    video = tiny.whole()[0]
    write_video(tmp_path, video, tiny.settings.seed + 1)
    assert (tmp_path / video.path).read_bytes() != (tiny.root / video.path).read_bytes()


def test_exactly_the_planned_files_and_no_partial_ones(tiny: Generated) -> None:
    lists = {
        "Anomaly_Train.txt",
        "Anomaly_Test.txt",
        "Temporal_Anomaly_Annotation_for_Testing_Videos.txt",
    }
    assert set(digests(tiny.root)) == lists | {video.path for video in tiny.videos}


def test_existing_files_are_replaced(tiny: Generated, tmp_path: Path) -> None:
    video = tiny.whole()[0]
    target = tmp_path / video.path
    target.parent.mkdir(parents=True)
    target.write_bytes(b"from an earlier run")
    write_video(tmp_path, video, tiny.settings.seed)
    assert target.read_bytes() == (tiny.root / video.path).read_bytes()


def test_decord_yields_the_planned_frames(tiny: Generated) -> None:
    for video in tiny.whole():
        reader = decord.VideoReader(str(tiny.root / video.path), num_threads=1)
        assert len(reader) == video.n_frames
        pixels = reader.get_batch(range(video.n_frames)).asnumpy()
        assert pixels.shape == (video.n_frames, video.height, video.width, 3)


def streams_of(tiny: Generated, codec: Codec) -> list[tuple[str, np.ndarray, int]]:
    """Picture types, presentation steps in seconds and number of key frames of each."""
    found = []
    for video in tiny.whole():
        if video.codec == codec:
            with av.open(str(tiny.root / video.path)) as container:
                frames = list(container.decode(video=0))
            kinds = "".join(av.video.frame.PictureType(frame.pict_type).name for frame in frames)
            steps = np.diff([float(frame.time) for frame in frames])
            found.append((kinds, steps, sum(frame.key_frame for frame in frames)))
    assert found, f"the tiny plan has no {codec} video"
    return found


def test_plain_videos_have_no_b_frames_and_a_constant_rate(tiny: Generated) -> None:
    for kinds, steps, _ in streams_of(tiny, "plain"):
        assert "B" not in kinds
        assert np.ptp(steps) < 0.002


def test_b_frames_are_in_the_stream(tiny: Generated) -> None:
    for kinds, _, _ in streams_of(tiny, "b_frames"):
        assert kinds.count("B") > len(kinds) / 4


def test_variable_rate_has_irregular_steps(tiny: Generated) -> None:
    for _, steps, _ in streams_of(tiny, "variable_rate"):
        assert steps.min() > 0
        assert steps.max() > 2 * steps.min()


def test_long_gop_has_one_key_frame_where_plain_has_more(tiny: Generated, tmp_path: Path) -> None:
    assert all(keys == 1 for _, _, keys in streams_of(tiny, "long_gop"))
    assert any(keys > 1 for kinds, _, keys in streams_of(tiny, "plain") if len(kinds) > 50)


def test_truncated_video_opens_but_has_no_tail(tiny: Generated) -> None:
    video = tiny.broken("truncated")
    path = tiny.root / video.path
    decoded = 0
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == video.n_frames  # so says the header
        with pytest.raises(av.error.InvalidDataError):
            for _ in container.decode(video=0):
                decoded += 1
    assert 0.3 * video.n_frames < decoded < 0.9 * video.n_frames
    tail = read(path, video.n_frames, 0.95, 1.0)
    assert tail.returncode != 0
    assert "DECORDError" in tail.stderr


def test_damaged_video_reads_at_both_ends_but_not_in_the_middle(tmp_path: Path) -> None:
    path = write_video_file(tmp_path / "v.mp4", 300)
    break_video(path, "damaged")
    middle = read(path, 300, 0.45, 0.55)
    assert "opened 300" in middle.stdout
    assert middle.returncode != 0
    # Not by decord, which reads ahead as far as the damage when it gets the time.
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert next(container.decode(stream)).pts == 0
        assert stream.duration is not None
        container.seek(stream.duration - 1, stream=stream)
        *_, last = container.decode(stream)
        assert last.pts is not None
        assert last.pts > 0.98 * stream.duration
    assert "DECORDError" in middle.stderr


def test_no_worker_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers: 0"):
        generate(tmp_path, eighty(), workers=0)


def test_a_video_is_returned_as_planned(tiny: Generated) -> None:
    assert all(isinstance(video, DemoVideo) for video in tiny.videos)
    assert [video.split for video in tiny.videos] == ["train"] * 8 + ["test"] * 4
