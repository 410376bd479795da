from types import SimpleNamespace

import pytest

from pipeline.video.reading.parameter_sets import ParameterSets

AVC = bytes([1, 100, 0, 31, 0xFF])  # a configuration record that says: four bytes of length
HVC = bytes([1] + [0] * 20 + [3])


def codec(name: str, extradata: bytes) -> SimpleNamespace:
    return SimpleNamespace(codec=SimpleNamespace(canonical_name=name), extradata=extradata)


def unit(*content: int) -> bytes:
    return len(content).to_bytes(4, "big") + bytes(content)


SPS, OTHER_SPS, PPS, IDR = unit(0x67, 1), unit(0x67, 2), unit(0x68, 1), unit(0x65, 9, 9)


@pytest.mark.parametrize(
    ("keyframes", "changes"),
    [
        ([IDR, IDR], [False, False]),
        ([SPS + PPS + IDR, SPS + PPS + IDR], [False, False]),
        ([SPS + IDR, OTHER_SPS + IDR], [False, True]),
        ([SPS + IDR, IDR], [False, True]),  # holds on from the first, which a jump passes by
        ([IDR, SPS + IDR], [False, True]),
        ([SPS + IDR, unit(0x27, 1) + IDR], [False, True]),
    ],
)
def test_h264(keyframes: list[bytes], changes: list[bool]) -> None:
    sets = ParameterSets(codec("h264", AVC))
    assert [sets.change(keyframe) for keyframe in keyframes] == changes


def test_hevc_has_other_unit_types() -> None:
    sets = ParameterSets(codec("hevc", HVC))
    vps, changed, picture = unit(32 << 1, 1, 5), unit(32 << 1, 1, 6), unit(19 << 1, 1, 7)
    assert not sets.change(vps + picture)
    assert not sets.change(vps + picture)
    assert sets.change(changed + picture)


def test_other_codecs_keep_theirs_in_every_frame() -> None:
    assert not ParameterSets(codec("vp9", b"")).change(b"anything")


def test_units_that_cannot_be_told_apart_count_as_a_change() -> None:
    assert ParameterSets(codec("h264", bytes([0, 0, 0, 1, 0x67]))).change(IDR)
    assert ParameterSets(codec("h264", b"")).change(IDR)
