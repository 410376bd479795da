"""Feature tables and manifest joined: order, intersection, labels, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.errors import UserError
from pipeline.features import VideoFeatures, load
from pipeline.models.head import FeatureLayout

CATEGORIES = ["Fighting", "Fire", "Panic"]
T = 2


def manifest_row(video_id: str, split: str, categories: list[str], status: str) -> dict[str, Any]:
    return {
        "video_id": video_id,
        "path": f"{video_id}.mp4",
        "sha256": "0" * 64,
        "split": split,
        "categories": categories,
        "n_frames": 50,
        "fps": 25.0,
        "width": 64,
        "height": 48,
        "way": "index",
        "n_lost": 0,
        "events": [{"start": 3, "end": 9, "category": categories[0]}] if categories else [],
        "status": status,
        "error": "" if status == "ok" else "damaged",
    }


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = [
        manifest_row("a", "train", [], "ok"),
        manifest_row("b", "test", ["Panic", "Fighting"], "ok"),
        manifest_row("c", "train", ["Fire"], "ok"),
        manifest_row("broken", "train", ["Fire"], "failed"),
        manifest_row("d", "train", [], "ok"),
    ]
    path = tmp_path / "manifest.parquet"
    table = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(table, path, tables.MANIFEST, {"categories": CATEGORIES})
    return path


def feature_table(path: Path, width: int, features: dict[str, float], n_snippets: int = T) -> Path:
    """Snippet s, channel i of a video with value v holds v + s / 10 + i / 100."""
    rows = [
        {
            "video_id": video_id,
            "snippet": s,
            "feature": [value + s / 10 + i / 100 for i in range(width)],
            "key": f"key of {video_id}",
        }
        for video_id, value in features.items()
        for s in range(n_snippets)
    ]
    schema = tables.with_video(tables.feature_piece(width))
    tables.write(pa.Table.from_pylist(rows, schema=schema), path, schema)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    features = {"c": 3.0, "broken": 9.0, "a": 1.0, "b": 2.0}  # another order; no d
    return feature_table(tmp_path / "image.parquet", 3, features)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    features = {"d": 8.0, "a": 5.0, "c": 7.0, "b": 6.0, "stranger": 0.0, "broken": 9.0}
    return feature_table(tmp_path / "text.parquet", 2, features)


def test_one_modality(manifest: Path, image: Path) -> None:
    found = load(manifest, {"image": image})
    assert [row["video_id"] for row in found.rows] == ["a", "b", "c"]  # the manifest's order
    assert found.features.shape == (3, T, 3)
    assert found.features.numpy().dtype == np.float32
    assert found.features[:, 0, 0].tolist() == [1, 2, 3]
    assert found.features[1, 1].tolist() == pytest.approx([2.1, 2.11, 2.12])
    assert found.layout == FeatureLayout({"image": 3}, CATEGORIES, T)


def test_modalities_are_joined_in_the_order_given(manifest: Path, image: Path, text: Path) -> None:
    found = load(manifest, {"image": image, "text": text})
    assert found.features[1, 0].tolist() == pytest.approx([2, 2.01, 2.02, 6, 6.01])
    assert list(found.layout.widths.items()) == [("image", 3), ("text", 2)]
    found = load(manifest, {"text": text, "image": image})
    assert found.features[1, 0].tolist() == pytest.approx([6, 6.01, 2, 2.01, 2.02])
    assert list(found.layout.widths.items()) == [("text", 2), ("image", 3)]
    assert found.layout.width == 5


def test_only_good_videos_that_every_table_holds(manifest: Path, image: Path, text: Path) -> None:
    names = [row["video_id"] for row in load(manifest, {"text": text}).rows]
    assert names == ["a", "b", "c", "d"]
    names = [row["video_id"] for row in load(manifest, {"text": text, "image": image}).rows]
    assert names == ["a", "b", "c"]


def test_labels_are_multi_hot_in_the_manifests_category_order(manifest: Path, image: Path) -> None:
    found = load(manifest, {"image": image})
    assert found.labels.tolist() == [[0, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_split(manifest: Path, image: Path) -> None:
    videos = load(manifest, {"image": image})
    train, test = videos.split("train"), videos.split("test")
    assert [row["video_id"] for row in train.rows] == ["a", "c"]
    assert train.features[:, 0, 0].tolist() == [1, 3]
    assert train.labels.tolist() == [[0, 0, 0], [0, 1, 0]]
    assert [row["video_id"] for row in test.rows] == ["b"]
    assert test.features.shape == (1, T, 3)
    assert train.layout == test.layout == videos.layout
    none = videos.split("validation")
    assert none.features.shape == (0, T, 3)
    assert none.labels.shape == (0, 3)
    assert none.rows == []


def test_several_splits_and_a_choice_keep_their_order(manifest: Path, image: Path) -> None:
    videos = load(manifest, {"image": image})
    both = videos.split("test", "train")
    assert [row["video_id"] for row in both.rows] == ["a", "b", "c"]
    assert both.features.equal(videos.features)
    chosen = videos.select([2, 0])
    assert [row["video_id"] for row in chosen.rows] == ["c", "a"]
    assert chosen.features[:, 0, 0].tolist() == [3, 1]
    assert chosen.labels.tolist() == [[0, 1, 0], [0, 0, 0]]
    chosen.features.zero_()
    assert videos.features[2, 0, 0] == 3  # a copy


def test_targets_are_abnormal_where_there_is_a_category(manifest: Path, image: Path) -> None:
    videos = load(manifest, {"image": image})
    assert videos.targets.abnormal.tolist() == [False, True, True]
    assert videos.targets.categories is videos.labels


def test_only_some_modalities_are_seen(manifest: Path, image: Path, text: Path) -> None:
    videos = load(manifest, {"image": image, "text": text})
    alone = videos.only(["text"])
    assert alone.features.equal(load(manifest, {"text": text}).features[:3])
    assert alone.layout == FeatureLayout({"text": 2}, CATEGORIES, T)
    assert alone.rows == videos.rows
    assert alone.labels is videos.labels
    assert videos.only(["text", "image"]).features[0, 0].tolist() == pytest.approx(
        [5, 5.01, 1, 1.01, 1.02]
    )
    assert videos.only(["image", "text"]) is videos
    with pytest.raises(UserError, match=r"no sound features here \(found: image, text\)"):
        videos.only(["image", "sound"])


def test_digests_are_of_what_a_head_learns_and_of_what_judges_it(
    manifest: Path, image: Path, text: Path
) -> None:
    def digests(change: Callable[[VideoFeatures], Any]) -> list[str]:
        """Of videos b and c: of image alone, of both, and judged."""
        videos = load(manifest, {"image": image, "text": text})
        change(videos)
        both = ["image", "text"]
        learned = [videos.learned_from([1, 2], names) for names in (["image"], both)]
        return [*learned, videos.judged_by([1, 2], both)]

    whole = digests(lambda _: None)
    assert len(set(whole)) == 3

    def changed(change: Callable[[VideoFeatures], Any]) -> list[bool]:
        return [one != two for one, two in zip(digests(change), whole, strict=True)]

    assert changed(lambda _: None) == [False] * 3
    assert changed(lambda v: v.features[1, 1, 2].add_(1e-6)) == [True, True, True]
    assert changed(lambda v: v.features[2, 1, 3].add_(1e-6)) == [False, True, True]
    assert changed(lambda v: v.features[0].add_(1)) == [False] * 3  # video a
    assert changed(lambda v: v.labels[1, 1].add_(1)) == [True, True, True]
    assert changed(lambda v: v.layout.categories.reverse()) == [True, True, True]
    assert changed(lambda v: v.rows[1].update(split="train")) == [False] * 3
    for judged in ({"n_frames": 77}, {"events": []}, {"categories": ["Fire"]}):
        assert changed(lambda v, own=judged: v.rows[1].update(own)) == [False, False, True]


def test_digests_are_of_videos_in_order(manifest: Path, image: Path) -> None:
    videos = load(manifest, {"image": image})
    for name in ("learned_from", "judged_by"):
        whole, chosen = getattr(videos, name), getattr(videos.select([2, 0]), name)
        assert whole([0, 2], ["image"]) != whole([2, 0], ["image"])
        assert chosen([1, 0], ["image"]) == whole([0, 2], ["image"])


def test_no_common_video_is_an_error(manifest: Path, image: Path, tmp_path: Path) -> None:
    other = feature_table(tmp_path / "other.parquet", 2, {"d": 1.0})
    with pytest.raises(UserError, match=r"manifest\.parquet.*other\.parquet.* share no video"):
        load(manifest, {"image": image, "text": other})


def test_different_numbers_of_snippets_are_an_error(
    manifest: Path, image: Path, tmp_path: Path
) -> None:
    longer = feature_table(tmp_path / "longer.parquet", 2, {"a": 1.0}, n_snippets=3)
    with pytest.raises(UserError, match=r"\{'image': 2, 'text': 3\}"):
        load(manifest, {"image": image, "text": longer})


def test_a_missing_table_is_an_error(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.parquet does not exist"):
        load(manifest, {"image": tmp_path / "absent.parquet"})
