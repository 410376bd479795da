"""`python -m stages.store`: what it lists, what it removes and what it never does."""

import os
import shutil
import time
from pathlib import Path

import pytest

from pipeline import pieces, tables, unfinished
from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from stages import decode, manifest, store
from stages.layout import Layout
from tests.params import write_params
from tests.stages.small_dataset import OWN, STORE, settings, write_videos
from tests.stages.small_graph import said, start, write_graph

DAY = 86400.0


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos, decoded in two qualities, the second of them last; the first is long ago."""
    tmp_path = tmp_path_factory.mktemp("original")
    before = Path.cwd()
    os.chdir(tmp_path)
    settings(tmp_path, runtime={"workers": 1})
    write_videos(OWN.raw, {"v0": 0, "v1": 1})
    manifest.main("own")
    write_params(Path("params.yaml"), decode={"jpeg_quality": 50})
    decode.main("own")
    long_ago = time.time() - 8 * DAY
    for piece in STORE.rglob("*.parquet"):
        os.utime(piece, (long_ago, long_ago))
    write_params(Path("params.yaml"), decode={"jpeg_quality": 60})
    decode.main("own")
    os.chdir(before)
    return tmp_path


@pytest.fixture
def built(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, entered."""
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    monkeypatch.chdir(copy)
    return copy


def stored(stage: str) -> set[str]:
    return {path.stem for path in (STORE / stage).rglob("*.parquet")}


def used() -> set[str]:
    return {pieces.key_of(path) for path in OWN.frames.iterdir()}


