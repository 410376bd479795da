"""What tests of the `internvideo` backend share: its interpreter, settings, videos."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import CaptionRuntime, InternVideoCaption, Runtime
from pipeline.encoders.captioners.internvideo import captioner as internvideo
from pipeline.encoders.captioners.snippets import Snippets
from tests.encoders.pictures import jpeg, noise
from tests.runtime import RUNTIME

ROOT = Path(__file__).resolve().parents[3]
SECOND = ROOT / ".venv-internvideo" / "bin" / "python"
# Another interpreter to run these tests with, such as this one; of whatever transformers.
CHOSEN = os.environ.get("INTERNVIDEO_PYTHON")
PROMPT, N_FRAMES, NEW_TOKENS = "What is <image>?", 4, 12


def interpreter() -> str:
    """The second environment's; skips where it was not made."""
    if CHOSEN is None and not SECOND.exists():
        pytest.skip("no .venv-internvideo here; `make internvideo` makes it")
    if CHOSEN is not None:
        internvideo.FIT = ("4.40", "99.0")
    return CHOSEN or str(SECOND)


def runtime_of(python: str, batch_size: int = 2) -> Runtime:
    captions = CaptionRuntime(batch_size=batch_size, internvideo_python=python)
    patient = {"captions": captions, "workers": 1, "timeout_s": 300.0, "recycle_after": 0}
    return RUNTIME.model_copy(update=patient)


def settings_of(model: Path | str, **others: Any) -> InternVideoCaption:
    chosen = {
        "backend": "internvideo",
        "model": str(model),
        "prompt": PROMPT,
        "frames": N_FRAMES,
        "max_new_tokens": NEW_TOKENS,
        "precision": "fp32",
        "trust_remote_code": True,
    }
    return InternVideoCaption(**(chosen | others))


def video_of(name: str, seeds: Sequence[int], n_frames: int = 2 * N_FRAMES) -> Snippets:
    """A snippet for each seed; frame k of it is the noise of 100 * seed + k."""
    images = [[jpeg(noise(100 * seed + k)) for k in range(n_frames)] for seed in seeds]
    return Snippets(name, range(len(seeds)), range(1, len(seeds) + 1), images)
