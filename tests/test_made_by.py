"""Tables and heads say what made them, and what does not fit is refused."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import made_by, tables
from pipeline.config import Clip, ClipText, EndpointCaption, RulesCaption, TransformersText
from pipeline.errors import UserError

CLIP = Clip(model="tiny", pretrained="random")
RULES = RulesCaption(backend="rules")
BY_CLIP = ClipText(encoder="clip")
QWEN = EndpointCaption(backend="endpoint", model="qwen", revision="fp8")


def written(path: Path, settings: made_by.Settings | None) -> Path:
    piece = pa.table([[0], ["a car"]], schema=tables.CAPTION_PIECE)
    metadata = {} if settings is None else {"made_by": settings}
    tables.write(piece, path, tables.CAPTION_PIECE, metadata)
    return path


def test_a_table_made_by_the_same_settings_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path / "captions.parquet", made_by.captions(QWEN))
    made_by.check_table(path, made_by.captions(QWEN.model_copy()), "dvc repro")


def test_captions_of_another_backend_are_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "captions.parquet", made_by.captions(RULES))
    with pytest.raises(UserError) as caught:
        made_by.check_table(path, made_by.captions(QWEN), "dvc repro -f caption@own")
    message = str(caught.value)
    assert str(path) in message
    assert '  caption.backend: "rules" there, "endpoint" here' in message
    assert '  caption.model: nothing there, "qwen" here' in message
    assert "`dvc repro -f caption@own`" in message


@pytest.mark.parametrize(
    "change", [{"model": "gemma"}, {"revision": "bf16"}, {"prompt": "?"}, {"frames": 4}]
)
def test_one_other_setting_is_enough(tmp_path: Path, change: dict[str, object]) -> None:
    path = written(tmp_path / "captions.parquet", made_by.captions(QWEN))
    other = made_by.captions(QWEN.model_copy(update=change))
    with pytest.raises(UserError, match=f"caption.{next(iter(change))}: "):
        made_by.check_table(path, other, "dvc repro")


def test_a_table_that_does_not_say_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "captions.parquet", None)
    with pytest.raises(UserError, match="does not say what made it; `dvc repro -f x`"):
        made_by.check_table(path, made_by.captions(RULES), "dvc repro -f x")


def test_a_table_says_which_model_its_folder_held(tmp_path: Path) -> None:
    settings = made_by.with_models(made_by.captions(RULES), {"caption": "digest", "text": None})
    path = written(tmp_path / "captions.parquet", settings)
    found = made_by.check_table(path, made_by.captions(RULES), "dvc repro")
    assert made_by.models_of(found) == {"caption": "digest"}
    other = made_by.with_models(made_by.captions(RULES), {"caption": "another"})
    assert "models.caption" in made_by.compare(found, other)


def test_clip_made_text_features_only_where_its_tower_did() -> None:
    other = TransformersText(encoder="transformers", model="folder")
    assert set(made_by.text_features(RULES, BY_CLIP, CLIP)) == {"caption", "text", "clip"}
    assert set(made_by.text_features(RULES, other, CLIP)) == {"caption", "text"}


def test_what_a_dataset_brings_was_made_by_nobody_we_know() -> None:
    assert made_by.features(CLIP, RULES, BY_CLIP, ("text",)) == {"text": {"brought": "text"}}
    assert set(made_by.features(CLIP, RULES, BY_CLIP, ())) == {"image", "text"}


def test_what_json_makes_of_settings_is_no_difference() -> None:
    assert made_by.compare({"a": {"b": [1, 2]}}, {"a": {"b": (1, 2)}}) == ""
    assert made_by.compare({"a": {"b": 1}}, {"a": {}}) == "  a.b: 1 there, nothing here"
