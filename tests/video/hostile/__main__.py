"""Write the whole corpus into a folder and print what each file is and must come to."""

import sys
from pathlib import Path

from tests.video.hostile import CASES, Case


def outcome(case: Case) -> str:
    """What must come of reading the file, in a few words."""
    if not case.refused:
        return f"{len(case.shows)} frames"
    if case.salvaged is None:
        return "refused"
    return f"refused; salvage: {case.salvaged.n_frames} frames, {case.salvaged.n_lost} lost"


def main(folder: Path) -> None:
    """Make every file below `folder`, which must not hold them yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        case.make(folder / case.name)
        print(f"{case.name:24} {outcome(case):42} {case.why}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.video.hostile FOLDER")
    main(Path(sys.argv[1]))
