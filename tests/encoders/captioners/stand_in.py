"""In place of the other interpreter: answers requests in its protocol, without a model.

Made executable by `interpreter_of`, and told by the environment what trouble to make.
"""

import hashlib
import json
import os
import signal
import stat
import sys
import time
import zipfile
from pathlib import Path


def interpreter_of(path: Path) -> str:
    """A program at `path` that runs this file instead of the one it is given."""
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def caption_of(jpegs: list[bytes]) -> str:
    return hashlib.sha256(b"".join(jpegs)).hexdigest()[:8]


def captions_of(request: Path) -> list[str]:
    with zipfile.ZipFile(request) as packed:
        snippets = json.loads(packed.read("frames.json"))
        return [caption_of([packed.read(name) for name in names]) for names in snippets]


def main(settings_path: str) -> None:
    settings = json.loads(Path(settings_path).read_text())
    folder = Path(settings["exchange"])
    log = Path(os.environ["STAND_IN_LOG"])
    print(json.dumps({"ready": {"by": "stand-in", "device": settings["device"]}}), flush=True)
    for line in sys.stdin:
        request = folder / f"{line.strip()}.zip"
        captions = captions_of(request)
        with log.open("a") as told:
            told.writelines(f"{caption}\n" for caption in captions)
        if os.environ.get("STAND_IN_DIES_OF") in captions:
            os.kill(os.getpid(), signal.SIGKILL)
        once = Path(os.environ.get("STAND_IN_DIES_ONCE", "/nowhere"))
        if once.exists() and len(log.read_text().split()) > 3:
            once.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if "STAND_IN_IS_MUTE" not in os.environ:
            request.with_suffix(".json").write_text(json.dumps({"captions": captions}))
        time.sleep(float(os.environ.get("STAND_IN_TAKES", "0")))
        print(line.strip(), flush=True)


if __name__ == "__main__":
    main(sys.argv[2])
