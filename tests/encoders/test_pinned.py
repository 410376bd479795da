"""A model's identity, and the errors that keep it from changing unnoticed."""

import shutil
from pathlib import Path

import pytest
import torch

from pipeline.encoders import pinned
from pipeline.engine import FatalError, SpoiledError
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


def test_what_people_read_and_a_training_logs_does_not_count(model: Path) -> None:
    before = pinned.identity(str(model), None)
    (model / "runs" / "today").mkdir(parents=True)
    for name in (
        *("README.md", "LICENSE", "LICENSE.txt", "NOTICE", "assets.png", "onnx/example.jpg"),
        "runs/today/events.out.tfevents",
    ):
        (model / name).write_text("new")
    assert pinned.identity(str(model), None) == before


@pytest.mark.parametrize(
    "name", ["model.msgpack", "modeling.py", "chat_template.jinja", "vocab.txt", "onnx/runs"]
)
def test_what_may_decide_counts(model: Path, name: str) -> None:
    before = pinned.identity(str(model), None)
    (model / name).write_text("new")
    assert pinned.identity(str(model), None) != before


def test_a_linked_folder_in_a_model_is_refused_and_a_linked_model_is_not(model: Path) -> None:
    before = pinned.identity(str(model), None)
    linked = model.parent / "linked"
    linked.symlink_to(model)
    assert pinned.identity(str(linked), None) == before
    (model / ".cache").symlink_to(model.parent)  # of no account
    assert pinned.identity(str(model), None) == before
    (model / "onnx").rename(model.parent / "onnx")
    (model / "onnx").symlink_to(model.parent / "onnx")
    with pytest.raises(UserError, match=f"{model}/onnx is a link to a folder.*put the folder"):
        pinned.identity(str(model), None)


def test_a_hub_id_needs_a_revision() -> None:
    told = r"there is no folder owner/name here; as an id of the hub it needs a `revision`.*params"
    with pytest.raises(UserError, match=rf"{told}\.yaml.*owner/name/commits/main"):
        pinned.identity("owner/name", None)


def test_a_folder_has_no_revision_and_holds_a_model(model: Path) -> None:
    with pytest.raises(UserError, match="local folder, which has no revision"):
        pinned.identity(str(model), COMMIT)
    (model / "config.json").unlink()
    with pytest.raises(UserError, match=r"no config\.json"):
        pinned.identity(str(model), None)


@pytest.mark.parametrize("revision", [COMMIT, None])
@pytest.mark.parametrize("name", ["./model", "~/m", "models/of/mine", "/nowhere/model", "a model"])
def test_what_is_neither_a_folder_nor_a_hub_id_is_named(name: str, revision: str | None) -> None:
    with pytest.raises(UserError, match=f"there is no folder {name}, and an id of the hub is"):
        pinned.identity(name, revision)


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


@pytest.mark.parametrize(
    "full",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        torch.AcceleratorError("CUDA error: out of memory"),
        MemoryError(),
    ],
)
def test_no_room_for_a_model_is_no_matter_of_downloads(model: Path, full: Exception) -> None:
    with (
        pytest.raises(FatalError, match=r"does not fit.*precision bf16.*freer device") as caught,
        pinned.loading(str(model), None),
    ):
        raise full
    assert "look into" not in str(caught.value)


def test_a_gpu_that_breaks_while_a_model_is_loaded_spoils_the_process(model: Path) -> None:
    with (
        pytest.raises(SpoiledError, match=r"the GPU failed: AcceleratorError: .*illegal memory"),
        pinned.loading(str(model), None),
    ):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")


def test_a_model_that_is_not_in_the_cache_without_a_network() -> None:
    from transformers import AutoConfig  # noqa: PLC0415  (HF_HUB_OFFLINE is set by then)

    with (
        pytest.raises(FatalError, match=r"cannot load owner/absent at 0123.*hf download"),
        pinned.loading("owner/absent", COMMIT),
    ):
        AutoConfig.from_pretrained("owner/absent", **pinned.where(COMMIT))
