import base64
import hashlib
import json
import re

import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.report.page import render

from .parsed import Node, parse
from .synthetic import (
    CATEGORY_PROB,
    EVENTS,
    HOSTILE,
    SCRIPT,
    build,
    captions,
    manifest,
    metrics,
    scores,
    training,
    untrained,
)


@pytest.fixture(scope="module")
def html() -> str:
    return render(build())


@pytest.fixture(scope="module")
def page(html: str) -> Node:
    return parse(html)


def card(page: Node, video_id: str) -> Node:
    return next(c for c in page.find("article") if c.attrs["data-name"] == video_id)


def test_one_card_per_scored_test_video_by_name(page: Node) -> None:
    titles = [c.find("h3")[0].text for c in page.find("article", "video")]
    assert titles == sorted(EVENTS)
    assert all(len(c.find("svg", "plot")) == 1 for c in page.find("article"))


def test_event_bands_lie_at_start_over_n_frames(page: Node) -> None:
    bands = [(float(b.attrs["x"]), float(b.attrs["width"])) for b in
             card(page, HOSTILE).find("rect", "event")]  # fmt: skip
    assert bands == [(100.0, 200.0), (750.0, 250.0)]  # [20, 60) and [150, 200) of 200, times 1000
    assert not card(page, "normal").find("rect", "event")
    assert "Fighting 2.0–4.0 s" in card(page, "one").text


def test_lines_are_the_mean_over_seeds_as_steps(page: Node) -> None:
    line, other = card(page, "one").find("polyline")
    assert line.attrs["points"] == "0,80 250,80 250,20 500,20 500,60 750,60 750,80 1000,80"
    assert other.attrs["points"].startswith("0,90 250,90 250,70")
    band = card(page, "one").find("polygon")[0].attrs["points"].split()
    assert band[:2] == ["0,70", "250,70"]  # highest seed: 0.3
    assert band[-2:] == ["250,90", "0,90"]  # lowest seed: 0.1


def test_means_outside_and_inside_events(page: Node) -> None:
    rows = [[td.text for td in tr.find("td")] for tr in card(page, "one").find("tr")[1:]]
    assert rows == [["0.267", "0.800", "Fire (0.70)"], ["0.167", "0.300", "–"]]
    # Frames 20..60 are 30 of the first snippet and 10 of the second; 150..200 the fourth.
    inside = (30 * 0.2 + 10 * 0.8 + 50 * 0.2) / 90
    assert json.loads(card(page, HOSTILE).attrs["data-inside"])[0] == pytest.approx(
        inside, abs=1e-6
    )
    assert json.loads(card(page, "normal").attrs["data-inside"]) == [None, None]
    assert json.loads(card(page, "normal").attrs["data-outside"]) == [0.4, 0.2]


def test_an_abnormal_video_without_events_has_no_means() -> None:
    table = manifest()
    table.loc[table["video_id"] == "one", "events"] = pd.Series([[]] * len(table))
    shown = card(parse(render(build(manifest=table))), "one")
    assert shown.attrs["data-outside"] == "[null, null]"
    assert "no event annotated" in shown.text


def test_captions_on_hover_and_in_runs(page: Node) -> None:
    hits = [h.find("title")[0].text for h in card(page, "one").find("rect", "hit")]
    assert hits[0] == "0.0–2.0 s ours 0.200 plain <b> 0.100 a street"
    listed = [(d.find("dt")[0].text, d.find("dd")[0].text) for d in
              card(page, "one").find("dl", "captions")[0].find("div")]  # fmt: skip
    assert listed == [
        ("0.0–4.0 s", "a street"), ("4.0–6.0 s", SCRIPT), ("6.0–8.0 s", "a street at night"),
    ]  # fmt: skip


def test_untrusted_text_stays_text(html: str, page: Node) -> None:
    assert SCRIPT not in html
    assert len(page.find("script")) == 1
    assert all("onerror" not in node.attrs for node in page.walk())
    assert {node.attrs["src"][:15] for node in page.find("img")} == {"data:image/jpeg"}
    assert SCRIPT in page.find("pre")[0].text
    assert "plain <b>" not in html
    assert "plain <b>" in page.text


def test_the_policy_lets_only_the_pages_own_script_run(page: Node) -> None:
    (script,) = page.find("script")
    digest = hashlib.sha256("".join(map(str, script.children)).encode()).digest()
    policy = next(m.attrs["content"] for m in page.find("meta") if "http-equiv" in m.attrs)
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not [n for n in page.walk() if any(key.startswith("on") for key in n.attrs)]


def test_nothing_is_fetched(html: str, page: Node) -> None:
    for node in page.walk():
        for key in ("src", "href", "xlink:href", "srcset", "action", "poster", "data"):
            assert node.attrs.get(key, "#").startswith(("#", "data:")), (node.tag, node.attrs)
    assert not re.search(r"@import|url\((?!#)", html)


def test_ids_are_unique_and_inner_links_lead_somewhere(html: str, page: Node) -> None:
    ids = [node.attrs["id"] for node in page.walk() if "id" in node.attrs]
    assert len(ids) == len(set(ids))
    links = [n.attrs["href"] for n in page.find("a")] + re.findall(r"url\((#[^)]*)\)", html)
    links += [n.attrs["xlink:href"] for n in page.find("use")]
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_equal_results_give_equal_bytes(html: str) -> None:
    shuffled = scores().sample(frac=1, random_state=3)
    assert render(build(scores=shuffled, captions=captions()[::-1])) == html


