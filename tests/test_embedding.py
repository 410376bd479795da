"""Category logits of abnormal videos: whose they are, where they lie, what they are worth."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from pipeline import checkpoint, embedding
from pipeline.config import Tsne
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from tests.models.toy import CATEGORIES, base, multi_hot, refinevad, toy_videos
from tests.test_scoring import CPU, ENCODERS, trained

SETTINGS = Tsne(seed=None, perplexity=30.0, random_state=0)
TEST = toy_videos(24, seed=2, split="test")
LOGITS = [f"{name}_{kind}" for name in CATEGORIES for kind in ("normal", "abnormal")]


def one_hot(categories: list[int]) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(categories)).float()


def planted(count: int, n_categories: int, *, apart: float) -> tuple[embedding.Floats, Tensor]:
    """Logits around a centre for each category, `apart` deviations from one another, and labels."""
    rng = np.random.default_rng(5)
    categories = [i % n_categories for i in range(count)]
    centres = apart * np.eye(n_categories, 2 * n_categories)
    noise = rng.normal(size=(count, 2 * n_categories))
    return centres[categories] + noise, one_hot(categories)


def on_a_line(*places: float) -> embedding.Floats:
    return np.array(places)[:, None]


def accuracy(logits: embedding.Floats, labels: Tensor) -> float:
    return embedding.agreement(logits, labels, 0)["neighbour_accuracy"]


def test_neighbours_worked_out_by_hand() -> None:
    # 0 and 1 are nearest to one another, as 5 and 7 are
    found = embedding.agreement(on_a_line(0, 1, 5, 7), one_hot([0, 0, 1, 0]), 0)
    assert found["neighbour_accuracy"] == 0.5
    assert found["chance"] == 0.5  # 3 of 6 pairs
    # the one in the middle is as near to both
    assert accuracy(on_a_line(-1, 0, 1), one_hot([0, 0, 1])) == pytest.approx((1 + 0.5 + 0) / 3)
    # one category in common is enough
    assert accuracy(on_a_line(0, 1, 5, 7), multi_hot("110", "011", "100", "001")) == 0.5


def share_alike(logits: embedding.Floats, categories: npt.NDArray[np.int64]) -> float:
    """The share of videos with one category whose nearest other, of which there is one, has it."""
    nearest = NearestNeighbors(n_neighbors=1).fit(logits).kneighbors(return_distance=False)[:, 0]
    return float((categories == categories[nearest]).mean())


@pytest.mark.parametrize("apart", [0.0, 2.0, 4.0])
def test_neighbours_as_another_search_finds_them(apart: float) -> None:
    logits, labels = planted(60, 4, apart=apart)
    known = share_alike(logits, labels.argmax(dim=1).numpy())
    assert accuracy(logits, labels) == pytest.approx(known)


def test_separated_categories_are_all_found_and_noise_is_at_chance() -> None:
    found = embedding.agreement(*planted(120, 4, apart=30.0), 0)
    assert found["neighbour_accuracy"] == 1
    assert found["chance"] == pytest.approx(29 / 119)
    noise = embedding.agreement(*planted(120, 4, apart=0.0), 0)
    assert noise["neighbour_accuracy"] <= noise["chance_95"]
    assert noise["neighbour_accuracy"] == pytest.approx(noise["chance"], abs=0.1)


def test_one_shuffle_in_twenty_lies_beyond_the_bound() -> None:
    logits, labels = planted(30, 3, apart=1.0)
    found = embedding.agreement(logits, labels, 0)
    rng = np.random.default_rng(77)
    categories = labels.argmax(dim=1).numpy()
    others = np.array([share_alike(logits, rng.permutation(categories)) for _ in range(1000)])
    assert others.mean() == pytest.approx(found["chance"], abs=0.01)
    assert (others > found["chance_95"]).mean() <= 0.06
    assert (others >= found["chance_95"]).mean() >= 0.04


def test_groups_of_logits_are_groups_in_the_plane() -> None:
    logits, labels = planted(60, 3, apart=20.0)
    points, perplexity = embedding.place(logits, SETTINGS)
    assert points.shape == (60, 2)
    assert perplexity == pytest.approx(59 / 3)
    assert silhouette_score(points, labels.argmax(dim=1)) > 0.6
    again, _ = embedding.place(logits, SETTINGS)
    assert again.tobytes() == points.tobytes()
    other, _ = embedding.place(logits, SETTINGS.model_copy(update={"perplexity": 5.0}))
    assert other.tobytes() != points.tobytes()


@pytest.mark.parametrize("count", [4, 5, 8])
def test_the_fewest_videos_have_a_place(count: int) -> None:
    logits, _ = planted(count, 2, apart=1.0)
    points, perplexity = embedding.place(logits, SETTINGS)
    assert np.isfinite(points).all()
    assert perplexity == (count - 1) / 3


def run(
    folder: Path, videos: VideoFeatures = TEST, encoders: dict[str, Any] = ENCODERS
) -> tuple[Any, dict[str, dict[str, Any]]]:
    folders = {(path.name, 7): path for path in sorted(folder.iterdir())}
    return embedding.of_heads(folders, videos, SETTINGS, CPU, encoders)


def test_a_row_for_each_abnormal_video_of_a_head_with_categories(tmp_path: Path) -> None:
    trained(tmp_path / "base", base(), "last")
    heads = trained(tmp_path / "refinevad", refinevad(), "best_on_test", "last")
    table, summary = run(tmp_path)
    assert list(table) == [*embedding.COLUMNS, *LOGITS]
    rows = [row for row in TEST.rows if row["categories"]]
    assert table["video_id"].tolist() == [row["video_id"] for row in rows]
    assert table["category"].tolist() == [row["categories"][0] for row in rows]
    assert set(table["model"]) == {"refinevad"}
    assert set(table["seed"]) == {7}
    head = heads["last"].eval()
    known = head(TEST.features[TEST.labels.any(dim=1)]).category_logits
    assert known is not None
    shown = torch.tensor(table[LOGITS].to_numpy(), dtype=torch.float32)
    torch.testing.assert_close(shown.view(12, 3, 2), known.detach())
    assert summary["base"] == {
        "seed": 7, "checkpoint": "last", "n_videos": 12,
        "reason": "this head gives no category logits",
    }  # fmt: skip
    assert summary["refinevad"]["perplexity"] == pytest.approx(11 / 3)
    assert {"neighbour_accuracy", "chance", "chance_95"} <= set(summary["refinevad"])
    again, _ = run(tmp_path)
    assert again.to_csv(index=False) == table.to_csv(index=False)


def test_of_several_categories_the_first_colours_and_all_are_named(tmp_path: Path) -> None:
    trained(tmp_path / "refinevad", refinevad(), "last")
    rows = [dict(row) for row in TEST.rows]
    rows[1]["categories"] = ["Panic", "Fighting"]
    labels = TEST.labels.clone()
    labels[1] = multi_hot("101")[0]
    table, _ = run(tmp_path, replace(TEST, rows=rows, labels=labels))
    assert table.loc[0, ["category", "categories"]].tolist() == ["Panic", "Panic;Fighting"]


@pytest.mark.parametrize(
    ("videos", "reason"),
    [
        (TEST.select([]), "t-SNE needs 4 abnormal test videos or more; there are 0"),
        (TEST.select(range(7)), "t-SNE needs 4 abnormal test videos or more; there are 3"),
        (TEST.select([0, 1, 7, 13, 19]), "all show the same categories"),
    ],
)
def test_videos_that_give_no_picture_leave_a_header(
    tmp_path: Path, videos: VideoFeatures, reason: str
) -> None:
    trained(tmp_path / "refinevad", refinevad(), "last")
    checkpoint.save_reason(tmp_path / "untrained", "too few videos")
    table, summary = run(tmp_path, videos)
    assert table.to_csv(index=False) == ",".join([*embedding.COLUMNS, *LOGITS]) + "\n"
    assert reason in summary["refinevad"]["reason"]
    assert summary["untrained"]["reason"] == "not trained: too few videos"


def rewrite(folder: Path, name: str, number: float) -> None:
    """Fill the weights of that name in the checkpoint."""
    weights = load_file(folder / "last.safetensors")
    checkpoint.save_weights(
        folder, "last", weights | {name: torch.full_like(weights[name], number)}
    )


def test_logits_that_are_all_the_same_give_no_picture(tmp_path: Path) -> None:
    trained(tmp_path / "refinevad", refinevad(), "last")
    rewrite(tmp_path / "refinevad", "core.classifier.weight", 0.0)
    table, summary = run(tmp_path)
    assert table.empty
    assert "the same category logits" in summary["refinevad"]["reason"]


def test_what_would_be_nonsense_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "refinevad"
    trained(folder, refinevad(), "last")
    with pytest.raises(UserError, match="refinevad was trained on features of other encoders"):
        run(tmp_path, encoders=ENCODERS | {"text": {}})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"categories": ["A", "B", "C"]}))
    with pytest.raises(UserError, match=r"knows the categories \['A', 'B', 'C'\], the dataset has"):
        run(tmp_path)
    (folder / "config.json").write_text(json.dumps(config))
    rewrite(folder, "core.classifier.bias", float("nan"))
    with pytest.raises(UserError, match="refinevad: category logits are not finite"):
        run(tmp_path)
    (folder / "last.safetensors").unlink()
    with pytest.raises(UserError, match=r"last\.safetensors does not exist"):
        run(tmp_path)
