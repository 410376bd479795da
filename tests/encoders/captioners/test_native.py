"""Captions of tiny random models, against generation written out plainly."""

import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from pipeline.config import Runtime, TransformersCaption
from pipeline.encoders.captioners.native import NativeCaptioner
from pipeline.encoders.captioners.snippets import Snippets, evenly
from pipeline.engine import SpoiledError
from pipeline.errors import UserError
from tests.encoders.captioners.tiny_vlm import KINDS
from tests.encoders.pictures import jpeg, noise
from tests.runtime import RUNTIME

PROMPT = "Describe the people in one short sentence."
TOKENS = 10
SAMPLED = 8  # frames of each snippet on disk

Model = Callable[[str], Path]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The folder of a tiny model of that kind, written when it is first asked for."""
    folder = tmp_path_factory.mktemp("models")

    def make(kind: str) -> Path:
        if kind == "smolvlm":
            pytest.importorskip("num2words", reason="SmolVLM's processor needs num2words")
        path = folder / kind
        return path if path.exists() else KINDS[kind](path)

    return make


def settings(folder: Path, **changes: Any) -> TransformersCaption:
    given = {"frames": 3, "prompt": PROMPT, "max_new_tokens": TOKENS, "precision": "fp32"}
    return TransformersCaption(backend="transformers", model=str(folder), **(given | changes))


def captioner(folder: Path, batch_size: int = 4, **changes: Any) -> NativeCaptioner:
    captions = RUNTIME.captions.model_copy(update={"batch_size": batch_size})
    runtime: Runtime = RUNTIME.model_copy(update={"captions": captions})
    return NativeCaptioner(settings(folder, **changes), runtime)


def video(name: str, count: int, *, first: int = 0, size: tuple[int, int] = (80, 60)) -> Snippets:
    images = [
        [jpeg(noise(first + SAMPLED * number + k, size)) for k in range(SAMPLED)]
        for number in range(count)
    ]
    return Snippets(name, list(range(count)), list(range(1, count + 1)), images)


def captions_of(own: NativeCaptioner, videos: Sequence[Snippets]) -> list[list[str]]:
    found = dict(own(videos))
    for value in found.values():
        if isinstance(value, Exception):
            raise value
    return [found[position] for position in range(len(videos))]  # type: ignore[misc]


def plainly(folder: Path, images: Sequence[bytes], *, as_video: bool = False) -> str:
    """One snippet's caption, as a model's documentation shows it."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()
    pictures = [Image.open(io.BytesIO(image)) for image in evenly(images, 3)]
    content: list[dict[str, Any]] = [{"type": "image", "image": own} for own in pictures]
    if as_video:
        content = [{"type": "video", "video": pictures}]
    content.append({"type": "text", "text": PROMPT})
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"do_sample_frames": False} if as_video else {"crop_to_patches": False},
    )
    greedily = {"do_sample": False, "repetition_penalty": 1.0, "max_new_tokens": TOKENS}
    tokens = model.generate(**inputs, **greedily)
    return str(
        processor.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_captions_are_those_of_plain_generation_one_by_one(model: Model, kind: str) -> None:
    own = video("v", 5)
    (found,) = captions_of(captioner(model(kind), batch_size=3), [own])
    assert len(set(found)) > 1  # it looks at the frames
    assert found == [plainly(model(kind), images) for images in own.images]


def test_frames_as_a_video_are_those_of_plain_generation(model: Model) -> None:
    own = video("v", 3)
    (found,) = captions_of(captioner(model("internvl"), frames_as="video"), [own])
    assert found == [plainly(model("internvl"), images, as_video=True) for images in own.images]
    assert found != captions_of(captioner(model("internvl")), [own])[0]


@pytest.mark.parametrize("frames_as", ["images", "video"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_one_at_a_time_gives(model: Model, kind: str, frames_as: str) -> None:
    videos = [video("a", 5), video("b", 2, first=500, size=(100, 40))]
    found = captions_of(captioner(model(kind), 16, frames_as=frames_as), videos)
    assert [len(captions) for captions in found] == [5, 2]
    assert found == captions_of(captioner(model(kind), 1, frames_as=frames_as), videos)


def test_frames_of_several_sizes_in_one_video(model: Model) -> None:
    small, large = video("a", 2), video("b", 2, first=90, size=(180, 120))
    order = [small.images[0], large.images[0], small.images[1], large.images[1]]
    mixed = Snippets("mixed", range(4), range(1, 5), order)
    own = captioner(model("qwen2_5_vl"))
    apart = captions_of(own, [small, large])
    wanted = [apart[0][0], apart[1][0], apart[0][1], apart[1][1]]
    assert captions_of(own, [mixed]) == [wanted]


def test_a_broken_frame_costs_its_video_alone(model: Model) -> None:
    whole, broken = video("a", 3), video("b", 3)
    cut = [broken.images[0], [image[:-60] for image in broken.images[1]], broken.images[2]]
    found = dict(
        captioner(model("internvl"), 2)([whole, Snippets("b", range(3), range(1, 4), cut), whole])
    )
    assert isinstance(found[1], UserError)
    assert "no whole JPEG" in str(found[1])
    assert found[0] == found[2] == captions_of(captioner(model("internvl")), [whole])[0]


def test_a_repeated_run_gives_the_same_whatever_the_checkpoint_samples(model: Model) -> None:
    sampling = transformers.GenerationConfig.from_pretrained(model("internvl"))
    assert sampling.do_sample and sampling.temperature == 0.7  # what is to be overruled
    own = captioner(model("internvl"))
    torch.manual_seed(0)
    first = captions_of(own, [video("v", 4)])
    torch.manual_seed(1)
    assert captions_of(own, [video("v", 4)]) == first


def test_the_next_batches_are_prepared_while_one_generates(model: Model) -> None:
    own = captioner(model("internvl"), batch_size=1)
    begun = [threading.Event() for _ in range(6)]
    asking, generate = own.asking, own.answering.model.generate
    calls = {"asked": 0, "answered": 0}
    overlapped = []

    def ask(snippets: Any) -> Any:
        begun[calls["asked"]].set()
        calls["asked"] += 1
        return asking(snippets)

    def answer(**inputs: Any) -> Any:
        following = min(calls["answered"] + 2, 5)
        overlapped.append(all(overlapped) and begun[following].wait(20))
        calls["answered"] += 1
        return generate(**inputs)

    own.asking, own.answering.model.generate = ask, answer  # type: ignore[assignment]
    captions_of(own, [video("a", 4), video("b", 2, first=99)])
    assert overlapped == [True] * 6


def test_a_broken_gpu_ends_the_call(model: Model) -> None:
    own = captioner(model("internvl"))

    def broken(**_: Any) -> Any:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    own.answering.model.generate = broken
    with pytest.raises(SpoiledError, match="illegal memory access"):
        list(own([video("a", 2), video("b", 2)]))
