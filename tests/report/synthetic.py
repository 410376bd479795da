"""Three test videos, two models, two seeds: small enough to check by hand."""

import io
from statistics import fmean, pstdev
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


def metric(*per_seed: float, interval: tuple[float, float] | None = None) -> dict[str, Any]:
    entry = {"mean": fmean(per_seed), "std": pstdev(per_seed), "per_seed": list(per_seed)}
    return entry if interval is None else entry | {"interval": list(interval)}


def null(reason: str) -> dict[str, Any]:
    return {"mean": None, "reason": reason}


def by_category(fighting: dict[str, Any], fire: dict[str, Any]) -> dict[str, Any]:
    within = {"auc_within": null("frames of Fighting: all abnormal")}
    return {
        "Fire": {"auc": fire, "auc_within": metric(0.25)},
        "Fighting": {"auc": fighting} | within,
    }


def mean_ap(first: float) -> dict[str, Any]:
    """mAP that falls by 0.1 a threshold; AVG is its third."""
    values = {f"iou_{10 * (i + 1)}": metric(first - i / 10) for i in range(5)}
    return values | {"avg": metric(first - 0.2, first, interval=(0.1, 0.6))}


def ours() -> dict[str, Any]:
    return {
        "frame_auc": metric(0.8, 0.84, interval=(0.7, 0.91)),
        "ap": null("no event is annotated in the test split"),
        "category_accuracy": null("abnormal test videos: none there"),
        "shininess": metric(0.11, 0.13),
        "map": mean_ap(0.6),
        "map_compat": mean_ap(0.5),
        "by_category": by_category(metric(0.9, interval=(0.8, 1.0)), metric(0.75)),
    }


def plain() -> dict[str, Any]:
    reason = null("this head gives no category probabilities")
    names = [*mean_ap(0.6)]
    return {
        "frame_auc": metric(0.6, 0.7),
        "ap": metric(0.3, 0.31),
        "category_accuracy": reason,
        "map": dict.fromkeys(names, reason),
        "map_compat": dict.fromkeys(names, reason),
        "by_category": by_category(metric(0.5), metric(0.4)),
    }


def metrics() -> dict[str, Any]:
    return {
        "ours": {
            "last": ours(),
            "best_on_validation": {"frame_auc": metric(0.81, 0.85)},
            "best_on_test": {
                "frame_auc": metric(0.91, 0.95),
                "ap": null("no event is annotated in the test split"),
            },
        },
        "plain <b>": {"last": plain()},
        "floors": {
            "mean_motion": {
                "frame_auc": metric(0.561, interval=(0.4, 0.7)),
                "ap": null("a still camera"),
                "by_category": by_category(metric(0.3), null("no Fire")),
            }
        },
        "data": {
            "n_train": 7, "n_validation": 0, "n_test": 3, "test_frames": 12600,
            "abnormal_test_frames": 3150, "gt_length": "floor16", "left_out": 3, "missing": 2,
            "unlisted": 0, "duplicated": 0, "mislabelled": 1, "in_both_splits": 0,
            "events_clipped": 5,
        },
        "note": "Random weights & rules.",
    }  # fmt: skip


def untrained(reason: str) -> dict[str, Any]:
    """metrics.json where no head could be trained: every metric null with the reason."""
    nothing = null(reason)
    heads = {
        "last": {
            **dict.fromkeys(["frame_auc", "ap", "category_accuracy"], nothing),
            "by_category": by_category(nothing, nothing)
            | {"Fighting": {"auc": nothing, "auc_within": nothing}},
            **{form: dict.fromkeys(mean_ap(0.6), nothing) for form in ("map", "map_compat")},
        }
    }
    data = {"n_train": 7, "n_test": 0, "test_frames": 0, "abnormal_test_frames": 0}
    return {"ours": heads, "plain <b>": heads, "floors": {}, "data": data, "note": "A note."}


def manifest() -> pd.DataFrame:
    rows = [
        {
            "video_id": video_id, "path": video_id, "sha256": "0", "split": "test",
            "categories": sorted({event["category"] for event in events}), "n_frames": N_FRAMES,
            "fps": FPS, "width": 32, "height": 24, "way": "index", "n_lost": 0,
            "events": events, "status": "ok", "error": "",
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
        {"video_id": v, "snippet": i, "caption": t, "key": "k"}
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


def ablation() -> dict[str, Any]:
    """Two rows and one that cannot be had, at two checkpoints."""
    worse = {"mean": -0.1, "std": 0.0, "per_seed": [-0.1, -0.1], "interval": [-0.15, -0.05]}
    unsure = worse | {"interval": [-0.15, 0.05]}
    last = {name: metric(0.8) for name in ("frame_auc", "ano_auc", "ap", "video_auc")}
    less = {name: metric(0.7) | {"difference": unsure} for name in last}
    less["ap"]["difference"] = worse
    less["ano_auc"] = null("no event <i>here</i>")
    about: dict[str, Any] = {"head": "refinevad", "changes": {}, "published": None}
    changed = {"changes": {"motar.shift": "none", "note": SCRIPT}, "parameters": 900}
    return {
        "reference": "all",
        "note": "",
        "n_train": 4,
        "n_test": 3,
        "rows": {
            "all": about
            | {"parameters": 1234, "checkpoints": {"last": last, "best_on_test": last}},
            "without <b>": about | changed | {"checkpoints": {"last": less, "best_on_test": less}},
            "text only": about | {"reason": "there is no text"},
        },
    }


def build(**changes: Any) -> Results:
    """The results, with some fields replaced."""
    fields: dict[str, Any] = {
        "dataset": "tiny", "metrics": metrics(), "listing": {"mislabelled": {"a&b": SCRIPT}},
        "listing_path": "data/tiny/manifest.json",
        "on_captions": [],
        "scores": scores(), "manifest": manifest(),
        "captions": captions(), "training": training(),
        "skipped": pd.DataFrame([{"video_id": "slow", "stage": "decode", "error": "timed out"}]),
        "roc": by_seed(fpr=[0, 0.1, 1], tpr=[0, 0.8, 1]),
        "pr": by_seed(recall=[0, 0.5, 1], precision=[1, 0.8, 0.3]),
        "tsne": pd.DataFrame(columns=["model", "category", "x", "y"]),
        "on_tsne": {"ours": {"seed": 0, "reason": "too few <i>videos</i>"}},
        "ablation": {"reference": "all", "note": "none", "n_train": 0, "n_test": 0, "rows": {}},
        "categories": ["Fighting", "Fire"],
        "settings": {"train": {"lr": 0.001, "note": SCRIPT}, "seeds": [0, 1]},
        "versions": {"torch": "9.9.9"},
        "thumbnails": lambda video_id: [] if video_id == "normal" else [jpeg(), jpeg()],
    }  # fmt: skip
    return Results(**(fields | changes))