def test_left_out_videos_are_listed(page: Node) -> None:
    details = next(d for d in page.find("details") if "Videos left out (3)" in d.text)
    rows = [[td.text for td in tr.find("td")] for tr in details.find("tr")]
    assert rows[1] == ["broken", "manifest", "unreadable: moov atom missing"]
    assert len(rows) == 4


def test_note_counts_settings_and_versions(page: Node) -> None:
    assert page.find("p", "note")[0].text.endswith("Random weights & rules.")
    facts = page.find("dl", "facts")[0].text
    assert "12\u202f600" in page.find("dl", "facts")[0].children[5].find("dd")[0].children[0]
    assert "25.0%" in facts
    assert "lr: 0.001" in page.find("pre")[0].text
    assert "torch 9.9.9" in page.find("section")[-1].text


def test_thumbnails_are_embedded(page: Node) -> None:
    assert [len(card(page, v).find("img")) for v in ("normal", "one")] == [0, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": scores().iloc[:0]}, "numbers of 'ours', but there are no scores"),
        ({"scores": scores().query("checkpoint != 'last'")}, "no scores of checkpoint 'last'"),
        ({"scores": scores().assign(score=float("nan"))}, "not finite"),
        ({"scores": scores().iloc[1:]}, "score each snippet once"),
        ({"scores": scores().drop(columns="seed")}, r"scores lacks the columns \['seed'\]"),
        ({"manifest": manifest().iloc[1:]}, "not in the manifest, first 'normal'"),
        ({"categories": ["Fire"]}, "2 category probabilities, but tiny has 1"),
    ],
)
def test_what_cannot_be_shown_is_explained(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        render(build(**changes))


def test_a_page_without_categories_shows_no_prediction() -> None:
    assert CATEGORY_PROB["plain <b>"] == []
    full = build()
    tables = {
        name: getattr(full, name).query("model != 'ours'")
        for name in ("scores", "roc", "pr", "training")
    }
    own = {"plain <b>": full.metrics["plain <b>"]}
    shown = parse(render(build(metrics=own, **tables)))
    assert "predicted" not in card(shown, "one").text
    assert "ours" not in shown.find("main")[0].text.split()


def nothing_scored() -> dict:
    full = build()
    empty = {name: getattr(full, name).iloc[:0] for name in ("scores", "roc", "pr")}
    history = pd.DataFrame(columns=["model", "seed", "epoch", "loss"])  # as of an empty CSV file
    return empty | {"training": history, "metrics": untrained("not trained: too few videos")}


def test_heads_that_were_not_trained_leave_a_page_without_cards() -> None:
    page = parse(render(build(**nothing_scored())))
    assert not page.find("article")
    assert not page.find("form")
    why = "ours: not trained: too few videos; plain <b>: not trained: too few videos"
    assert f"There are no scores to draw. {why}." in page.text
    assert "Not available: it was not recorded in training." in page.text
    assert not page.find("p", "legend")
    assert "lr: 0.001" in page.find("pre")[0].text


def test_a_dataset_without_test_videos_says_so() -> None:
    train = manifest().assign(split="train")
    page = parse(render(build(**(nothing_scored() | {"manifest": train}))))
    assert "This dataset has no test videos." in page.text
    assert not page.find("article")
    unusable = manifest().assign(status="unreadable")
    page = parse(render(build(**(nothing_scored() | {"manifest": unusable}))))
    assert "This dataset has no test videos." in page.text


def test_heads_trained_without_test_videos_keep_their_curves() -> None:
    history = training().drop(columns="test_frame_auc")
    page = parse(render(build(**(nothing_scored() | {"training": history}))))
    (legend,) = page.find("p", "legend")
    assert [i.attrs["style"] for i in legend.find("i")] == ["--c:var(--m0)", "--c:var(--m1)"]
    titles = [f.find("figcaption")[0].text for f in page.find("figure") if f.find("svg")]
    assert titles == ["Training loss", "Training: loss_gmm"]


def test_an_untrained_head_is_not_offered_for_sorting() -> None:
    both = metrics() | {"late": untrained("too few")["ours"]}
    page = parse(render(build(metrics=both)))
    assert [o.text for o in page.find("select")[1].find("option")] == ["ours", "plain <b>"]
    assert json.loads(card(page, "one").attrs["data-inside"]) == [0.8, 0.3, None]


def test_features_in_place_of_videos_leave_no_captions_and_no_pictures() -> None:
    none = build().captions.iloc[:0]
    page = parse(render(build(captions=none, thumbnails=lambda video_id: [])))
    assert len(page.find("article")) == 3
    assert not page.find("img")
    assert not page.find("dl", "captions")
    hits = [h.find("title")[0].text for h in card(page, "one").find("rect", "hit")]
    assert hits[0] == "0.0–2.0 s ours 0.200 plain <b> 0.100"


@pytest.mark.parametrize("fps", [0.0, float("nan"), 1e-3, 0.5, 1e6, float("inf")])
def test_any_frame_rate_gives_a_page(fps: float) -> None:
    page = parse(render(build(manifest=manifest().assign(fps=fps))))
    assert len(page.find("article")) == 3
