"""Sentences that people wrote for real videos, with times, as a user would bring them."""

import shutil
from pathlib import Path

from pipeline.config import FileCaption
from pipeline.encoders.captioners.file import FileCaptioner, read_given
from pipeline.encoders.captioners.snippets import Snippets
from pipeline.video.snippets import edges
from tests.runtime import RUNTIME

ARSON, FPS, T = "Arson009_x264", 30.0, 32


def test_timed_sentences_of_a_real_video_reach_its_snippets(
    shared_data: Path, tmp_path: Path
) -> None:
    shutil.copy(shared_data / "captions" / "captions.jsonl", tmp_path)
    settings = FileCaption(
        backend="file",
        path="captions.jsonl",
        made_by="people",
        columns={"caption": "text", "start": "start_s", "end": "end_s"},  # type: ignore[arg-type]
    )
    n_frames = 743
    given = read_given(settings, tmp_path, [{"video_id": ARSON, "fps": FPS, "n_frames": n_frames}])
    bounds = edges(n_frames, T)
    video = Snippets(ARSON, bounds[:-1], bounds[1:], [[]] * T, given[ARSON])
    ((_, found),) = FileCaptioner(settings, RUNTIME)([video])
    assert not isinstance(found, Exception)
    assert found[0].startswith("A man in a hat")  # 0 to 8.3 s
    assert found[11].startswith("The man threw")  # 8.2 to 10 s
    assert found[20].startswith("Two firefighters")  # 11.2 to 22 s
    assert found[-1] == ""  # nobody wrote of the end
