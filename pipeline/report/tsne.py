"""Category logits in the plane: a picture for each head, as a file and inline on the page."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from pipeline.report.cells import three
from pipeline.report.curves import INK, N_COLOURS, NO_METADATA, RULE, STYLE, inline_svg
from pipeline.report.results import Results

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
ON_PAPER = {INK: "#1d1f23", RULE: "#dcdedb"}  # as page.css has them, for the files
MARKERS = "os^DvPX*"  # with 7 colours 56 pairs, and the first 8 differ in shape alone
ROWS = 16  # of a column of the legend
NAMES = ("model", "video_id", "category", "categories")  # columns of text, whatever they look like
# Names are shown as they are: a dollar sign begins no formula.
PLAIN: Any = STYLE | {"text.parse_math": False}
HOW_TO_READ = "Near marks have like logits; distances between far groups mean little."


@dataclass(frozen=True)
class Plane:
    """One head's picture (inline SVG) and what its logits are worth; or `reason` in its place."""

    model: str
    seed: int
    svg: str = ""
    facts: str = ""
    reason: str = ""


def read(path: Path) -> pd.DataFrame:
    """The table of points, in which a category may be called `NA` and a video `007`."""
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False)


def build(results: Results) -> list[Plane]:
    """Every head of tsne.json, in its order."""
    planes = []
    for number, (model, about) in enumerate(results.on_tsne.items()):
        if "reason" in about:
            planes.append(Plane(model, about["seed"], reason=about["reason"]))
            continue
        figure = _draw(_of(results.tsne, model), results.categories)
        svg = inline_svg(figure, f"tsne{number}")
        planes.append(Plane(model, about["seed"], svg=svg, facts=facts(about)))
    return planes


def picture(points: pd.DataFrame, categories: list[str], model: str, about: dict[str, Any]) -> str:
    """One head's picture as an SVG file, dark on white, with its title and how to read it."""
    title = f"Category logits of {model} (seed {about['seed']})"
    figure = _draw(_of(points, model), categories, title=title, note=_note(about))
    out = io.StringIO()
    with mpl.rc_context(PLAIN):
        figure.savefig(out, format="svg", metadata=NO_METADATA)
    text = re.sub(r"#0a0b(\w\w)", lambda found: PALETTE[int(found[1], 16)], out.getvalue())
    for marker, colour in ON_PAPER.items():
        text = text.replace(marker, colour)
    return text


def facts(about: dict[str, Any]) -> str:
    """What the logits tell of the categories, beside what shuffled categories would."""
    accuracy, bound = about["neighbour_accuracy"], about["chance_95"]
    verdict = "more than chance explains" if accuracy > bound else "chance explains that"
    return (
        f"{about['n_videos']} abnormal test videos, perplexity {about['perplexity']:.3g}. In "
        f"logit space the nearest other video shares a category for {three(accuracy)} of them: "
        f"{verdict} ({three(about['chance'])} by chance, at most {three(bound)} in 95 % of "
        "shuffles of the categories)."
    )


def _note(about: dict[str, Any]) -> str:
    return (
        f"t-SNE of {about['n_videos']} abnormal test videos, perplexity "
        f"{about['perplexity']:.3g}.\n{HOW_TO_READ}\n"
        "Nearest neighbour by logits shares a category: "
        f"{three(about['neighbour_accuracy'])} (chance {three(about['chance'])}, 95 % of "
        f"shuffles at most {three(about['chance_95'])})."
    )


def _of(points: pd.DataFrame, model: str) -> pd.DataFrame:
    return points[points["model"] == model]


def _draw(
    points: pd.DataFrame, categories: list[str], *, title: str = "", note: str = ""
) -> Figure:
    """A mark for each video: colour and shape are its category's place in `categories`."""
    with mpl.rc_context(PLAIN):
        figure = Figure(figsize=(6.2, 4.5 if note else 3.8), layout="constrained")
        axes = figure.add_subplot(xticks=[], yticks=[], title=title)
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set(visible=True, color=RULE)
        shown = [category for category in categories if (points["category"] == category).any()]
        marks = []
        for category in shown:
            own = points[points["category"] == category]
            number = categories.index(category)
            marks.append(
                axes.scatter(
                    own["x"],
                    own["y"],
                    s=44,
                    marker=MARKERS[number % len(MARKERS)],
                    color=f"#0a0b{number % N_COLOURS:02x}",
                    edgecolors=INK,
                    linewidths=0.5,
                )
            )
        figure.legend(
            marks,
            shown,
            loc="outside right upper",
            frameon=False,
            ncols=1 + (len(shown) - 1) // ROWS,
        )
        if note:
            figure.supxlabel(note, fontsize=8)
    return figure
