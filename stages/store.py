"""The work store: what it holds, what may go, and how to get it back.

The store (`runtime.store` of params.yaml) keeps each video's result of each stage as a piece, found
again by what it was made from: the video's content, the settings, the code's version. So nothing is
computed twice, whatever is killed, added or reverted; and pieces that no output uses any more stay
until `prune` removes them. It may be deleted whole at any time: the outputs refill it.
"""

import argparse
import time
from functools import partial
from pathlib import Path

from pipeline import config, pieces, unfinished
from pipeline.errors import UserError
from stages import earlier, program, refilling
from stages.layout import PARAMS, Layout, all_layouts

DAY = 86400.0
# Small pieces that no output names: kept unless `--stage` asks for them.
UNNAMED = ("digest", "floors", "probe", "trials")
UNFINISHED = unfinished.FOLDER  # how far killed training runs have come: files, not pieces


def show() -> str:
    """Print a line a stage: pieces, size, how many the outputs use, the newest."""
    root, keep = _there(), _in_use()
    print(f"{'stage':16}{'pieces':>8}{'size':>12}{'in use':>8}  newest")
    total = 0
    for stage, held in pieces.contents(root).items():
        unused = pieces.prune(root, keep, older_than=-DAY, stage=stage, dry_run=True)
        used = "?" if stage in UNNAMED else str(held.n_pieces - unused.n_pieces)
        newest = time.strftime("%Y-%m-%d %H:%M", time.localtime(held.newest))
        size = f"{held.n_bytes / 1e6:,.1f} MB"
        said = "at work" if unused.in_use else used
        print(f"{stage:16}{held.n_pieces:8}{size:>12}{said:>8}  {newest if held.n_pieces else ''}")
        total += held.n_bytes
    if states := [state for _, state in unfinished.files(root)]:
        n_bytes = sum(state.st_size for state in states)
        at = time.localtime(max(state.st_mtime for state in states))
        print(
            f"{UNFINISHED:16}{len(states):8}{f'{n_bytes / 1e6:,.1f} MB':>12}{'?':>8}  "
            f"{time.strftime('%Y-%m-%d %H:%M', at)}"
        )
        total += n_bytes
    return f"{root}: {total / 1e6:,.1f} MB"


def prune(older_than: float, stage: str | None, dry_run: bool) -> str:
    """Remove pieces that no output uses, of all stages whose outputs name theirs, or of one.

    So with the files of training runs that were killed so long ago and never gone on with.
    """
    root, keep = _there(), _in_use()
    stages = [name for name in pieces.contents(root) if name not in UNNAMED]
    n_pieces = n_bytes = 0
    if stage in (None, UNFINISHED):
        age = max(older_than * DAY, unfinished.AT_WORK_S)
        for path, state in unfinished.files(root, older_than=age):
            n_pieces, n_bytes = n_pieces + 1, n_bytes + state.st_size
            if not dry_run:
                path.unlink(missing_ok=True)
        if n_pieces:
            print(f"{UNFINISHED}: {n_pieces} unfinished runs, {n_bytes / 1e6:,.1f} MB")
    if stage == UNFINISHED:
        stages = []
    elif stage:
        stages = [stage]
    for name in stages:
        done = pieces.prune(root, keep, older_than=older_than * DAY, stage=name, dry_run=dry_run)
        if done.in_use:
            print(f"{name}: passed over, a run is using it")
        elif done.n_pieces:
            print(f"{name}: {done.n_pieces} pieces, {done.n_bytes / 1e6:,.1f} MB")
        n_pieces, n_bytes = n_pieces + done.n_pieces, n_bytes + done.n_bytes
    what = "would be removed" if dry_run else "removed"
    return f"{root}: {n_pieces} pieces, {n_bytes / 1e6:,.1f} MB {what}"


def refill(dataset: str) -> str:
    """Make the dataset's pieces again from its outputs, here or in DVC's cache."""
    brings, root = config.load(PARAMS).source(dataset).brings, _root()
    n_refilled, n_there = refilling.refill_all(Layout(dataset), brings, root)
    return f"{root}: {n_refilled} pieces of {dataset} refilled, {n_there} were there"


def _there() -> Path:
    root = _root()
    if not root.is_dir():
        raise UserError(f"{root} (runtime.store) does not exist: nothing is computed yet")
    return root


def _root() -> Path:
    root = Path(config.load(PARAMS).runtime.store)
    if not root.resolve().is_relative_to(Path.cwd()):
        print(f"note: {root} is outside this repository; what outputs of others use is not seen")
    return root


def _in_use() -> set[str]:
    """The keys that any output of this repository names, here or by `dvc.lock` in DVC's cache."""
    outs = [out for layout in all_layouts() for out in layout.assembled]
    return set[str]().union(*map(earlier.keys, outs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.store",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="what each stage holds, and how much is in use")
    listing.set_defaults(command=show)
    pruning = commands.add_parser("prune", help="remove the pieces that no output uses")
    pruning.add_argument(
        "--older-than",
        type=float,
        default=7.0,
        metavar="DAYS",
        help="only pieces written longer ago (default: %(default)g), so that a parameter can be "
        "put back at no cost for so long",
    )
    pruning.add_argument(
        "--stage",
        metavar="NAME",
        help=f"of this stage alone, as `list` names it; {', '.join(UNNAMED)} (small, and named by "
        "no output) go only in this way, all that are old",
    )
    pruning.add_argument("--dry-run", action="store_true", help="say it, do not do it")
    pruning.set_defaults(command=prune)
    again = commands.add_parser("refill", help="make pieces again from outputs, as stages do")
    again.add_argument("dataset")
    again.set_defaults(command=refill)
    return parser


if __name__ == "__main__":
    given = vars(_parser().parse_args())
    program.call(partial(given.pop("command"), **given))
