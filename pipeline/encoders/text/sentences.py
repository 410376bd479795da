"""A caption cut into its sentences.

By rules, without a language model: captions are short and plain. Where a rule cannot tell, it does
not cut; a part that holds two sentences is embedded as one, which costs little.
"""

import re
from itertools import pairwise

MARKS = ".!?…‼⁇⁈⁉؟۔।॥"  # followed by white space
WIDE_MARKS = "。！？｡"  # of Chinese and Japanese, which write no white space after them
CLOSING = "\"'”’»›)]）」』】》"

# The first of a row of marks, so that a row of 100,000 is looked at once.
_END = re.compile(
    rf"(?<![{MARKS}{WIDE_MARKS}])"
    rf"(?:[{MARKS}]*[{WIDE_MARKS}][{MARKS}{WIDE_MARKS}]*+[{re.escape(CLOSING)}]*+"
    rf"|[{MARKS}]++[{re.escape(CLOSING)}]*+(?=\s))"
)

# A full stop after one of these, an initial, "e.g" or "p.m" ends no sentence ...
_ABBREVIATION = re.compile(
    r"(?i:mr|mrs|ms|mx|dr|prof|sr|jr|st|ave|rd|blvd|gen|col|sgt|capt|lt|rev|hon|vs|etc|approx|ca|cf"
    r"|al|inc|ltd|co|corp|dept|est|incl|resp|min|max|sec|hr|hrs|ft"
    r"|jan|feb|apr|aug|sept|oct|nov|dec)|[A-Z]|(?:[^\W\d_]\.)+[^\W\d_]"
)
_NUMBERED = re.compile(r"(?i:nos?|figs?|vol)")  # ... nor after these before a digit
_OPENING = "([\"'“‘«"
_LONGEST = 16  # characters that are looked at before a full stop
_LETTER = re.compile(r"[^\W\d_]")


def sentences(caption: str) -> list[str]:
    """The caption's sentences in order, at least one; a caption that is one comes back unchanged.

    What holds no letter (the number of a list, a row of dots) stays with what follows it, at the
    end with what comes before. Time grows with the caption's length.
    """
    starts = [0]
    letter = _letter(caption, 0)
    for end in _END.finditer(caption):
        if letter < end.start() and not _is_abbreviation(caption, end):
            letter = _letter(caption, end.end())
            starts.append(end.end())
    if len(starts) > 1 and letter == len(caption):
        starts.pop()
    if len(starts) == 1:
        return [caption]
    return [caption[a:b].strip() for a, b in pairwise([*starts, len(caption)])]


def _letter(caption: str, start: int) -> int:
    """Where the first letter from `start` on stands; the caption's length where there is none."""
    found = _LETTER.search(caption, start)
    return found.start() if found else len(caption)


def _is_abbreviation(caption: str, end: re.Match[str]) -> bool:
    if end.group() != ".":
        return False
    before = caption[max(0, end.start() - _LONGEST) : end.start()].split()
    word = before[-1].lstrip(_OPENING) if before else ""
    if _NUMBERED.fullmatch(word):
        return caption[end.end() : end.end() + 8].lstrip()[:1].isdigit()
    return _ABBREVIATION.fullmatch(word) is not None
