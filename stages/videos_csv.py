"""Write a first `videos.csv` into a folder of your own videos, from its sub-folders.

Not a stage of `dvc.yaml`: what a new dataset of the adapter `folder` begins with.
"""

from pathlib import Path

from pipeline import starting_table
from pipeline.atomic import write_text
from pipeline.errors import UserError
from stages import program


def main(folder: Path) -> str:
    """Write `videos.csv`, unless there is one, and print what to do next."""
    table = folder / "videos.csv"
    if table.exists():
        raise UserError(f"{table} exists and is kept; move it away to write a new one")
    rows = starting_table.rows_from_folders(folder)
    write_text(table, starting_table.to_csv(rows))
    print(starting_table.advice(rows, table))
    return ""


if __name__ == "__main__":
    program.run(main, folder=Path)
