"""Our reading of the official annotations against the per-frame arrays that the field scores on."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.config import UcfCrimeSource, XdViolenceSource
from pipeline.datasets import manifest, ucf_crime, xd_violence
from pipeline.datasets.listing import Listing

Frames = npt.NDArray[np.uint8]


def empty_videos(raw: Path, annotations: Path, names: Iterable[str]) -> Path:
    raw.mkdir()
    (raw / "annotations").symlink_to(annotations)
    for name in names:
        (raw / f"{name}.mp4").touch()
    return raw


def arrays_of(path: Path) -> dict[str, Frames]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def frames_by_manifest(
    listing: Listing, lengths: Mapping[str, int]
) -> tuple[dict[str, Frames], manifest.Clipped]:
    """0/1 by frame of each listed video, from the events of its manifest row."""
    probes = {
        v.video_id: {"n_frames": lengths[v.video_id], "fps": 30.0, "width": 1, "height": 1}
        | {"way": "index", "n_lost": 0, "damage": ""}
        for v in listing.videos
    }
    table, clipped = manifest.build(listing, {}, probes, {})
    frames = {}
    for row in table.to_pylist():
        frames[row["video_id"]] = np.zeros(row["n_frames"], dtype=np.uint8)
        for event in row["events"]:
            frames[row["video_id"]][event["start"] : event["end"]] = 1
    return frames, clipped


def assert_equal(found: dict[str, Frames], expected: dict[str, Frames]) -> None:
    assert found.keys() == expected.keys()
    for name, frames in expected.items():
        assert np.array_equal(found[name], frames), name


def totals(frames: dict[str, Frames]) -> tuple[int, int]:
    return sum(map(len, frames.values())), sum(int(video.sum()) for video in frames.values())


def videos_cut(listing: Listing, lengths: Mapping[str, int]) -> int:
    return sum(any(e.end > lengths[v.video_id] for e in v.events) for v in listing.videos)


def test_ucf_crime(tmp_path: Path, shared_data: Path) -> None:
    expected = arrays_of(shared_data / "ground_truth/ucf_test_frame_gt.npz")
    lengths = {name: len(frames) for name, frames in expected.items()}
    raw = empty_videos(tmp_path / "raw", shared_data / "ucf_crime/annotations", expected)
    listing = ucf_crime.list_videos(raw, UcfCrimeSource(adapter="ucf_crime"))
    assert {video.split for video in listing.videos} == {"test"}
    assert listing.mislabelled == {}
    found, clipped = frames_by_manifest(listing, lengths)
    assert totals(found) == (1_112_032, 84_187)
    assert_equal(found, expected)
    assert videos_cut(listing, lengths) == 2
    assert clipped == manifest.Clipped(n_cut=2, n_dropped=0)


def test_xd_violence(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "xd_violence/annotations"
    counts = pd.read_csv(folder / "frame_counts.csv", index_col="video_id")
    test = counts[counts["split"] == "test"]["n_frames"]
    lengths = {name: 16 * ((count - 1) // 16) for name, count in test.items()}
    (tmp_path / "raw").mkdir()
    empty_videos(tmp_path / "raw/videos", folder, test.index)
    source = XdViolenceSource(adapter="xd_violence")
    listing = xd_violence.list_videos(tmp_path / "raw", source)
    assert {video.split for video in listing.videos} == {"test"}
    assert listing.mislabelled == {}
    assert not listing.missing + listing.notes
    found, clipped = frames_by_manifest(listing, lengths)
    assert totals(found) == (2_330_384, 537_805)
    assert_equal(found, arrays_of(shared_data / "ground_truth/xd_test_frame_gt.npz"))
    # 70 where the annotation writes the plain name, and one of the 14 names with a stray .mp4
    stray = {line.split()[0] for line in (folder / "annotations.txt").read_text().splitlines()}
    plain = [v for v in listing.videos if v.video_id in stray]
    assert len(listing.videos) - len(plain) == 300 + 14
    assert videos_cut(Listing(plain, []), lengths) == 70
    assert videos_cut(listing, lengths) == 71
    assert clipped == manifest.Clipped(n_cut=71, n_dropped=0)


def test_xd_violence_s_training_videos_are_all_that_are_not_annotated_or_in_the_test_folder(
    tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "xd_violence/annotations"
    counts = pd.read_csv(folder / "frame_counts.csv", index_col="video_id")
    (tmp_path / "raw").mkdir()
    for split, videos in counts.groupby("split"):
        place = tmp_path / "raw" / ("videos" if split == "test" else "1-1004")
        empty_videos(place, folder, videos.index)
    listing = xd_violence.list_videos(tmp_path / "raw", XdViolenceSource(adapter="xd_violence"))
    assert {v.video_id: v.split for v in listing.videos} == counts["split"].to_dict()
    train = [video for video in listing.videos if video.split == "train"]
    assert sum(bool(video.categories) for video in train) == 1905
    assert listing.mislabelled == {}
