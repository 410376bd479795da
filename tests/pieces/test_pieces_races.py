"""Many writers of one piece, and readers that must never see half of one."""

import subprocess
import sys
import threading
from pathlib import Path

from pipeline import pieces
from tests.pieces.measuring import key_of, piece_of

WRITER = """
import sys
from pathlib import Path
from pipeline import pieces, tables
from tests.pieces.measuring import key_of, piece_of

store = pieces.Store(Path(sys.argv[1]), "floors", tables.FLOORS)
for _ in range(100):
    store.save(key_of(1), piece_of(1))
"""


def test_a_piece_that_many_write_is_whole_whenever_it_is_read(store: pieces.Store) -> None:
    store.save(key_of(1), piece_of(1))
    whole = store.path(key_of(1)).read_bytes()
    here = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", WRITER, str(store.root)]
    writers = [subprocess.Popen(command, cwd=here) for _ in range(3)]
    own = threading.Thread(target=lambda: [store.save(key_of(1), piece_of(1)) for _ in range(100)])
    own.start()
    inodes, n_read = set(), 0
    while own.is_alive() or any(writer.poll() is None for writer in writers):
        assert pieces.missing_keys(store, [key_of(1)]) == set()
        assert store.path(key_of(1)).read_bytes() == whole
        inodes.add(store.path(key_of(1)).stat().st_ino)
        n_read += 1
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert n_read > 10
    assert len(inodes) > 1  # it was replaced while it was read
    assert [path.name for path in store.root.rglob("*") if path.is_file()] == [
        f"{key_of(1)}.parquet"
    ]
