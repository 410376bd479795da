"""Which captions count as empty, looping, refused and so on."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies

from pipeline.caption_quality.kinds import loops, measure, split


def kinds_of(caption: str) -> set[str]:
    """Measured among other captions, so that nothing leaks from one to the next."""
    others = ["a man", "", "a man a man a man"]
    measured = measure(pa.array([*others, caption, *others]))
    return {kind for kind, found in measured.kinds.items() if found[len(others)]}


SENTENCE = "a man in a black coat walks past the open door of a shop"


def several(first: int, count: int) -> str:
    """So many words, each another."""
    return " ".join(f"word{n}" for n in range(first, first + count))


@pytest.mark.parametrize(
    "caption",
    [
        "A man is unable to stand.",
        "A woman says I'm sorry.",
        "No people are visible.",
        "No images hang on the wall.",
        "Sorry sights: two burnt cars.",
        "I-beams fall onto a street.",
        "The image is dark and blurred.",
        "Unable to stand, a man crawls.",
        "As an airplane lands, people run.",
        "assistant referee runs along the line",
        "Speed < 5 and > 3, a < b.",
        "Ġorġ walks.",
        "Un café à côté d'une école.",
        "a very, very, very dark street",
        "a man, a man and a man walk in different ways",
        "2",
        f"{several(0, 60)}.",
        several(0, 20),  # a phrase; no sentence
        "2 men and a dog on a street",
        "“a man walking, arms up, down a street”",
        "A man walking down",
        "Two men talk. A car passes!",
        "A man shouts “Stop, leave it!”",
        f"{several(0, 30)}.",
        "It is impossible to see much because of fog, but a car passes.",
        "I can't make out the person, but a car is on the road.",
        "I cannot identify anyone. However, the scene shows a man who runs.",
        "I am unable to see his face, but I can see a man.",
        "Assistant referee runs along the line.",
        "User Interface of a ticket machine.",
        f"{several(0, 2)} {several(0, 2)} {several(0, 2)} {several(2, 6)}",  # half of it
        f"{several(0, 7)} {several(0, 7)} {several(0, 7)} {several(0, 7)} {several(7, 29)}.",
        f"{several(0, 17)} {several(0, 17)} {several(0, 17)}.",
        "abc дж",  # three letters of five
    ],
)
def test_captions_without_a_fault(caption: str) -> None:
    assert kinds_of(caption) == set()


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("", "empty"),
        ("?! …", "empty"),
        ("!" * 200, "empty"),
        (f"{several(0, 61)}.", "over_long"),
        (several(0, 41), "over_long"),
        (f"A {several(0, 40)}", "over_long"),
        (several(0, 40), "unfinished"),
        (several(0, 21), "unfinished"),
        ("A man walking down a", "unfinished"),
        ("“The man walks to the", "unfinished"),
        ("a man walks. he then", "unfinished"),
        ("a man walks! he goes to", "unfinished"),
        ("no no no no", "loops"),
        ("The man walks, the man walks. The man walks; THE MAN WALKS", "loops"),
        (
            f"{several(0, 6)} {several(0, 6)} {several(0, 6)} {several(0, 6)} {several(6, 25)}.",
            "loops",
        ),
        (f"{several(0, 16)} {several(0, 16)} {several(0, 16)}.", "loops"),
        (f"{SENTENCE}. {SENTENCE}. {SENTENCE}.", "loops"),
        ("I cannot see any video.", "refusals"),
        ("I can't assist with that.", "refusals"),
        ("I’m sorry, but I can’t help with this.", "refusals"),
        ("“I am very sorry”", "refusals"),
        ("Sorry, the scene is too violent.", "refusals"),
        ("I do not see an image.", "refusals"),
        ("As an AI, I see no people.", "refusals"),
        ("as a large language model I do not watch videos", "refusals"),
        ("Unable to view the frames.", "refusals"),
        ("It is not possible to determine what happens.", "refusals"),
        ("No image provided.", "refusals"),
        ("There is no video", "refusals"),
        ("The images have not been uploaded.", "refusals"),
        ("Please provide the image.", "refusals"),
        ("It is impossible to see much because of fog.", "refusals"),
        ("I can't see the video, but I can help if you upload it.", "refusals"),
        ("I cannot view images. However, if you tell me of them, I write.", "refusals"),
        ("I am unable to see it, but the image has not been loaded.", "refusals"),
        ("I can’t see it, but I’m happy to help.", "refusals"),
        ("I'm sorry, but the image is blank.", "refusals"),
        ("I'm sorry, I can't see it, but a man may be there.", "refusals"),
        ("I cannot see the debut of the play.", "refusals"),
        ("I cannot, but", "refusals"),
        ("<|im_end|>", "markup"),
        ("A man runs.</s>", "markup"),
        ("<image> a man", "markup"),
        ("a <IMG_CONTEXT> man", "markup"),
        ("a man<0x0A>", "markup"),
        ("AĠmanĠruns", "markup"),
        ("[INST] a man", "markup"),
        ("**Description:** a man", "markup"),
        ("assistant\nA man runs.", "markup"),
        ("assistant A man runs.", "markup"),
        ("ASSISTANT: a man", "markup"),
        ("Assistant: A man runs.", "markup"),
        ("User : a man", "markup"),
        ("System\nA man runs.", "markup"),
        ("Assistant", "markup"),
        ("Мужчина идёт по улице a b c.", "non_latin"),
        ("一个男人在街上", "non_latin"),
    ],
)
def test_captions_with_one_fault(caption: str, kind: str) -> None:
    assert kinds_of(caption) == {kind}


def test_faults_that_come_together() -> None:
    assert kinds_of("<|im_end|>" * 5) == {"markup", "loops"}
    assert kinds_of("对不起，我看不到图片。") == {"refusals", "non_latin"}
    assert kinds_of("车 车车，车") == {"loops", "non_latin"}
    assert kinds_of("I cannot see any video") == {"refusals", "unfinished"}
    assert kinds_of("no " * 30) == {"loops"}
    assert kinds_of("half Latin, наполовину нет так") == {"non_latin"}  # 9 letters of 26


def test_words() -> None:
    captions = pa.array(["A man's T-shirt, (red)!", "", " . ", "他走 fast了", "É é"])
    assert split(captions).to_pylist() == [
        ["a", "man's", "t-shirt", "red"],
        [],
        [],
        ["他", "走", "fast", "了"],
        ["é", "é"],
    ]
    measured = measure(captions)
    assert measured.words.tolist() == [4, 0, 0, 4, 2]
    assert measured.characters.tolist() == [23, 0, 3, 8, 3]


def test_a_slice_is_measured_as_what_it_holds() -> None:
    captions = pa.array(["no no no no", "a man", "I cannot."]).slice(1)
    measured = measure(captions)
    assert measured.words.tolist() == [2, 2]
    assert measured.kinds["refusals"].tolist() == [False, True]
    assert not measured.kinds["loops"].any()


def says_it_again(words: list[str]) -> bool:
    """The rule of `loops`, from each word on."""
    for start in range(len(words)):
        for period in range(1, 17):
            phrase = words[start : start + period]
            end = start + period
            while words[end : end + 1] and words[end] == phrase[(end - start) % period]:
                end += 1
            times = (end - start) // period
            most = period > 1 and times >= 3 and end - start > len(words) / 2
            if most or (period <= 6 and times >= 4):
                return True
    return False


text = strategies.lists(strategies.sampled_from("abc"), max_size=14)
phrase = strategies.lists(strategies.sampled_from("abcd"), min_size=1, max_size=18)
looping = strategies.tuples(text, phrase, strategies.integers(2, 5), text).map(
    lambda parts: parts[0] + parts[1] * parts[2] + parts[3]
)


@given(captions=strategies.lists(text | looping, min_size=1, max_size=6))
def test_loops_against_looking_from_each_word(captions: list[list[str]]) -> None:
    found = loops(pa.array(captions, pa.list_(pa.string())))
    np.testing.assert_array_equal(found, [says_it_again(words) for words in captions])
