"""What heads and encoders cost: exact counts, and times of the machine that measured them."""

from dataclasses import dataclass

from pipeline.efficiency import rows
from pipeline.report.results import Results


@dataclass(frozen=True)
class Table:
    """A table of groups of rows; `lead` says what holds for all of it."""

    title: str
    lead: list[str]
    columns: tuple[str, ...]
    groups: list[rows.Group]

    @property
    def has_remarks(self) -> bool:
        """Whether any row leaves something open that a remark fills."""
        return any(row.remark for group in self.groups for row in group.rows)


def build(results: Results) -> list[Table]:
    """Counts, then times; nothing where the costs were not determined."""
    if not results.efficiency:
        return []
    counts, measured = results.efficiency["counts"], results.efficiency["measured"]
    said = [rows.on_video(counts["video"]), counts["convention"], counts["note"]]
    counted = Table("Counted", [*filter(None, said)], rows.COUNTED, rows.counted(counts))
    machine = rows.on_machine(measured["machine"])
    lead = ["Medians, which differ from run to run and from machine to machine.", machine]
    return [counted, Table("Measured", lead, rows.TIMED, rows.timed(measured))]
