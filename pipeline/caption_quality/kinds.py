"""Signs of a captioner that does not work, found in many captions at once.

Words are maximal runs of letters, digits, apostrophes and hyphens, without case; in scripts that
write no spaces (Chinese, Japanese, Thai and others) each letter counts as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.caption_quality.refusals import Bools, matches, refusals

Counts = npt.NDArray[np.int32]

TOO_MANY_WORDS = 60
UNENDED_WORDS = 40  # no captioner that stops by itself says more without a sentence's end
LABEL_WORDS, PHRASE_ALONE_WORDS = 4, 20  # so many may stand without a sentence's end
LOOP_WORDS, LOOP_TIMES = 6, 4
PHRASE_WORDS, PHRASE_TIMES = 16, 3  # of a phrase that makes most of a caption

# All patterns are RE2's.
MARKUP = "|".join(
    (
        r"<[|｜]|[|｜]>",  # <|im_end|>
        r"</?[A-Za-z][\w.-]*(?:\s[^<>]*)?/?>",  # <image>, </s>, <br/>
        r"<0x[0-9A-Fa-f]{2}>|▁|\pL[ĠĊ]",  # tokens that were never decoded
        r"\[/?INST\]|<</?SYS>>",
        r"\*\*|```|^#+\s",
        r"^(?i:assistant|user|system)\s*(?::|\n|$)",
        r"^(?:assistant|user|system|ASSISTANT|USER|SYSTEM)\s+\p{Lu}",  # its line's end is a blank
    )
)
TEXT = r"[\p{L}\p{N}]"
SENTENCE_ENDS = ".!?…。！？।"
SENTENCE_END = rf"[{SENTENCE_ENDS}][\s\p{{Pe}}\p{{Pf}}\"'*]*$"
# No capital at the beginning and no sentence's end within: not meant as a sentence.
PHRASE_ALONE = rf"^[\s\p{{P}}]*[^\s\p{{P}}\p{{Lu}}][^{SENTENCE_ENDS}]*$"
SPACELESS = (
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}])(\p{M}*)"
)
BETWEEN_WORDS = r"[^\s\p{L}\p{M}\p{N}'’-]+"


@dataclass(frozen=True)
class Measured:
    """Of N captions: words and characters of each, and which of them are of each kind."""

    words: Counts
    characters: Counts
    kinds: dict[str, Bools]


def measure(captions: pa.Array) -> Measured:
    """Measure N captions (string, no nulls).

    `empty` has no letter and no digit. `over_long` has more than 60 words, or more than 40 and
    no sentence's end. `unfinished`: see `_unfinished`. `loops`: see `loops`. `refusals` begin as a
    model does that declines. `markup` holds tags or tokens of a chat template, or Markdown.
    `non_latin`: most of its letters are of another script.
    """
    words = split(captions)
    n_words = np.diff(words.offsets.to_numpy()).astype(np.int32)
    unended = ~matches(captions, SENTENCE_END)
    over_long = (n_words > TOO_MANY_WORDS) | (n_words > UNENDED_WORDS) & unended
    looping = loops(words)
    kinds = {
        "empty": ~matches(captions, TEXT),
        "over_long": over_long,
        "unfinished": _unfinished(captions, n_words, unended) & ~over_long & ~looping,
        "loops": looping,
        "refusals": refusals(captions),
        "markup": matches(captions, MARKUP),
        "non_latin": _non_latin(captions),
    }
    return Measured(n_words, pc.utf8_length(captions).to_numpy(), kinds)


def _unfinished(captions: pa.Array, n_words: Counts, unended: Bools) -> Bools:
    """Which captions stop before their sentence does; loops and the over-long are told as such.

    They have more than four words and no sentence's end. A phrase such as "a man walking down a
    street" is how some captioners write: it may have twenty words.
    """
    allowed = np.where(matches(captions, PHRASE_ALONE), PHRASE_ALONE_WORDS, LABEL_WORDS)
    return unended & (n_words > allowed)


def _non_latin(captions: pa.Array) -> Bools:
    found = np.zeros(len(captions), dtype=bool)
    other = np.flatnonzero(~pc.string_is_ascii(captions).to_numpy(zero_copy_only=False))
    some = captions.take(pa.array(other))
    letters, latin = (
        pc.count_substring_regex(some, pattern).to_numpy() for pattern in (r"\p{L}", r"\p{Latin}")
    )
    found[other] = 2 * latin < letters
    return found


def split(captions: pa.Array) -> pa.ListArray:
    """The words of each caption, in order."""
    text = pc.utf8_lower(captions)
    if not pc.all(pc.string_is_ascii(text)).as_py():
        text = pc.replace_substring_regex(text, SPACELESS, r" \1\2 ")
    text = pc.replace_substring_regex(text, BETWEEN_WORDS, " ")
    words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(text))
    kept = pc.not_equal(words.flatten(), "")  # an empty text is split into one empty word
    before = np.concatenate([[0], np.cumsum(kept.to_numpy(zero_copy_only=False))])
    offsets = before[words.offsets.to_numpy()].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), words.flatten().filter(kept))


def loops(words: pa.ListArray) -> Bools:
    """Which of N captions say one phrase over and over.

    The same one to six words at least four times in a row; or two to sixteen words at least
    three times in a row that make more than half of the caption.
    """
    lengths = np.diff(words.offsets.to_numpy())
    found = np.zeros(len(lengths), dtype=bool)
    for period, caption, covered in _repeats(words, lengths):
        often = covered >= (LOOP_TIMES if period <= LOOP_WORDS else np.inf) * period
        most = (covered >= PHRASE_TIMES * period) & (2 * covered > lengths[caption])
        found[caption[often | (most & (period > 1))]] = True
    return found


def _repeats(
    words: pa.ListArray, lengths: npt.NDArray[np.integer]
) -> Iterator[tuple[int, npt.NDArray[np.integer], npt.NDArray[np.integer]]]:
    """Of each period, the stretches that repeat with it: their captions and lengths, in words."""
    codes = words.flatten().dictionary_encode().indices.to_numpy()
    caption = np.repeat(np.arange(len(lengths)), lengths)
    for period in range(1, min(PHRASE_WORDS, len(codes) - 1) + 1):
        same = (codes[period:] == codes[:-period]) & (caption[period:] == caption[:-period])
        # A stretch ends with its caption: the word before the end has no partner in it.
        turns = np.flatnonzero(np.diff(same, prepend=False, append=False))
        begins, ends = turns[::2], turns[1::2]
        yield period, caption[begins], ends - begins + period
