"""Captions in which a model declines to caption."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]

# All patterns are RE2's. A refusal counts at the caption's beginning only. People in videos are
# unable to stand, too: without an "I", it has to be about seeing or telling. What a captioner
# cannot make out it may say as well, if it goes on to tell what it sees: "I can't see his face, but
# a man runs". That is no refusal, unless it apologises or goes on about itself or the asker.
SEEN = r"(?:image|picture|photo|video|frame|clip|visual)s?"
TOLD = r"(?:see|view|describe|determine|identify|analy[sz]e|process|provide|access|assist|help)"
GIVEN = r"(?:provided|given|available|attached|found|uploaded|accessible|loaded|shown|shared)"
DECLINES = (
    r"(?:i am|i['’]m) (?:\w+ )?sorry\b",
    r"(?:sorry|(?:my )?apologies)(?:[,.!:;]| but| for)",
    r"i (?:must )?apologi[sz]e\b",
    rf"i (?:do not|don['’]t) (?:have|see) (?:access|(?:the |an |any )?{SEEN})\b",
    r"as an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    r"unfortunately,? i\b",
    rf"(?:there (?:is|are|was|were) )?no {SEEN}"
    rf"(?:(?: (?:is|are|was|were|has been|have been))? {GIVEN}\b|[.!]?$)",
    rf"(?:the|this|your) {SEEN} (?:is|are|was|were|has|have)(?: not|n['’]t) (?:been )?{GIVEN}\b",
    r"(?:please|(?:could|can) you) (?:please )?(?:provide|upload|share|attach)\b",
    r"(?:很|非常)?抱歉|对不起|我无法|我不能|作为(?:一个|一名)?(?:AI|人工智能)|无法(?:看到|查看|描述)",
)
UNABLE = (
    r"i (?:can ?not|can['’]t|could not|couldn['’]t|am unable|am not able|will not|won['’]t)\b",
    r"i['’]m (?:unable|not able)\b",
    rf"(?:it is )?(?:unable|impossible|not possible) to {TOLD}\b",
)
TURN = r".*[\s,;.](?:but|however)\b,? +"
OFFERS = (
    r"i['’]|i (?:am|was|would|could|can ?not|can['’]t|will|may|might|need|have|do not|don['’]t)\b",
    r"i can (?:\w+ )?(?:help|assist|provide|offer|try|give|answer|describe|analy[sz]e)\b",
    r"(?:if|please|feel free|you|your|let|we|perhaps)\b",
    rf"(?:there (?:is|are) )?no {SEEN}\b",
    rf"(?:the|this) {SEEN} (?:is|are|was|were|has|have)(?: not|n['’]t)\b",
)
BEGIN = r"^[\s\p{P}]*"
DECLINED = BEGIN + "(?:" + "|".join(DECLINES) + ")"
IS_UNABLE = BEGIN + "(?:" + "|".join(UNABLE) + ")"
GOES_ON = IS_UNABLE + TURN + r"[\p{L}\p{N}]"
OFFERED = IS_UNABLE + TURN + "(?:" + "|".join(OFFERS) + ")"


def refusals(captions: pa.Array) -> Bools:
    """Which of N captions (string, no nulls) begin as a model does that declines."""
    declined, unable, goes_on, offered = (
        matches(captions, pattern, ignore_case=True)
        for pattern in (DECLINED, IS_UNABLE, GOES_ON, OFFERED)
    )
    return declined | unable & (~goes_on | offered)


def matches(captions: pa.Array, pattern: str, ignore_case: bool = False) -> Bools:
    """Which of N captions a pattern of RE2 is found in."""
    found = pc.match_substring_regex(captions, pattern, ignore_case=ignore_case)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