def test_list_counts_pieces_and_those_in_use(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = store.show()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    lines = {row[0]: row for row in rows}
    assert lines["decode"][1] == "4"
    assert lines["decode"][4] == "2"  # in use
    assert lines["probe"][1] == "2"
    assert lines["probe"][4] == "?"
    size = sum(path.stat().st_size for path in STORE.rglob("*.parquet"))
    assert last == f"{STORE}: {size / 1e6:,.1f} MB"


def test_prune_removes_what_is_old_and_unused_and_nothing_else(built: Path) -> None:
    before, kept = stored("decode"), used()
    assert "2 pieces" in store.prune(7.0, None, dry_run=True)
    assert "0 pieces" in store.prune(9.0, None, dry_run=False)
    assert stored("decode") == before
    assert "2 pieces" in store.prune(7.0, None, dry_run=False)
    assert stored("decode") == kept
    assert len(stored("probe")) == 2  # old, and named by no output
    assert decode.main("own").endswith("0 computed, 2 reused, 0 left out")
    assert "0 pieces" in store.prune(0.0, None, dry_run=False)
    assert "2 pieces" in store.prune(7.0, "probe", dry_run=False)
    assert stored("probe") == set()


def test_trials_and_killed_trainings_are_listed_and_go(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = pieces.Store(STORE, "trials", tables.TRIAL)
    killed = [unfinished.path_of(STORE, key) for key in ("old", "new")]
    killed[0].parent.mkdir()
    long_ago = time.time() - 8 * DAY
    for number, path in enumerate(killed):
        path.write_bytes(b"0" * 500_000)
        trials.save(f"{number:064x}", tables.TRIAL.empty_table())
        if not number:
            for old in (path, trials.path(f"{number:064x}")):
                os.utime(old, (long_ago, long_ago))
    last = store.show()
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert lines["trials"][1] == "2"
    assert lines["trials"][4] == "?"  # no output names them
    assert lines["training"][1:3] == ["2", "1.0"]
    files = [path for path in STORE.rglob("*") if path.suffix in (".parquet", ".pt")]
    assert last == f"{STORE}: {sum(path.stat().st_size for path in files) / 1e6:,.1f} MB"
    assert "1 pieces, 0.5 MB would be removed" in store.prune(7.0, "training", dry_run=True)
    assert "3 pieces" in store.prune(7.0, None, dry_run=True)  # two of `decode`
    assert [path.exists() for path in killed] == [True, True]
    assert "3 pieces" in store.prune(7.0, None, dry_run=False)
    assert [path.exists() for path in killed] == [False, True]
    assert len(stored("trials")) == 2
    assert "1 pieces" in store.prune(7.0, "trials", dry_run=False)
    assert stored("trials") == {f"{1:064x}"}
    assert "0 pieces" in store.prune(-1.0, "training", dry_run=False)  # a run may be at work
    just_now = time.time() - 61
    os.utime(killed[1], (just_now, just_now))
    assert "1 pieces" in store.prune(0.0, "training", dry_run=False)
    assert not killed[1].exists()


def test_what_a_killed_training_was_writing_is_listed_and_goes(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import os, sys; from pathlib import Path; from pipeline.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as half:\n"
        "    half.write_bytes(b'0' * 500_000); os.kill(os.getpid(), 9)"
    )
    path = unfinished.path_of(STORE, "key")
    start(built, "python", "-c", code, str(path)).wait()
    (half,) = path.parent.iterdir()
    store.show()
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert lines["training"][1:3] == ["1", "0.5"]
    with atomic_path(path) as own:
        own.write_bytes(b"0")
        assert "1 pieces, 0.5 MB would be" in store.prune(7.0, "training", dry_run=True)
        assert half.exists()
        assert "1 pieces, 0.5 MB removed" in store.prune(7.0, "training", dry_run=False)
        assert list(path.parent.iterdir()) == [own]  # of a process that lives


def test_a_training_that_ends_meanwhile_takes_its_file_away(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [unfinished.path_of(STORE, key) for key in ("ended", "killed")]
    monkeypatch.setattr(Path, "glob", lambda *_: iter(paths))
    paths[1].parent.mkdir()
    paths[1].write_bytes(b"0")
    assert [path for path, _ in unfinished.files(STORE)] == [paths[1]]


def test_prune_keeps_what_another_dataset_uses(built: Path) -> None:
    OWN.frames.rename("data/frames")
    other = Layout("other").frames
    other.parent.mkdir()
    Path("data/frames").rename(other)
    assert "2 pieces" in store.prune(-1.0, None, dry_run=False)
    assert stored("decode") == {pieces.key_of(path) for path in other.iterdir()}
    for path in other.iterdir():
        path.unlink()
    assert "2 pieces" in store.prune(-1.0, None, dry_run=False)


def test_prune_removes_nothing_when_an_output_cannot_be_read(built: Path) -> None:
    before = stored("decode")
    OWN.table("clip").write_bytes(b"PAR1 damaged")
    with pytest.raises(UserError, match=r"data/own/clip\.parquet cannot be read"):
        store.prune(0.0, None, dry_run=False)
    assert stored("decode") == before


def test_prune_passes_over_a_stage_that_a_run_uses(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stored("decode")
    code = (
        "import time; from pathlib import Path; from pipeline.pieces.in_use import InUse;"
        f"run = InUse(Path('{STORE}/decode')); print('there', flush=True); time.sleep(99)"
    )
    run = start(built, "python", "-c", code)
    assert run.stdout is not None
    assert run.stdout.readline() == "there\n"
    store.prune(7.0, None, dry_run=False)
    assert "decode: passed over, a run is using it" in capsys.readouterr().out
    store.show()
    assert "at work" in capsys.readouterr().out
    run.kill()
    run.wait()
    assert stored("decode") == before


def test_outputs_in_dvc_s_cache_are_in_use(built: Path) -> None:
    write_graph(built)
    said(start(built, "dvc", "commit", "--force", "manifest@own", "decode@own"))
    kept = used()
    for path in OWN.frames.iterdir():  # as `dvc repro` leaves it while a stage runs
        path.unlink()
    OWN.frames.rmdir()
    assert "2 pieces" in store.prune(-1.0, None, dry_run=False)
    assert stored("decode") == kept
    Path("dvc.lock").unlink()
    assert "2 pieces" in store.prune(-1.0, None, dry_run=False)
    assert stored("decode") == set()


def test_a_store_of_others_too_is_noted(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = built.parent / "shared store"
    elsewhere.mkdir(exist_ok=True)
    write_params(Path("params.yaml"), runtime={"store": str(elsewhere)})
    store.prune(7.0, None, dry_run=True)
    assert f"note: {elsewhere} is outside this repository" in capsys.readouterr().out
    write_params(Path("params.yaml"), runtime={"store": "data/none"})
    with pytest.raises(UserError, match=r"data/none \(runtime\.store\) does not exist"):
        store.show()


def test_the_command_line_explains_itself(built: Path) -> None:
    whole = said(start(built, "python", "-m", "stages.store", "--help"))
    for word in ("list", "prune", "refill", "found\nagain by what it was made from"):
        assert word in whole
    assert "default: 7" in said(start(built, "python", "-m", "stages.store", "prune", "--help"))
    done = said(start(built, "python", "-m", "stages.store", "prune", "--dry-run"))
    assert "decode: 2 pieces" in done
    refused = said(start(built, "python", "-m", "stages.store", "prune", "--stage", "x"), 1)
    assert "error: data/.pieces holds no pieces of a stage 'x'" in refused
    assert "Traceback" not in refused
