import numpy as np
import pytest

from pipeline import tables
from pipeline.config import Clip, ClipText
from pipeline.encoders.text import TextEncoder
from pipeline.encoders.tower import BATCH_TOLERANCE
from tests.encoders.pictures import features_of

CLIP = ClipText(encoder="clip")
TINY = Clip(model="tiny", pretrained="random")
CAPTIONS = [
    ["a red car", "a red car", "a blue van", "", "word " * 200],
    [f"{n} people run" for n in range(40)],
    ["nothing moves"],
]


def encoder(batch_size: int = 16, **kwargs: object) -> TextEncoder:
    return TextEncoder(CLIP, TINY, device="cpu", batch_size=batch_size, **kwargs)  # type: ignore[arg-type]


def each(own: TextEncoder, captions: list[list[str]]) -> list[np.ndarray]:
    found = dict(own(captions))
    return [features_of(found[position]) for position in range(len(captions))]


def test_text_features_are_unit_vectors_that_tell_captions_apart() -> None:
    ((position, table),) = encoder()(CAPTIONS[:1])
    tables.check(table, tables.text_piece(256), "piece")
    features = features_of(table)
    assert (position, features.shape) == (0, (5, 256))
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(features[0], features[1], atol=BATCH_TOLERANCE)
    assert np.abs(features[0] - features[2]).max() > 1e-3


def test_on_a_cpu_text_features_are_the_same_bits_in_any_company() -> None:
    alone = [each(encoder(batch_size=3), [captions])[0] for captions in CAPTIONS]
    together = each(encoder(), CAPTIONS[::-1])[::-1]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_shared_batches_of_captions_keep_the_tolerance() -> None:
    own = encoder(batch_size=16, shared=True)
    sizes, inner = [], own.tower.encode
    own.tower.encode = lambda tokens: (sizes.append(len(tokens)), inner(tokens))[1]
    for one, other in zip(each(encoder(), CAPTIONS), each(own, CAPTIONS), strict=True):
        assert np.abs(one - other).max() <= BATCH_TOLERANCE
    assert sizes == [16, 16, 14]


@pytest.mark.parametrize("shared", [True, False])
def test_captions_that_are_no_text_cost_their_video_alone(shared: bool) -> None:
    captions = [CAPTIONS[0], [None], CAPTIONS[2]]
    found = dict(encoder(shared=shared)(captions))  # type: ignore[arg-type]
    assert isinstance(found[1], Exception)
    assert features_of(found[0]).shape == (5, 256)
    assert features_of(found[2]).shape == (1, 256)
