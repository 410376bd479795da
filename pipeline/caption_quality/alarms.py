"""From which share on captions are suspect, and what that probably means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """A share above which captions are told to be suspect: of what, and what it probably means."""

    kind: str
    share: float
    told: str
    meaning: str


ALARMS = (
    Alarm(
        "empty",
        0.01,
        "captions without a word",
        "the model ends at once or its numbers overflow (precision fp16), or a table of captions "
        "has gaps; try bf16 and see that the prompt fits the model, or set gaps: nearest",
    ),
    Alarm(
        "refusals",
        0.01,
        "captions in which the model declines",
        "it was not given the frames, or declines what it sees; check that the model or server "
        "takes images, or change the prompt",
    ),
    Alarm(
        "loops",
        0.05,
        "captions that repeat a phrase over and over",
        "greedy decoding got caught, or weights are missing or random; set repetition_penalty to "
        "1.05 or so, fewer max_new_tokens, and check the model's folder",
    ),
    Alarm(
        "over_long",
        0.05,
        "captions are over-long",
        "the model does not stop: ask for one short sentence in the prompt, or raise "
        "max_new_tokens, and check its end token; captions that are meant to be long need "
        "long_captions: sentences",
    ),
    Alarm(
        "unfinished",
        0.5,
        "captions end without a sentence's end",
        "either max_new_tokens cuts them: raise it, or ask for one short sentence in the prompt; "
        "or the captioner writes no full stops, which is no fault: see whether the examples break "
        "off",
    ),
    Alarm(
        "markup",
        0.0,
        "captions with tags, special tokens or Markdown",
        "the chat template or tokenizer is not the model's own, or the prompt lets it format; "
        "text features see these signs as words",
    ),
    Alarm(
        "non_latin",
        0.05,
        "captions in another script than Latin",
        "the model answers in another language; CLIP's text tower knows English: ask for English "
        "in the prompt, or choose a text encoder of that language",
    ),
    Alarm(
        "most_common",
        0.2,
        "captions are one and the same",
        "the model does not look at the frames, or the prompt asks too little",
    ),
    Alarm(
        "same_throughout",
        0.5,
        "videos have one caption throughout",
        "every snippet gets the same frames, or the model sees no difference; look at the frames "
        "of the examples",
    ),
)
