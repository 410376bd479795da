import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from pipeline import tables
from pipeline.config import Clip
from pipeline.encoders import clip
from pipeline.encoders.images import ImageEncoder
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.tower import BATCH_TOLERANCE, CPU_BATCH
from tests.encoders.pictures import features_of, jpeg, noise, write_frames

TINY = Clip(model="tiny", pretrained="random")

# How far a feature's component may lie from the one that open_clip's own transform leads to, and
# from the one in fp32. Components are about 1 / sqrt(256) = 0.06.
TRANSFORM_TOLERANCE = 1e-3
PRECISION_TOLERANCE = {"bf16": 5e-3, "fp16": 1e-3}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four videos: 40, 3, 7 and 33 distinct frames; frame numbers tell the pictures."""
    folder = tmp_path_factory.mktemp("frames")
    spans = [(0, 40, 8), (100, 103, 1), (200, 207, 1), (300, 333, 3)]
    return [
        write_frames(
            folder / f"{start}.parquet", [list(range(k, k + n)) for k in range(start, end, n)]
        )
        for start, end, n in spans
    ]


def encoder(**kwargs: object) -> ImageEncoder:
    return ImageEncoder(TINY, **({"device": "cpu", "batch_size": 64} | kwargs))  # type: ignore[arg-type]


def each(own: ImageEncoder, paths: list[Path]) -> list[npt.NDArray[np.float32]]:
    """Features of each video, in the order of `paths`."""
    found = dict(own(paths))
    return [features_of(found[position]) for position in range(len(paths))]


def plainly(path: Path) -> npt.NDArray[np.float32]:
    """Features by open_clip's own transform, one frame at a time."""
    model = clip.build(TINY, torch.device("cpu"))
    transform_of = clip.open_clip.transform.image_transform_v2
    transform = transform_of(clip.PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    features = []
    for row in tables.read(path).to_pylist():
        pictures = [Image.fromarray(noise(number)) for number in row["frame_index"]]
        decoded = [Image.open(io.BytesIO(jpeg(np.asarray(picture)))) for picture in pictures]
        with torch.no_grad():
            units = [model.encode_image(transform(p)[None], normalize=True) for p in decoded]
        features.append(torch.cat(units).mean(dim=0).numpy())
    return np.stack(features)


def test_features_are_means_of_unit_embeddings_as_open_clip_gives_them(videos: list[Path]) -> None:
    tables_found = dict(encoder()(videos[1:3]))
    for position, path in enumerate(videos[1:3]):
        tables.check(tables_found[position], tables.feature_piece(256), "piece")
        found, expected = features_of(tables_found[position]), plainly(path)
        assert np.abs(found - expected).max() <= TRANSFORM_TOLERANCE
        assert np.abs(expected - expected.mean(axis=0)).max() > 10 * TRANSFORM_TOLERANCE


def test_a_repeated_frame_is_encoded_once_and_counted_as_often_as_it_stands(tmp_path: Path) -> None:
    own = encoder()
    rows = []
    inner = own.tower.encode
    own.tower.encode = lambda inputs: (rows.append(len(inputs)), inner(inputs))[1]
    single = each(own, [write_frames(tmp_path / "a.parquet", [[0], [1]])])[0]
    repeated = each(own, [write_frames(tmp_path / "b.parquet", [[0, 0, 1], [1, 1, 0]])])[0]
    assert rows == [2, 2]
    expected = np.array([[2, 1], [1, 2]]) @ single / 3
    np.testing.assert_allclose(repeated, expected, atol=1e-6)


def test_on_a_cpu_features_are_the_same_bits_whatever_is_encoded_beside_them(
    videos: list[Path],
) -> None:
    alone = [each(encoder(batch_size=5), [path])[0] for path in videos]
    own = encoder(batch_size=64)
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 2, 0, 3]):
        for position, found in zip(order, each(own, [videos[k] for k in order]), strict=True):
            np.testing.assert_array_equal(found, alone[position])


def test_shared_batches_change_features_within_the_stated_tolerance(videos: list[Path]) -> None:
    alone = each(encoder(), videos)
    for size in (1, 7, 64):
        shared = each(encoder(batch_size=size, shared=True), videos)
        for one, other in zip(alone, shared, strict=True):
            assert np.abs(one - other).max() <= BATCH_TOLERANCE


