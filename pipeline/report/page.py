"""The whole page as one string: no network, no server, untrusted text escaped."""

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from ruamel.yaml import YAML

from pipeline.report import (
    ablation,
    by_category,
    cells,
    curves,
    detection,
    efficiency,
    headline,
    summary,
    timelines,
    tsne,
    videos,
)
from pipeline.report.results import Results

__all__ = ["Results", "render"]

TEMPLATES = Path(__file__).parent / "templates"


def render(results: Results) -> str:
    """The page of one dataset as HTML; equal results give equal bytes.

    Raises `UserError` when the tables do not fit together.
    """
    results.check()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": data_uri, "three": cells.three}
    environment.globals["colour"] = colour
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=script_hash(script),
        **content(results),
    )


def content(results: Results) -> dict[str, Any]:
    """What the template shows, computed."""
    return {
        "dataset": results.dataset,
        "note": results.metrics.get("note", ""),
        "models": results.models,
        "table": headline.build(results),
        "categories": by_category.build(results),
        "detection": detection.build(results),
        "ablation": ablation.build(results),
        "data": summary.build(results),
        "in_curves": curves.drawn(results),
        "curves": [(c, Markup(c.svg)) for c in curves.build(results)],
        "planes": [(plane, Markup(plane.svg)) for plane in tsne.build(results)],
        "efficiency": efficiency.build(results),
        "cards": videos.cards(results),
        "no_cards": videos.why_none(results),
        "drawn": videos.drawn(results),
        "scale": videos.scale(results),
        "settings": yaml(results.settings),
        "versions": results.versions,
        "width": timelines.WIDTH,
        "height": timelines.HEIGHT,
    }


def colour(index: int) -> str:
    """The CSS variable of a model's colour; floors (-1) are grey."""
    return "var(--muted)" if index < 0 else f"var(--m{index % curves.N_COLOURS})"


def data_uri(jpeg: bytes) -> str:
    """A JPEG as the address of an image."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def script_hash(script: str) -> str:
    """The only script that the page's content security policy lets run."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def yaml(settings: dict[str, Any]) -> str:
    """Settings as a person would write them."""
    out = io.StringIO()
    writer = YAML()
    writer.width = 4096
    writer.dump(settings, out)
    return out.getvalue()
