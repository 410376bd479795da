"""What every stage's program shares: its command line, its error messages, its last line."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from pipeline.errors import UserError


def run(main: Callable[..., str], **arguments: Callable[[str], Any]) -> None:
    """Call `main` with the named arguments; print the line it returns (if any) with the time.

    `arguments` maps each positional argument's name to its type. A `UserError` is printed without
    a traceback; the exit status is then 1.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    for name, kind in arguments.items():
        parser.add_argument(name, type=kind)
    started = time.monotonic()
    try:
        line = main(**vars(parser.parse_args()))
    except UserError as error:
        sys.exit(f"error: {error}")
    if line:
        print(f"{line} ({time.monotonic() - started:.1f} s)")
