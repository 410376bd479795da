"""Compare a dataset's metrics with a committed reference; exit 1 when one has dropped.

Not a stage of `dvc.yaml`: `dvc metrics diff` shows changes but never fails, so CI runs this.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.metrics import gate
from stages import program
from stages.layout import Layout


def main(dataset: str, reference: Path) -> str:
    """Print the comparison as a Markdown table."""
    wanted = _read(reference, "give the path of a reference file")
    verdicts = gate.compare(_read(Layout(dataset).metrics, "`dvc repro` writes it"), wanted)
    print(gate.as_markdown(verdicts))
    dropped = [verdict.name for verdict in verdicts if not verdict.passed]
    if dropped:
        sys.exit(f"{len(dropped)} of {len(verdicts)} metrics dropped: {', '.join(dropped)}")
    return f"{len(verdicts)} metrics hold"


def _read(path: Path, way_out: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; {way_out}") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error


if __name__ == "__main__":
    program.run(main, dataset=str, reference=Path)
