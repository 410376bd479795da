"""One card per test video: its timeline, its means, its predicted category and captions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import UserError
from pipeline.report import timelines, verdicts
from pipeline.report.cells import entry_at, three
from pipeline.report.results import CHECKPOINT, Results
from pipeline.report.timelines import Clock, Label, Scale, Span, Trace
from pipeline.report.verdicts import Scores, Verdict


@dataclass(frozen=True)
class Card:
    """All that the page shows of one test video."""

    video_id: str
    categories: list[str]
    length: str
    n_frames: int
    events: list[Span]
    labels: list[Label]
    ticks: list[tuple[str, float]]
    traces: list[Trace]
    hits: list[Span]
    verdicts: list[Verdict]
    captions: list[tuple[str, str]]
    thumbnails: list[bytes]
    # For sorting, each a JSON list by model of the page, null where there is no number.
    outside: str
    inside: str

    @property
    def predicts(self) -> bool:
        """Whether any model gives a category."""
        return any(verdict.predicted for verdict in self.verdicts)


def cards(results: Results) -> list[Card]:
    """A card for each scored video, by name."""
    ordered = results.shown.sort_values(["video_id", "model", "seed", "snippet"])
    shared = scale(results)
    manifest = {str(row["video_id"]): row for row in results.manifest.to_dict("records")}
    captions = {
        str(video_id): dict(zip(rows["snippet"], rows["caption"], strict=True))
        for video_id, rows in results.captions.groupby("video_id")
    }
    return [
        _card(results, shared, manifest[str(video_id)], rows, captions.get(str(video_id), {}))
        for video_id, rows in ordered.groupby("video_id", sort=True)
    ]


def scale(results: Results) -> Scale:
    """The vertical scale of all timelines."""
    return Scale.of(results.shown["score"].to_numpy(np.float64))


def drawn(results: Results) -> list[tuple[int, str]]:
    """`(index, name)` of each model that has scores."""
    scored = set(results.shown["model"])
    return [(index, name) for index, name in enumerate(results.models) if name in scored]


def why_none(results: Results) -> str:
    """Why there is no card: no test video, or what metrics.json says of each model."""
    if results.test_videos.empty:
        return "This dataset has no test videos."
    reasons = []
    for model in results.models:
        entries = results.metrics.get(model, {}).get(CHECKPOINT, {})
        first = next((e for key in entries if (e := entry_at(entries, (key,)))), {})
        reasons.append(f"{model}: {first.get('reason', 'no scores')}")
    return f"There are no scores to draw. {'; '.join(reasons)}."


def _card(
    results: Results,
    y_scale: Scale,
    video: dict[Any, Any],
    rows: pd.DataFrame,
    texts: dict[int, str],
) -> Card:
    clock = Clock(int(video["n_frames"]), float(video["fps"]))
    events = sorted(video["events"], key=lambda event: event["start"])
    named = {str(model): own for (model,), own in rows.groupby(["model"])}
    seeds = {model: _by_seed(own) for model, own in named.items()}
    spans = _spans(next(iter(named.values())))
    order = [model for model in results.models if model in named]
    colours = {model: results.models.index(model) for model in order}
    judged = [
        verdicts.judge(results, named[model], seeds[model].mean(axis=0), spans, video)
        for model in order
    ]
    return Card(
        video_id=str(video["video_id"]),
        categories=[str(category) for category in video["categories"]],
        length=clock.text(clock.seconds),
        n_frames=clock.n_frames,
        events=[_event(event, clock) for event in events],
        labels=timelines.labels(events, clock.n_frames),
        ticks=clock.ticks(),
        traces=[
            Trace(model, colours[model], *timelines.lines(seeds[model], spans, clock, y_scale))
            for model in order
        ],
        hits=_hits(spans, {model: seeds[model] for model in order}, texts, clock),
        verdicts=judged,
        captions=_captions(spans, texts, clock),
        thumbnails=results.thumbnails(str(video["video_id"])),
        outside=verdicts.by_model(results.models, judged, "outside"),
        inside=verdicts.by_model(results.models, judged, "inside"),
    )


def _by_seed(rows: pd.DataFrame) -> Scores:
    """Scores of one video and model as (n_seeds, T); rows are ordered by seed and snippet."""
    scores = rows["score"].to_numpy(np.float64)
    n_seeds = rows["seed"].nunique()
    if len(scores) != n_seeds * rows["snippet"].nunique():
        raise UserError(
            f"scores of video '{rows['video_id'].iloc[0]}', model '{rows['model'].iloc[0]}': each "
            "seed must score each snippet once; `dvc repro` the evaluate stage"
        )
    return scores.reshape(n_seeds, -1)  # (n_seeds, T)


def _spans(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """The snippets' frame intervals, T of them."""
    first = rows[rows["seed"] == rows["seed"].iloc[0]]
    return [(int(s), int(e)) for s, e in zip(first["start"], first["end"], strict=True)]


def _event(event: dict[str, Any], clock: Clock) -> Span:
    text = f"{event['category']} {clock.interval(event['start'], event['end'])}"
    return timelines.span(event["start"], event["end"], clock.n_frames, text)


def _hits(
    spans: list[tuple[int, int]], seeds: dict[str, Scores], texts: dict[int, str], clock: Clock
) -> list[Span]:
    """What is read when pointing at a snippet: its time, each model's score, its caption."""
    return [
        timelines.span(start, end, clock.n_frames, "\n".join([
            clock.interval(start, end),
            *(f"{model} {three(float(scores[:, i].mean()))}" for model, scores in seeds.items()),
            *([texts[i]] if i in texts else []),
        ]))
        for i, (start, end) in enumerate(spans)
        if end > start
    ]  # fmt: skip


def _captions(
    spans: list[tuple[int, int]], texts: dict[int, str], clock: Clock
) -> list[tuple[str, str]]:
    """`(time, caption)` of runs of snippets that say the same."""
    runs: list[tuple[int, int, str]] = []
    for i, (start, end) in enumerate(spans):
        if i not in texts:
            continue
        if runs and runs[-1][2] == texts[i]:
            runs[-1] = (runs[-1][0], end, texts[i])
        else:
            runs.append((start, end, texts[i]))
    return [(clock.interval(start, end), text) for start, end, text in runs]
