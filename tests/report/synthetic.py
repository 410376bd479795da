"""Three test videos, two models, two seeds: small enough to check by hand."""

import io
from typing import Any

import pandas as pd
from PIL import Image

from pipeline.report.results import Results

SCRIPT = "<script>alert(1)</script>"
HOSTILE = '"><img src=x onerror=alert(1)>.mp4'
N_FRAMES, FPS, SNIPPETS = 200, 25.0, 4  # snippets of 50 frames, 2 s each
# One event of frames [50, 100) in ONE; [20, 60) and [150, 200) in TWO.
EVENTS: dict[str, list[dict[str, Any]]] = {
    "normal": [],
    "one": [{"start": 50, "end": 100, "category": "Fighting"}],
    HOSTILE: [
        {"start": 20, "end": 60, "category": "Fire"},
        {"start": 150, "end": 200, "category": "Fire"},
    ],
}
# Mean of the two seeds' scores per snippet; the seeds lie 0.1 below and above.
SCORES = {"ours": [0.2, 0.8, 0.4, 0.2], "plain <b>": [0.1, 0.3, 0.3, 0.1]}
CATEGORY_PROB = {"ours": [0.3, 0.7], "plain <b>": []}


def jpeg(width: int = 32, height: int = 24, colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "JPEG")
    return out.getvalue()


def metric(*per_seed: float) -> dict[str, Any]:
    mean = sum(per_seed) / len(per_seed)
    std = (sum((v - mean) ** 2 for v in per_seed) / len(per_seed)) ** 0.5
    return {"mean": mean, "std": std, "per_seed": list(per_seed)}


def metrics() -> dict[str, Any]:
    missing = {"mean": None, "reason": "no event is annotated in the test split"}
    return {
        "ours": {
            "last": {
                "frame_auc": metric(0.8, 0.84),
                "ap": missing,
                "shininess": metric(0.11, 0.13),
            },
            "best_on_test": {"frame_auc": metric(0.91, 0.95), "ap": missing},
        },
        "plain <b>": {"last": {"frame_auc": metric(0.6, 0.7), "ap": metric(0.3, 0.31)}},
        "floors": {"mean_motion": {"frame_auc": 0.561, "ap": None, "reason": "a still camera"}},
        "data": {"n_train": 7, "n_test": 3, "test_frames": 12600, "abnormal_test_frames": 3150},
        "note": "Random weights & rules.",
    }


def manifest() -> pd.DataFrame:
    rows = [
        {
            "video_id": video_id, "path": video_id, "sha256": "0", "split": "test",
            "categories": sorted({event["category"] for event in events}), "n_frames": N_FRAMES,
            "fps": FPS, "width": 32, "height": 24, "events": events, "status": "ok", "error": "",
        }
        for video_id, events in EVENTS.items()
    ]  # fmt: skip
    broken = rows[0] | {"video_id": "broken", "status": "unreadable", "error": "moov atom missing"}
    return pd.DataFrame([*rows, broken, rows[0] | {"video_id": "forgotten"}])


def scores() -> pd.DataFrame:
    length = N_FRAMES // SNIPPETS
    return pd.DataFrame([
        {
            "model": model, "seed": seed, "checkpoint": checkpoint, "video_id": video_id,
            "snippet": i, "start": i * length, "end": (i + 1) * length,
            "score": mean + shift + drift, "category_prob": CATEGORY_PROB[model],
        }
        for model, means in SCORES.items()
        for seed, shift in ((0, -0.1), (1, 0.1))
        for checkpoint, drift in (("last", 0.0), ("best_on_test", 0.05))
        for video_id in EVENTS
        for i, mean in enumerate(means)
    ])  # fmt: skip


def captions() -> pd.DataFrame:
    texts = ["a street", "a street", SCRIPT, "a street at night"]
    return pd.DataFrame([
        {"video_id": v, "snippet": i, "caption": t, "n_tokens": 3, "truncated": False, "key": "k"}
        for v in EVENTS
        for i, t in enumerate(texts)
    ])  # fmt: skip


def by_seed(**columns: list[float]) -> pd.DataFrame:
    frames = [pd.DataFrame({"model": m, "seed": s, **columns}) for m in SCORES for s in (0, 1)]
    return pd.concat(frames, ignore_index=True)


def training() -> pd.DataFrame:
    frame = by_seed(epoch=[1, 2, 3], loss=[1.0, 0.6, 0.5], test_frame_auc=[0.5, 0.7, 0.75])
    return frame.assign(
        loss_gmm=frame["loss"].where(frame["model"] == "ours"), loss_unused=float("nan")
    )


def build(**changes: Any) -> Results:
    """The results, with some fields replaced."""
    fields: dict[str, Any] = {
        "dataset": "tiny", "metrics": metrics(), "scores": scores(), "manifest": manifest(),
        "captions": captions(), "training": training(),
        "skipped": pd.DataFrame([{"video_id": "slow", "stage": "decode", "error": "timed out"}]),
        "roc": by_seed(fpr=[0, 0.1, 1], tpr=[0, 0.8, 1]),
        "pr": by_seed(recall=[0, 0.5, 1], precision=[1, 0.8, 0.3]),
        "categories": ["Fighting", "Fire"],
        "settings": {"train": {"lr": 0.001, "note": SCRIPT}, "seeds": [0, 1]},
        "versions": {"torch": "9.9.9"},
        "thumbnails": lambda video_id: [] if video_id == "normal" else [jpeg(), jpeg()],
    }  # fmt: skip
    return Results(**(fields | changes))
