"""Captions by a server that is well."""

from typing import Any

import pytest

from pipeline.config.captions import PROMPT
from pipeline.encoders.captioners.captioner import recipe
from pipeline.encoders.captioners.endpoint import EndpointCaptioner
from pipeline.encoders.captioners.endpoint.answers import caption_of
from pipeline.encoders.captioners.snippets import Snippets
from tests.encoders.captioners.serving import (
    Running,
    captioner,
    captions,
    digests,
    expected,
    runtime,
    serving,
    settings,
    video,
)
from tests.encoders.pictures import jpeg, noise


def test_captions_find_their_snippets_though_answers_come_out_of_order(server: Running) -> None:
    server.trouble(slow_s=0.1, uneven=True)
    videos = [video(number, 1 + number) for number in range(5)]
    found, failed = captions(captioner(server), *videos)
    assert not failed
    assert found == {own.video_id: expected(own) for own in videos}
    assert server.seen()["most_at_once"] == 4  # as many as allowed, never more
    assert set(server.times_asked().values()) == {1}


def test_what_a_request_holds(server: Running) -> None:
    images = [jpeg(noise(number)) for number in range(8)]
    asking = EndpointCaptioner(
        settings(prompt=PROMPT, frames=4, max_new_tokens=7), runtime(server.url)
    )
    snippets = Snippets("v", [0], [8], [images])
    (found,) = captions(asking, snippets)[0].values()
    (asked,) = server.seen()["asked"]
    assert asked == {
        "model": "tiny",
        "text": PROMPT,
        "n_images": 4,
        "image": digests(Snippets("v", [0], [1], [images[1:]]))[0],  # centre of the first quarter
        "temperature": 0,
        "seed": 0,
        "max_tokens": 7,
        "stream": False,
        "authorization": None,
    }
    assert found == [f"{asked['image']} and 3 more"]


@pytest.mark.parametrize(
    ("owner", "penalty", "sent"),
    [("test", 1.0, None), ("test", 1.2, 1.2), ("vllm", 1.0, 1.0), ("sglang", 1.1, 1.1)],
)
def test_the_penalty_is_sent_where_it_says_something_and_to_servers_with_another_default(
    server: Running, owner: str, penalty: float, sent: float | None
) -> None:
    server.trouble(models={"data": [{"id": "tiny", "owned_by": owner}]})
    asking = EndpointCaptioner(settings(repetition_penalty=penalty), runtime(server.url))
    captions(asking, video(0, 1))
    assert server.seen()["asked"][0].get("repetition_penalty") == sent


def test_everything_that_decides_captions_is_in_the_key() -> None:
    keys = {recipe(settings()).key("frames")}
    changes: list[dict[str, Any]] = [
        {"model": "m"},
        {"revision": "2"},
        {"prompt": "Who?"},
        {"frames": 1},
        {"max_new_tokens": 9},
        {"repetition_penalty": 1.1},
    ]
    keys |= {recipe(settings(**change)).key("frames") for change in changes}
    assert len(keys) == 1 + len(changes)


def test_a_real_model_says_the_same_of_the_same_frames() -> None:
    videos = [video(0, 4), video(1, 2)]
    with serving() as server:
        asking = EndpointCaptioner(settings(max_new_tokens=8), runtime(server.url))
        first, failed = captions(asking, *videos)
        again, _ = captions(asking, *videos[::-1])
    assert not failed
    assert first == again
    sentences = [caption for own in first.values() for caption in own]
    assert len(sentences) == 6
    assert len(set(sentences)) > 3  # they depend on the frames


def answer(content: Any, reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content} | message, "finish_reason": reason}]}


@pytest.mark.parametrize(
    ("given", "caption"),
    [
        (answer(" A car.\n"), "A car."),
        (answer([{"type": "text", "text": "A "}, {"type": "text", "text": "car."}]), "A car."),
        (answer("A car st", "length"), "A car st"),
        (answer("<think>What is\nit?</think>\nA car."), "A car."),
        (answer("What is it?</think>A car."), "A car."),
        (answer("<think>a</think><think>b</think>A car."), "A car."),
        (answer("<think>What is", "length"), ""),
        (answer(None, "length", reasoning_content="What is"), ""),
        (answer(None, "content_filter"), ""),
        (answer("A car", "content_filter"), "A car"),
        (answer(None, refusal="I cannot"), ""),
        (answer("I cannot", refusal="I cannot"), ""),
        (answer(""), ""),
    ],
)
def test_what_an_answer_says(given: Any, caption: str) -> None:
    assert caption_of(given) == caption


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "A car.",
        {},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        answer(None),
        answer(7),
        answer([]),
        answer([{"type": "image"}]),
    ],
)
def test_what_is_no_answer(given: Any) -> None:
    with pytest.raises(ValueError, match="answer"):
        caption_of(given)


def test_the_reason_in_an_answer_without_captions_is_told() -> None:
    with pytest.raises(ValueError, match=r"no caption in its answer: quota is used up$"):
        caption_of({"error": {"message": "quota is used up", "code": 429}})
