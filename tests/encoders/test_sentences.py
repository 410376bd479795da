from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.encoders.text.sentences import sentences


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("", [""]),
        ("a man runs", ["a man runs"]),
        ("A man runs.", ["A man runs."]),
        ("A man runs. He falls!  Why?", ["A man runs.", "He falls!", "Why?"]),
        ("a man runs. he falls", ["a man runs.", "he falls"]),
        ("Wait!? Yes... He runs…  and falls.", ["Wait!?", "Yes...", "He runs…", "and falls."]),
        ('He says "go." Then (she runs.) Fire.', ['He says "go."', "Then (she runs.)", "Fire."]),
        # What ends no sentence.
        ("Mr. Smith and dr. Li run.", ["Mr. Smith and dr. Li run."]),
        ("J. Smith runs 3.5 m. He falls.", ["J. Smith runs 3.5 m.", "He falls."]),
        ("A car, e.g. a van (approx. red).", ["A car, e.g. a van (approx. red)."]),
        ("A U.S. flag at 5 p.m. burns. Smoke.", ["A U.S. flag at 5 p.m. burns.", "Smoke."]),
        ("Car no. 5 stops. He says no. It goes.", ["Car no. 5 stops.", "He says no.", "It goes."]),
        ("Is it 5 p.m? Yes! No.", ["Is it 5 p.m?", "Yes!", "No."]),
        ("See www.example.org?a=b now", ["See www.example.org?a=b now"]),
        # What holds no letter stays with a neighbour.
        ("1. A man. 2. A dog.", ["1. A man.", "2. A dog."]),
        ("A man runs. ...", ["A man runs. ..."]),
        ("A man. A dog. 5!", ["A man.", "A dog. 5!"]),
        ("... . !", ["... . !"]),
        # Other scripts.
        ("一个人走。然后他跑！真的？", ["一个人走。", "然后他跑！", "真的？"]),
        ("「走れ。」人が走る｡火", ["「走れ。」", "人が走る｡", "火"]),
        ("Ein Mann läuft. Он бежит! अग्नि। धुआँ।", ["Ein Mann läuft.", "Он бежит!", "अग्नि।", "धुआँ।"]),
        ("رجل يركض؟ نعم.", ["رجل يركض؟", "نعم."]),
    ],
)
def test_captions_are_cut_where_sentences_end(caption: str, expected: list[str]) -> None:
    assert sentences(caption) == expected


@given(st.text(alphabet="aB1 .!?。」)", max_size=60))
def test_no_character_is_lost_and_no_sentence_is_without_a_letter(caption: str) -> None:
    found = sentences(caption)
    assert "".join("".join(found).split()) == "".join(caption.split())
    assert len(found) == 1 or all(any(map(str.isalpha, part)) for part in found)
    assert len(found) > 1 or found == [caption]


@pytest.mark.parametrize("unit", [".", "。", "a.", "1. ", ". ", ".)", "Mr. ", "人。"])
def test_time_grows_with_the_length_alone(unit: str) -> None:
    started = process_time()
    assert sentences(unit * 200_000)
    assert process_time() - started < 8  # with its square: far more
