"""A model's identity, and the errors that keep it from changing unnoticed."""

import shutil
from pathlib import Path

import pytest

from pipeline.encoders import pinned
from pipeline.engine import FatalError
from pipeline.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(b"\x00" * 1000)
    (folder / "onnx" / "model.onnx").write_bytes(b"\x01")
    return folder


def test_of_the_hub_the_commit_counts() -> None:
    found = pinned.identity("owner/name", COMMIT)
    assert found == {"model": "owner/name", "revision": COMMIT}
    assert found != pinned.identity("owner/name", COMMIT[::-1])
    assert pinned.where(COMMIT) == {"revision": COMMIT}
    assert pinned.where(None) == {}


def test_of_a_folder_every_file_s_name_and_content_count(model: Path) -> None:
    before = pinned.identity(str(model), None)
    for path in (model / "weights.safetensors", model / "onnx" / "model.onnx"):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"\x07")
        assert pinned.identity(str(model), None) != before
        path.write_bytes(content)
    assert pinned.identity(str(model), None) == before
    (model / "onnx" / "model.onnx").rename(model / "onnx" / "other.onnx")
    assert pinned.identity(str(model), None) != before


def test_where_a_folder_lies_and_what_a_downloader_notes_does_not_count(model: Path) -> None:
    before = pinned.identity(str(model), None)
    moved = shutil.copytree(model, model.parent / "moved")
    (moved / ".cache" / "huggingface").mkdir(parents=True)
    (moved / ".cache" / "huggingface" / "config.json.metadata").write_text("downloaded today")
    (moved / "__pycache__").mkdir()
    (moved / "__pycache__" / "modeling.pyc").write_bytes(b"1")
    assert pinned.identity(str(moved), None) == before


def test_files_that_are_links_count_by_what_they_point_to(model: Path) -> None:
    before = pinned.identity(str(model), None)
    blob = model.parent / "blob"
    (model / "weights.safetensors").rename(blob)
    (model / "weights.safetensors").symlink_to(blob)
    assert pinned.identity(str(model), None) == before
    blob.write_bytes(b"other")
    assert pinned.identity(str(model), None) != before


def test_a_hub_id_needs_a_revision() -> None:
    with pytest.raises(UserError, match=r"`revision`.*params.yaml.*owner/name/commits/main"):
        pinned.identity("owner/name", None)


def test_a_folder_has_no_revision_and_holds_a_model(model: Path) -> None:
    with pytest.raises(UserError, match="local folder, which has no revision"):
        pinned.identity(str(model), COMMIT)
    (model / "config.json").unlink()
    with pytest.raises(UserError, match=r"no config\.json"):
        pinned.identity(str(model), None)


@pytest.mark.parametrize("name", ["./model", "models/of/mine", "/nowhere/model", "a model"])
def test_what_is_neither_a_folder_nor_a_hub_id_is_named(name: str) -> None:
    with pytest.raises(UserError, match="neither a folder here nor an id of the hub"):
        pinned.identity(name, COMMIT)


def test_what_fails_to_load_ends_the_run_with_the_way_out(model: Path) -> None:
    with (
        pytest.raises(FatalError, match=f"hf download owner/name --revision {COMMIT}"),
        pinned.loading("owner/name", COMMIT),
    ):
        raise OSError("We couldn't connect to 'https://huggingface.co'")
    with (
        pytest.raises(FatalError, match="KeyError: 'x'; look into the folder"),
        pinned.loading(str(model), None),
    ):
        raise KeyError("x")


def test_a_model_that_is_not_in_the_cache_without_a_network() -> None:
    from transformers import AutoConfig  # noqa: PLC0415  (HF_HUB_OFFLINE is set by then)

    with (
        pytest.raises(FatalError, match=r"cannot load owner/absent at 0123.*hf download"),
        pinned.loading("owner/absent", COMMIT),
    ):
        AutoConfig.from_pretrained("owner/absent", **pinned.where(COMMIT))
