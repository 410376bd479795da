"""Make `import torchvision` work beside a CPU-only torch.

A torchvision wheel built for CUDA fails to load its compiled operators beside a CPU build
of torch, and then dies on registering `torchvision::nms`, taking open_clip and
several classes of transformers with it. Declaring the two missing operator schemas lets its
transforms, all that we use, import. On ordinary installs this does nothing but import.
"""

import importlib
import sys

import torch

_SCHEMAS = (
    ("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    (
        "torchvision::qnms",
        "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ),
)


def import_torchvision() -> None:
    """Import torchvision, with the operator schemas declared where exactly they are missing.

    Call before the first import of open_clip or of vision classes of transformers.
    """
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    for name, schema in _SCHEMAS:
        torch.library.define(name, schema)
    importlib.import_module("torchvision")
