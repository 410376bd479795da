"""What a caption table's captions are like, so that a captioner that is silently broken is seen."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import tables


def of_table(path: Path) -> dict[str, Any]:
    """Counts over all captions of a table of schema `tables.CAPTIONS`."""
    frame = tables.read(path, tables.CAPTIONS).to_pandas()
    return summary(frame)


def summary(captions: pd.DataFrame) -> dict[str, Any]:
    """The same of a frame with columns `video_id` and `caption`."""
    return {"videos": int(captions["video_id"].nunique()), "captions": len(captions)}


def as_text(found: dict[str, Any]) -> str:
    """A summary in a few lines, warnings last."""
    return f"{found['captions']} captions of {found['videos']} videos"
