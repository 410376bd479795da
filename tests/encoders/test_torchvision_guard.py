import importlib
import subprocess
import sys

import pytest

from pipeline.encoders import torchvision_guard

FRESH = """
from pipeline.encoders.torchvision_guard import import_torchvision
import_torchvision()
import_torchvision()
import torch
import torchvision.transforms.functional as functional
assert functional.resize(torch.zeros(3, 8, 8), [4, 4], antialias=True).shape == (3, 4, 4)
import open_clip
"""


def test_transforms_and_open_clip_import_in_a_fresh_process() -> None:
    subprocess.run([sys.executable, "-c", FRESH], check=True)


def test_another_failure_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError(f"{name} is broken in another way")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="another way"):
        torchvision_guard.import_torchvision()
