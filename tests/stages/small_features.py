"""A dataset of random feature tables in a folder of its own: no video, no encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import config, made_by, tables
from stages.layout import PARAMS, Layout
from tests.params import write_params
from tests.test_features import manifest_row

T, D = 32, 6
OWN = Layout("own")


def write_features(
    folder: Path, count: int, split_of: Callable[[int], str], **sections: Any
) -> None:
    """`params.yaml` and `count` videos of random features in `folder`, which is entered.

    Four of a row are normal, the next four abnormal.
    """
    write_params(folder / "params.yaml", runtime={"device": "cpu", "workers": 2}, **sections)
    rng = np.random.default_rng(0)
    rows, entries = [], []
    for video in range(count):
        categories = ["Fire"] if video // 4 % 2 else []
        rows.append(manifest_row(f"v{video:02}", split_of(video), categories, "ok"))
        features = rng.normal(size=(T, D)) + rng.normal(size=D)
        entries += [
            {"video_id": f"v{video:02}", "snippet": s, "feature": own.tolist(), "key": "k"}
            for s, own in enumerate(features.astype(np.float32))
        ]
    write_manifest(rows)
    schema = tables.with_video(tables.feature_piece(D))
    table = pa.Table.from_pylist(entries, schema=schema)
    params = config.load(PARAMS)
    encoders = made_by.features(params.clip, params.caption, params.text, ())
    for stage, modality in (("clip", "image"), ("text", "text")):
        tables.write(table, OWN.table(stage), schema, {"made_by": encoders[modality]})


def write_manifest(rows: list[dict[str, Any]]) -> None:
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    about = {"categories": ["Fire"], "normal_spans": False}
    tables.write(manifest, OWN.manifest, tables.MANIFEST, about)
