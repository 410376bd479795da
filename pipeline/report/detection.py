"""Temporal detection: mAP at each IoU, in the corrected form and as the field computes it."""

from dataclasses import dataclass

from pipeline.report.cells import Footnotes, Row, entry_at
from pipeline.report.results import CHECKPOINT, Results

THRESHOLDS = {f"iou_{percent}": f"IoU {percent / 100:.1f}" for percent in (10, 20, 30, 40, 50)}
COLUMNS = THRESHOLDS | {"avg": "AVG"}


@dataclass(frozen=True)
class Form:
    """A way to compute mAP: its key, its name, what the mean is over, how many classes that are."""

    key: str
    label: str
    meaning: str
    n_classes: int


@dataclass(frozen=True)
class Detection:
    """The table: rows of models under each form, columns of `COLUMNS`."""

    columns: list[str]
    forms: list[tuple[Form, list[Row]]]
    notes: Footnotes

    @property
    def has_values(self) -> bool:
        """Whether any model has a mAP."""
        rows = [row for _, rows in self.forms for row in rows]
        return any(cell.value is not None for row in rows for cell in row.cells)


def build(results: Results) -> Detection:
    """Both forms of each model that metrics.json gives them for, at the last epoch."""
    table = Detection(list(COLUMNS.values()), [], Footnotes())
    for form in _forms(results):
        rows = [
            Row(name, colour, [table.notes.cell(entry_at(values, (key,))) for key in COLUMNS])
            for colour, name in enumerate(results.models)
            if (values := results.metrics.get(name, {}).get(CHECKPOINT, {}).get(form.key))
        ]
        if rows:
            table.forms.append((form, rows))
    return table


def _forms(results: Results) -> tuple[Form, Form]:
    """Each form with the number of classes it is the mean over, from the test videos' events."""
    events = [event for events in results.test_videos["events"] for event in events]
    annotated = len({event["category"] for event in events})
    every = len(results.categories) + 1
    return (
        Form(
            "map",
            "Corrected",
            "Mean over the categories with an annotated event in the test videos.",
            annotated,
        ),
        Form(
            "map_compat",
            "Compat",
            "As VadCLIP and DSANet print it: mean over Normal and all categories, where a class "
            "without annotated event counts 0 (so even a perfect model stays below 1), and where "
            "all is 0 if one class is never predicted. For comparison with papers only.",
            every,
        ),
    )
