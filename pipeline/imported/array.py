"""A video's features as an array, whatever file they lie in; never unpickled."""

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.config import FeaturesSource
from pipeline.imported.request import FeaturesError, Request
from pipeline.imported.table import rows_of

Array = npt.NDArray[np.floating[Any]]

DAMAGED = (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)


def features_of(settings: FeaturesSource, request: Request) -> Array:
    """The video's features (T, crops, D), T and D at least 1; without a crops axis, one crop.

    Of an `.npy` file only what is used is read. Raises `FeaturesError` for a file that is absent,
    damaged or pickled, and for an array of another shape or not of floating-point numbers.
    """
    if request.is_table:
        if settings.crops_axis is not None:
            raise FeaturesError(f"{request.path}: a Parquet table has no crops; drop crops_axis")
        array = rows_of(request.path, request.video_id, settings.columns)
    else:
        array = _load(request.path, settings.array)
    if array.dtype.kind != "f":
        raise FeaturesError(
            f"{request.name} holds {array.dtype}, expected floating-point numbers; "
            "save the features as float32"
        )
    crops = settings.crops_axis
    expected = "2 (T, D)" if crops is None else f"3 (T, D, and crops at axis {crops})"
    if array.ndim != (2 if crops is None else 3):
        raise FeaturesError(
            f"{request.name} has shape {array.shape}, expected {expected} dimensions; "
            "crops_axis in params.yaml names an axis of crops, null means that there is none"
        )
    if not array.size:
        raise FeaturesError(f"{request.name} has shape {array.shape}: no feature; leave it out")
    return array[:, None] if crops is None else np.moveaxis(array, crops, 1)


def _load(path: Path, name: str | None) -> Any:
    """The array of an `.npy` file (mapped, not read) or of an `.npz` file."""
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            return loaded
        with loaded:
            array = loaded[_member(path, loaded.files, name)]
    except FileNotFoundError:
        raise FeaturesError(f"{path} does not exist; put it there or drop its row") from None
    except DAMAGED as error:
        raise FeaturesError(
            f"{path} cannot be read ({error}); expected .npy or .npz without pickled objects: "
            "np.save(path, features.astype(np.float32))"
        ) from error
    if not isinstance(array, np.ndarray):
        raise FeaturesError(f"{path}: what it holds is no array; np.savez writes arrays")
    return array


def _member(path: Path, names: list[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is None:
        raise FeaturesError(f"{path} holds {len(names)} arrays {names}; name one as `array`")
    if wanted not in names:
        raise FeaturesError(f"{path} has no array '{wanted}', found {names}; mend `array`")
    return wanted


def digest(settings: FeaturesSource, request: Request) -> str:
    """SHA-256 of the video's own features: number format, shape and bytes.

    So videos of one Parquet table have each their own, and a file's name or compression does not
    matter. Raises as `features_of`.
    """
    array = features_of(settings, request)
    found = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def width(settings: FeaturesSource, request: Request) -> int:
    """D of the video's features. Raises as `features_of`."""
    return int(features_of(settings, request).shape[2])
