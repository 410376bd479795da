"""Settings of the captioners, one class a backend, and of the text features made of captions."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.section import Count, Positive, Section

PROMPT = "Describe the people, objects, actions and any unusual event in one short sentence."


def _commit(revision: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise ValueError(
            f"'{revision}' is no commit: give its 40 hexadecimal digits (a branch or tag can move)"
        )
    return revision


Commit = Annotated[str, AfterValidator(_commit)]
Text = Annotated[str, Field(min_length=1)]


class RulesCaption(Section):
    """Captions from measured motion, brightness and colour; no model."""

    backend: Literal["rules"]


class CaptionColumns(Section):
    """What a user's caption table calls each column.

    A row has a `snippet` number, or a time span `start` to `end`.
    """

    video_id: str = "video_id"
    caption: str = "caption"
    snippet: str = "snippet"
    start: str = "start"
    end: str = "end"


class FileCaption(Section):
    """Captions that are there already, in a table below `data/<dataset>/raw`.

    `made_by` says what wrote them (model, revision, prompt). `unit` is that of time spans; frames
    are 0-based, the end not included. `gaps`: what a snippet gets that no caption overlaps.
    """

    backend: Literal["file"]
    path: Text
    made_by: Text
    columns: CaptionColumns = CaptionColumns()
    unit: Literal["seconds", "frames"] = "seconds"
    gaps: Literal["empty", "nearest"] = "empty"


class Prompted(Section):
    """What a vision-language model is asked, and how it answers: always greedily.

    `frames`: of each snippet, evenly spaced among those that `decode` keeps.
    """

    model: Text
    prompt: Text = PROMPT
    frames: Count = 8
    max_new_tokens: Count = 64
    repetition_penalty: Positive = 1.0


class TransformersCaption(Prompted):
    """A model that the installed transformers knows by itself.

    `model` is a hub id, whose `revision` is pinned, or a local folder. `frames_as`: several images
    of one message, or one video.
    """

    backend: Literal["transformers"]
    revision: Commit | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "bf16"
    frames_as: Literal["images", "video"] = "images"


class InternVideoCaption(Prompted):
    """InternVideo2.5 by its official code, in an interpreter of its own.

    Its frame merging takes frames in fours. `trust_remote_code` must be said in so many words: the
    model's folder holds code that will run on this machine.
    """

    backend: Literal["internvideo"]
    model: Text = "OpenGVLab/InternVideo2_5_Chat_8B"
    revision: Commit | None = None
    frames: Annotated[int, Field(ge=4, multiple_of=4)] = 8
    precision: Literal["fp32", "bf16", "fp16"] = "bf16"
    trust_remote_code: bool = False

    @model_validator(mode="after")
    def _trusted(self) -> Self:
        if not self.trust_remote_code:
            raise ValueError(
                "trust_remote_code: this backend runs the Python files of the model's folder; "
                "read them at the pinned revision, then set it to true"
            )
        return self


class EndpointCaption(Prompted):
    """A server that speaks OpenAI's protocol; where it is stands in `runtime.captions.url`.

    `revision` is yours to state (commit, quantisation, engine): a server does not tell, and
    captions of another one are not reused.
    """

    backend: Literal["endpoint"]
    revision: Text


Caption = Annotated[
    RulesCaption | FileCaption | TransformersCaption | InternVideoCaption | EndpointCaption,
    Field(discriminator="backend"),
]


class ClipText(Section):
    """Text features by the text tower of `clip`.

    `long_captions`: cut at the context length, or the mean over the caption's sentences.
    """

    encoder: Literal["clip"]
    long_captions: Literal["truncate", "sentences"] = "truncate"


class _SentenceText(Section):
    """Text features by another encoder than CLIP's.

    `model` is a hub id, whose `revision` is pinned, or a local folder.
    """

    model: Text
    revision: Commit | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    long_captions: Literal["truncate", "sentences"] = "truncate"


class TransformersText(_SentenceText):
    """Text features by a plain transformers model; `pooling` over the tokens of its last layer."""

    encoder: Literal["transformers"]
    pooling: Literal["mean", "first", "last"] = "mean"


class SentenceTransformersText(_SentenceText):
    """Text features by a sentence-transformers model, which brings its own pooling."""

    encoder: Literal["sentence_transformers"]


OtherText = TransformersText | SentenceTransformersText
TextFeatures = Annotated[ClipText | OtherText, Field(discriminator="encoder")]


class CaptionRuntime(Section):
    """How captions are computed, not what they are.

    `batch_size`: snippets that a model on this machine is given at a time. `internvideo_python`:
    the interpreter made from `requirements-internvideo.txt`. The rest is for `endpoint`:
    `requests` at a time, `api_key_variable` names the environment variable that holds the key.
    """

    batch_size: Count = 16
    internvideo_python: Text = ".venv-internvideo/bin/python"
    url: str | None = None
    requests: Count = 16
    request_timeout_s: Positive = 120.0
    retries: Annotated[int, Field(ge=0)] = 6
    api_key_variable: Text = "OPENAI_API_KEY"
