"""What every stage's program shares: its command line, its error messages, its last line."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.atomic import WAYS_OUT
from pipeline.errors import UserError
from stages.shards import Shard

INTERRUPTED = 130  # the exit status of what Ctrl-C ended: 128 + SIGINT


@dataclass(frozen=True)
class Option:
    """An option of a program: its flag, and what `add_argument` takes beside."""

    flag: str
    settings: Mapping[str, Any]


SHARD = Option(
    "--shard",
    {
        "type": Shard.parse,
        "metavar": "I/N",
        "help": "compute the I-th of N shares of the videos into the work store and write no "
        "output; run the stage without it (or `dvc repro`) once all shares are done",
    },
)


def run(main: Callable[..., str], *options: Option, **arguments: Callable[[str], Any]) -> None:
    """Call `main` with what the command line says (see `call`).

    `arguments` maps each positional argument's name to its type.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    for name, kind in arguments.items():
        parser.add_argument(name, type=kind)
    for option in options:
        parser.add_argument(option.flag, **option.settings)
    call(partial(main, **vars(parser.parse_args())))


def call(main: Callable[[], str]) -> None:
    """Call `main`; print the line it returns (if any) with the time, or what stopped it.

    The exit status is 1 after an error that is told, and 130 after Ctrl-C.
    """
    started = time.monotonic()
    try:
        line = main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {_told(error)}")
    except KeyboardInterrupt:
        print("stopped; nothing computed is lost; run again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if line:
        print(f"{line} ({time.monotonic() - started:.1f} s)")


def _told(error: OSError) -> str:
    """The file, what is wrong with it, and the way out."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = error.strerror or str(error)
    reason = f"{' -> '.join(names)}: {what}" if names else str(error)
    way_out = WAYS_OUT.get(error.errno or 0, "see the reason")
    return f"{reason}; {way_out}, then run again: nothing computed is lost"
