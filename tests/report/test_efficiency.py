"""The page's section on what heads and encoders cost."""

from pathlib import Path
from typing import Any

from pipeline.report import page
from stages import report
from stages.layout import Layout, write_json

from . import test_stage
from .parsed import parse
from .synthetic import build

HEAD = {
    "parameters": {
        "total": 1_234,
        "trainable": 1_200,
        "training_only": 234,
        "parts": {"input": 0, "core": 1_000, "gmm": 234},
        "training_only_parts": ["gmm"],
    },
    "flops": {"per_video": 2_500_000, "parts": {"input": 0, "core": 2_500_000, "gmm": 0}},
}
TOWER = {
    "model": "large<b>",
    "unit": "frame",
    "parameters": 303_966_208,
    "flops": 162_000_000_000,
    "per_video": 256,
    "remark": "",
}
COSTS: dict[str, Any] = {
    "counts": {
        "video": {"snippets": 32, "frames_per_snippet": 8, "widths": {"image": 9}, "categories": 6},
        "convention": "Two operations.",
        "note": "",
        "heads": {"ours": HEAD},
        "encoders": {"image": TOWER},
        "with_encoders": {
            "ours": {"parameters": 303_967_208, "flops": 41_472_002_500_000, "without": ["caption"]}
        },
        "reference": {"image": TOWER | {"model": "reference"}},
    },
    "measured": {
        "machine": {
            "cpu": "Brand 9",
            "cores": 4,
            "load": 0.25,
            "gpu": "Fast GPU",
            "torch": "2",
            "python": "3",
            "system": "Linux",
        },
        "heads": {
            "ours": {
                "cpu": [
                    {
                        "at_a_time": 4,
                        "seconds_per_video": 0.002,
                        "videos_per_second": 500,
                        "snippets_per_second": 16_000,
                        "memory": 12_000_000,
                        "threads": 2,
                    }
                ],
                "cuda": [{"at_a_time": 1, "not_measured": "it is full"}],
            }
        },
        "encoders": {},
        "with_encoders": {},
    },
}


def cells(html: str, name: str) -> list[list[str]]:
    (section,) = (n for n in parse(html).find("section") if n.attrs.get("id") == "efficiency")
    rows = section.find("tr")
    return [[n.text for n in row.find("td")] for row in rows if row.find("th")[0].text == name]


def test_counts_and_times_are_shown_with_the_machine() -> None:
    html = page.render(build(efficiency=COSTS))
    trained, first, second = cells(html, "ours")[0], *cells(html, "ours")[2:]
    assert trained == ["1,234", "–", "–", "2.50 MFLOP", "34 parameters are not trained"]
    assert cells(html, "core") == [["1,000", "–", "–", "2.50 MFLOP", ""]]
    assert cells(html, "gmm") == [["234", "–", "–", "–", "in training only"]]
    assert cells(html, "input") == []
    assert cells(html, "image: large<b>") == [
        ["304.0 M", "162 GFLOP", "256 frames", "41.5 TFLOP", ""]
    ]
    assert cells(html, "ours")[1][-1] == "without caption"
    assert first == ["CPU, 2 threads", "4 videos", "2.00 ms", "500", "16,000", "12.0 MB", ""]
    assert second == ["Fast GPU", "1 video", "–", "–", "–", "–", "not measured: it is full"]
    assert "Brand 9, 4 cores, load 0.25 before; Fast GPU" in parse(html).text
    assert "32 snippets of 8 frames" in parse(html).text
    assert 'href="#efficiency"' in html


def test_brought_features_are_said_to_have_no_encoders() -> None:
    counts = COSTS["counts"] | {"encoders": {}, "note": "The dataset brings its features."}
    html = page.render(build(efficiency=COSTS | {"counts": counts}))
    assert "The dataset brings its features." in parse(html).text
    assert "Heads with encoders" not in parse(html).text
    assert len(cells(html, "image: reference")) == 1


def test_no_section_without_costs() -> None:
    html = page.render(build())
    assert 'id="efficiency"' not in html
    assert 'href="#efficiency"' not in html


repository = test_stage.repository  # a fixture: the files that the stage reads


def test_the_stage_shows_what_lies_beside_the_metrics(repository: Path) -> None:
    layout = Layout("brought")
    write_json(layout.efficiency, COSTS)
    report.main("brought")
    assert cells(layout.report.read_text(), "gmm")
    layout.efficiency.unlink()
    report.main("brought")
    assert not parse(layout.report.read_text()).find("td", "remark")