@pytest.mark.parametrize(("shared", "sizes"), [(False, [32, 8, 3, 7, 32, 1]), (True, [50, 33])])
def test_videos_share_batches_only_when_told_to(
    videos: list[Path], shared: bool, sizes: list[int]
) -> None:
    own = encoder(batch_size=50, shared=shared)
    found, inner = [], own.tower.encode
    own.tower.encode = lambda inputs: (found.append(len(inputs)), inner(inputs))[1]
    each(own, videos)
    assert found == sizes
    assert CPU_BATCH == 32


@pytest.mark.parametrize("shared", [True, False])
def test_what_cannot_be_read_costs_no_other_video(
    tmp_path: Path, videos: list[Path], shared: bool
) -> None:
    broken = write_frames(tmp_path / "cut.parquet", [[0], [1]], {1: jpeg(noise(1))[:-200]})
    late = write_frames(tmp_path / "late.parquet", [list(range(60))], {59: jpeg(noise(59))[:-200]})
    paths = [videos[1], tmp_path / "absent.parquet", late, videos[2], broken, videos[0]]
    found = dict(encoder(shared=shared)(paths))
    assert sorted(found) == list(range(len(paths)))
    expected = each(encoder(), [videos[1], videos[2], videos[0]])
    for position, features in zip((0, 3, 5), expected, strict=True):
        assert np.abs(features_of(found[position]) - features).max() <= BATCH_TOLERANCE
    assert "does not exist" in str(found[1])
    assert "frame 59 is no whole JPEG" in str(found[2])
    assert "frame 1 is no whole JPEG" in str(found[4])


def test_out_of_memory_changes_no_feature(
    videos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    own = encoder(batch_size=32, shared=True)
    inner = own.tower.encode

    def crowded(inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs) > 9:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inner(inputs)

    own.tower.encode = crowded
    for found, expected in zip(each(own, videos), each(encoder(), videos), strict=True):
        assert np.abs(found - expected).max() <= BATCH_TOLERANCE
    assert own.tower.batch_size == 8
    assert capsys.readouterr().err.count("out of memory") == 2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_near_fp32(videos: list[Path], precision: str) -> None:
    half = ImageEncoder(
        TINY.model_copy(update={"precision": precision}), device="cpu", batch_size=8
    )
    norms = {p.dtype for name, p in half.model.visual.named_parameters() if ".ln_" in name}
    assert norms == {torch.float32}
    assert half.model.visual.conv1.weight.dtype == DTYPES[precision]
    found, expected = each(half, videos[:1])[0], each(encoder(), videos[:1])[0]
    difference = np.abs(found - expected).max()
    assert 0 < difference <= PRECISION_TOLERANCE[precision]


def test_an_abandoned_call_leaves_no_threads_behind(videos: list[Path]) -> None:
    before = threading.active_count()
    results = encoder()(videos * 5)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def compiler(graphs: list[tuple[int, ...]]) -> Callable[..., object]:
    """`torch.compile`, tracing for real, with a backend that notes the input shapes it is given."""
    real = torch.compile

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        graphs.append(next(tuple(i.shape) for i in inputs if i.shape[1:] == (3, 64, 64)))
        return graph.forward

    return lambda function, **options: real(function, backend=backend, **options)


def test_a_compiled_encoder_is_compiled_once_for_all_batches(
    videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[tuple[int, ...]] = []
    monkeypatch.setattr(torch, "compile", compiler(graphs))
    own = encoder(compiling=True)
    found = each(own, videos)
    assert graphs == [(CPU_BATCH, 3, 64, 64)]
    for features, expected in zip(found, each(encoder(), videos), strict=True):
        assert np.abs(features - expected).max() <= BATCH_TOLERANCE


def test_an_encoder_that_cannot_be_compiled_goes_on_without(
    videos: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> object:
        raise RuntimeError("no C++ compiler found\nsecond line")

    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: real(f, backend=fail, **options))
    own = encoder(compiling=True)
    said = capsys.readouterr().err
    assert "runtime.compile: torch.compile failed" in said
    assert "no C++ compiler found" in said
    assert not own.tower.fixed_shape
    np.testing.assert_array_equal(each(own, videos[1:2])[0], each(encoder(), videos[1:2])[0])
