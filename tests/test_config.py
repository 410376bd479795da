from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import config
from pipeline.errors import UserError
from tests.params import write_params

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"


def changed(tmp_path: Path, old: str, new: str) -> tuple[Path, int]:
    """params.yaml with one text replaced, and the line where the new text starts."""
    text = PARAMS.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in params.yaml"
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new))
    return path, text[: text.index(old)].count("\n") + 1


def test_the_committed_file_is_valid() -> None:
    params = config.load(PARAMS)
    assert params.datasets == ["demo"]
    assert params.decode.snippets == 32


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("  jpeg_quality: 90", "  jpg_quality: 90", "decode.jpg_quality", "unknown key"),
        ("  jpeg_quality: 90", "  jpeg_quality: high", "decode.jpeg_quality", "integer"),
        ("  jpeg_quality: 90", "  jpeg_quality: 101", "decode.jpeg_quality", "100"),
        ("  frames_per_snippet: 8", "  frames_per_snippet: 6", "frames_per_snippet", "4"),
        ("  snippets: 32", '  snippets: "32"', "decode.snippets", "integer"),
        ("  workers: null", "  workers: 0", "runtime.workers", "1"),
        ("  device: auto", "  device: tpu", "runtime.device", "tpu"),
        ("shift: straight_through", "shift: hard", "heads.refinevad.motar.shift", "hard"),
        ("      fold: 4", "      fold: 1", "heads.refinevad.motar.fold", "2"),
    ],
)
def test_a_wrong_value_names_its_key_and_line(
    tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    path, line = changed(tmp_path, old, new)
    with pytest.raises(UserError) as caught:
        config.load(path)
    complaint = next(text for text in str(caught.value).splitlines() if key in text)
    assert complaint.startswith(f"{path}:{line}: ")
    assert reason in complaint


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\ndatasets: [demo]", "\ndatasets: [dmo]", "'dmo' is not in `sources`"),
        ("\ndatasets: [demo]", "\ndatasets: [demo, demo]", "names something twice"),
        ("models: [refinevad, base]", "models: [rtfm]", "'rtfm' is not in `heads`"),
        ("  modalities: [image, text]", "  modalities: [text, text]", "names one twice"),
        ("  lr: 5.0e-4", "  lr: .inf", "finite number"),
        ("{ model: tiny, pretrained: random }", "{ model: RN50, pretrained: openai }", "QuickGELU"),
        ("    mil: { kind: bce }\n", "    mil: { kind: bce, top_k: 33 }\n", "more than decode"),
        ("\n    motar:", "\n    motar:\n      heads: 3", "duplicate key"),
    ],
)
def test_an_impossible_combination_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    path, _ = changed(tmp_path, old, new)
    with pytest.raises(UserError, match=reason):
        config.load(path)


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("demo", "own")], None),
        ([("demo", "own"), ("own", "demo")], None),
        (
            [("demo", "fights")],
            r"transfer\.pairs: 'fights' is not in `datasets` \(known: demo, own",
        ),
        ([("fights", "demo")], r"transfer\.pairs: 'fights' is not in `datasets`"),
        ([("own", "own")], r"transfer\.pairs: 'own' is source and target"),
        ([("demo", "own"), ("demo", "own")], r"transfer\.pairs: demo to own stands there twice"),
    ],
)
def test_pairs_that_cannot_be_tried_are_refused(
    tmp_path: Path, pairs: list[tuple[str, str]], reason: str | None
) -> None:
    path = tmp_path / "params.yaml"
    named = [{"source": source, "target": target} for source, target in pairs]
    write_params(path, datasets=["demo", "own"], transfer={"pairs": named})
    if reason is None:
        assert len(config.load(path).transfer.pairs) == len(pairs)
    else:
        with pytest.raises(UserError, match=reason):
            config.load(path)


def test_one_line_swaps_the_dataset(tmp_path: Path) -> None:
    path, _ = changed(tmp_path, "\ndatasets: [demo]", "\ndatasets: [own]")
    assert config.load(path).ablation.datasets == ["demo"]


def test_heads_must_divide_the_width(tmp_path: Path) -> None:
    yaml = YAML()
    params = yaml.load(PARAMS)
    params["heads"]["refinevad"]["core"]["heads"] = 7
    path = tmp_path / "params.yaml"
    yaml.dump(params, path)
    with pytest.raises(UserError, match=r"not a multiple of core\.heads 7"):
        config.load(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path, _ = changed(tmp_path, "  jpeg_quality: 90\n", "")
    with pytest.raises(UserError, match=r"decode\.jpeg_quality: this key is missing"):
        config.load(path)


def test_every_wrong_key_is_reported_at_once(tmp_path: Path) -> None:
    path, _ = changed(tmp_path, "  snippets: 32", "  snipets: 32")
    path.write_text(path.read_text().replace("  workers: null", "  workers: many"))
    with pytest.raises(UserError) as caught:
        config.load(path)
    assert "decode.snipets" in str(caught.value)
    assert "runtime.workers" in str(caught.value)


def test_no_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        config.load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("datasets: [demo\n")
    with pytest.raises(UserError, match="not valid YAML"):
        config.load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("caption", "complaint"),
    [
        ("{ backend: endpoint, modell: x }", "caption.model: this key is missing"),
        ("{ backend: endpoint, modell: x }", "caption.modell: unknown key; is it misspelt?"),
        ("{ backend: gpt }", "caption: backend: there is no 'gpt' (known: 'rules', 'file', "),
        ("{ backend: transformers, model: x, revision: main }", "caption.revision: 'main' is no c"),
        ("{ backend: internvideo }", "caption: trust_remote_code: this backend runs the Python"),
        ("{ backend: internvideo, frames: 6 }", "caption.frames: Input should be a multiple of 4"),
        (
            "{ backend: endpoint, model: x, revision: y, frames: 16 }",
            "top level: caption.frames: 16 is more than decode.frames_per_snippet (8)",
        ),
    ],
)
def test_a_wrong_captioner_is_told_by_the_key_as_it_stands_in_the_file(
    tmp_path: Path, caption: str, complaint: str
) -> None:
    path, line = changed(tmp_path, "caption: { backend: rules }\n", f"caption: {caption}\n")
    with pytest.raises(UserError) as caught:
        config.load(path)
    complaints = str(caught.value).splitlines()
    assert any(text.split(": ", 1)[1].startswith(complaint) for text in complaints), complaints
    assert any(text.startswith((f"{path}:{line}: ", f"{path}:1: ")) for text in complaints)
