"""Features that a user brings: read from either kind of file, resampled, refused with reasons."""

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import imported, tables
from pipeline.config import FeaturesSource
from pipeline.imported import FeaturesError, Request, Resampler, resample
from pipeline.video.snippets import edges

T = 4


def source(**settings: Any) -> FeaturesSource:
    return FeaturesSource(adapter="features", **settings)


def request(path: Path, n_frames: int | None = None, fps: float | None = None) -> Request:
    return Request(path, path.stem, n_frames, fps)


def numbers(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def saved(path: Path, array: npt.NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def values(piece: pa.Table) -> npt.NDArray[np.float32]:
    """A piece's features (T, D)."""
    assert piece.schema.field("feature").type.value_type == pa.float32()
    assert piece["snippet"].to_pylist() == list(range(piece.num_rows))
    return np.array(piece["feature"].to_pylist(), dtype=np.float32)


def by_plain_loops(features: npt.NDArray[Any], n_snippets: int) -> npt.NDArray[np.float64]:
    """(n, crops, D) -> (T, D), number by number; edges as the field writes them."""
    cuts = np.linspace(0, len(features), n_snippets + 1, dtype=int)
    result = np.zeros((n_snippets, features.shape[2]))
    for snippet, (start, end) in enumerate(pairwise(cuts)):
        chosen = list(range(start, end)) or [start]
        for channel in range(features.shape[2]):
            found = [
                float(features[i, crop, channel])
                for i in chosen
                for crop in range(features.shape[1])
            ]
            result[snippet, channel] = sum(found) / len(found)
    return result


@given(st.integers(1, 150), st.sampled_from([2, 8, 32, 64]), st.integers(1, 3), st.integers(0, 99))
def test_snippets_are_means_as_plain_loops_find_them(n: int, t: int, crops: int, seed: int) -> None:
    features = numbers(n, crops, 3, seed=seed)
    found = resample(features, t)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_plain_loops(features, t), rtol=1e-5, atol=1e-6)


def test_edges_are_those_of_the_field_for_32_snippets() -> None:
    for n in range(1, 3000):
        assert edges(n, 32) == np.linspace(0, n, 33, dtype=int).tolist()


def test_resampling_by_hand() -> None:
    longer = np.array([[1.0], [3.0], [10.0], [20.0], [60.0]])[:, None]  # cut at 0 1 2 3 5
    assert resample(longer, 4)[:, 0].tolist() == [1, 3, 10, 40]
    shorter = np.array([[1.0], [5.0]])[:, None]  # cut at 0 0 0 1 1 2
    assert resample(shorter, 5)[:, 0].tolist() == [1, 1, 1, 5, 5]
    single = np.array([[[7.0]]])
    assert resample(single, 3)[:, 0].tolist() == [7, 7, 7]


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_as_many_features_as_snippets_stay_as_they_are(dtype: str, tmp_path: Path) -> None:
    features = numbers(T, 3).astype(dtype)
    piece = Resampler(source(), T)(request(saved(tmp_path / "v.npy", features)))
    tables.check(piece, tables.feature_piece(3), "piece")
    assert (values(piece) == features.astype(np.float32)).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_crops_are_averaged(axis: int, tmp_path: Path) -> None:
    features = numbers(9, 5, 3)  # (n, crops, D)
    path = saved(tmp_path / "v.npy", np.moveaxis(features, 1, axis))
    settings = source(crops_axis=axis)
    found = values(Resampler(settings, T)(request(path)))
    np.testing.assert_allclose(found, by_plain_loops(features, T), rtol=1e-5, atol=1e-6)
    assert imported.width(settings, request(path)) == 3
    settings = source(crops_axis=axis, frames_per_feature=16)
    assert imported.Probe(settings)(request(path))["n_frames"].to_pylist() == [9 * 16]


def test_an_npz_file_gives_its_only_array_or_the_one_that_is_named(tmp_path: Path) -> None:
    rgb, flow = numbers(T, 2, seed=1), numbers(T, 2, seed=2)
    np.savez(tmp_path / "one.npz", rgb=rgb)
    np.savez_compressed(tmp_path / "two.npz", rgb=rgb, flow=flow)
    one = Resampler(source(), T)(request(tmp_path / "one.npz"))
    assert (values(one) == rgb).all()
    two = Resampler(source(array="flow"), T)(request(tmp_path / "two.npz"))
    assert (values(two) == flow).all()
    with pytest.raises(FeaturesError, match=r"two\.npz holds 2 arrays \['rgb', 'flow'\]; name one"):
        Resampler(source(), T)(request(tmp_path / "two.npz"))
    with pytest.raises(FeaturesError, match=r"no array 'i3d', found \['rgb', 'flow'\]"):
        Resampler(source(array="i3d"), T)(request(tmp_path / "two.npz"))


def bad_number(value: float, dtype: str = "<f4") -> npt.NDArray[Any]:
    array = numbers(8, 2).astype(dtype)
    array[5, 1] = value
    return array


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((5, 2), np.int16), r"v\.npy holds int16, expected floating.*save .* as float32"),
        (np.ones((5, 2), bool), "holds bool"),
        (np.ones((5, 2), complex), "holds complex128"),
        (np.array([[object()]]), r"v\.npy cannot be read .*without pickled objects"),
        (np.ones(5, np.float32), r"shape \(5,\), expected 2 \(T, D\) dimensions; crops_axis"),
        (np.ones((5, 2, 3), np.float32), r"shape \(5, 2, 3\), expected 2"),
        (np.ones((0, 2), np.float32), r"shape \(0, 2\): no feature; leave it out"),
        (np.ones((5, 0), np.float32), "no feature"),
        (bad_number(np.nan), r"holds NaN, infinity .*snippet 2 of 4\); compute its features anew"),
        (bad_number(np.inf), "holds NaN, infinity"),
        (bad_number(1e300, "<f8"), "too large for float32"),
    ],
)
def test_what_is_no_feature_array_is_refused_with_file_and_way_out(
    array: npt.NDArray[Any], reason: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", array, allow_pickle=True)
    with pytest.raises(FeaturesError, match=reason):
        Resampler(source(), T)(request(tmp_path / "v.npy"))


def test_two_dimensions_are_no_crops(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", numbers(5, 2))
    with pytest.raises(FeaturesError, match=r"shape \(5, 2\), expected 3 .*crops at axis 1"):
        Resampler(source(crops_axis=1), T)(request(path))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.npy", numbers(50, 20)).read_bytes()
    np.savez(tmp_path / "whole.npz", a=numbers(50, 20))
    packed = (tmp_path / "whole.npz").read_bytes()
    flipped = packed[:2000] + bytes([packed[2000] ^ 1]) + packed[2001:]
    contents = {
        "empty.npy": b"",
        "cut.npy": whole[: len(whole) // 2],
        "header.npy": whole[:20],
        "text.npy": b"not an array",
        "cut.npz": packed[: len(packed) // 2],
        "flipped.npz": flipped,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        for call in (Resampler(source(), T), imported.Probe(source(frames_per_feature=16))):
            with pytest.raises(FeaturesError, match=rf"{name} cannot be read .*np\.save"):
                call(request(tmp_path / name))
        with pytest.raises(FeaturesError, match=rf"{name} cannot be read"):
            imported.digest(source(), request(tmp_path / name))
    with pytest.raises(FeaturesError, match=r"absent\.npy does not exist"):
        imported.digest(source(), request(tmp_path / "absent.npy"))


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    trap = np.empty((1, 1), dtype=object)
    trap[0, 0] = Trap()
    np.save(tmp_path / "v.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "v.npz", a=trap)
    for name in ("v.npy", "v.npz"):
        with pytest.raises(FeaturesError, match="without pickled objects"):
            Resampler(source(), T)(request(tmp_path / name))
    assert not (tmp_path / "sprung").exists()


def test_videos_of_one_dataset_have_one_width(tmp_path: Path) -> None:
    first = request(saved(tmp_path / "first.npy", numbers(5, 3)))
    other = request(saved(tmp_path / "other.npy", numbers(5, 2)))
    same = request(saved(tmp_path / "same.npy", numbers(7, 3)))
    resampler = Resampler(source(), T, first)
    assert values(resampler(same)).shape == (T, 3)
    with pytest.raises(
        FeaturesError, match=r"other\.npy .* width 2, .*first\.npy of 3; .*one kind"
    ):
        resampler(other)


def test_a_file_that_changed_since_the_manifest_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", numbers(5, 3))
    known = Request(path, "v", None, None, imported.digest(source(), request(path)))
    assert values(Resampler(source(), T)(known)).shape == (T, 3)
    saved(path, numbers(5, 3, seed=1))
    with pytest.raises(FeaturesError, match=r"v\.npy has changed .*`dvc repro -f manifest`"):
        Resampler(source(), T)(known)


def test_a_digest_is_that_of_format_shape_and_bytes(tmp_path: Path) -> None:
    features = numbers(6, 2)
    path = saved(tmp_path / "v.npy", features)
    found = imported.digest(source(), request(path))
    by_hand = hashlib.sha256(b"<f4 (6, 1, 2)" + features.tobytes()).hexdigest()
    assert found == by_hand
    np.savez_compressed(tmp_path / "packed.npz", any_name=features)
    assert imported.digest(source(), request(tmp_path / "packed.npz")) == found
    changed = features.copy()
    changed[5, 1] += 1
    others = [changed, features.astype(np.float64), features.reshape(3, 4), features[:5]]
    digests = {
        imported.digest(source(), request(saved(tmp_path / f"{i}.npy", other)))
        for i, other in enumerate(others)
    }
    assert len(digests | {found}) == 5
    fortran = saved(tmp_path / "fortran.npy", np.asfortranarray(features))
    assert imported.digest(source(), request(fortran)) == found


@pytest.mark.parametrize(
    ("n_frames", "fps", "settings", "expected"),
    [
        (70, 24.0, {}, (70, 24.0)),
        (70, None, {"fps": 12.5, "frames_per_feature": 16}, (70, 12.5)),
        (None, 25.0, {"frames_per_feature": 16}, (80, 25.0)),
        (None, None, {"frames_per_feature": 1}, (5, 30.0)),
    ],
)
def test_length_and_rate_by_hand(
    n_frames: int | None,
    fps: float | None,
    settings: dict[str, Any],
    expected: tuple[int, float],
    tmp_path: Path,
) -> None:
    path = saved(tmp_path / "v.npy", numbers(5, 2))
    found = imported.Probe(source(**settings))(request(path, n_frames, fps))
    tables.check(found, tables.PROBE, "probe")
    row = {"n_frames": expected[0], "fps": expected[1], "width": 0, "height": 0}
    assert found.to_pylist() == [row | {"way": "features", "n_lost": 0, "damage": ""}]


def test_an_unknown_length_names_both_ways_out(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npy", numbers(5, 2))
    settings = source(table="list.csv", columns={"n_frames": "length"})
    with pytest.raises(
        FeaturesError, match=r"v\.npy: .*column 'length' in list\.csv, or frames_per_feature"
    ):
        imported.Probe(settings)(request(path))


ROW = {"video_id": "v", "n_frames": 80, "fps": 25.0, "sha256": "abc"}


@pytest.mark.parametrize(
    ("folders", "path", "expected"),
    [
        ({"image": ".", "text": "words"}, "raw/a/v.npy", "raw/words/a/v.npy"),
        ({"image": "i3d", "text": "bert/x"}, "raw/i3d/a/v.npy", "raw/bert/x/a/v.npy"),
        ({"image": ".", "text": "words"}, "raw/all.parquet", "raw/words/all.parquet"),
    ],
)
def test_another_modality_lies_at_the_same_place_below_its_folder(
    folders: dict[str, str], path: str, expected: str
) -> None:
    settings, row = source(folders=folders), {**ROW, "path": path}
    image = imported.request_of(settings, Path("raw"), row, "image")
    assert image == Request(Path(path), "v", 80, 25.0, "abc")
    text = imported.request_of(settings, Path("raw"), row, "text")
    assert text == Request(Path(expected), "v", 80, 25.0)  # the digest is that of the first


def test_a_path_outside_the_first_folder_has_no_second_modality() -> None:
    settings, row = source(folders={"image": "a", "text": "b"}), {**ROW, "path": "/far/v.npy"}
    assert imported.request_of(settings, Path("raw"), row, "image").path == Path("/far/v.npy")
    with pytest.raises(
        FeaturesError, match=r"/far/v\.npy is not below raw/a .* below raw/b; put both there"
    ):
        imported.request_of(settings, Path("raw"), row, "text")
