"""A metric's values, or why there is none."""

import numpy as np
import pytest

from pipeline.metrics.scored import Undefined
from pipeline.metrics.values import or_reason

NONE, SOME = np.zeros(3), np.array([0.0, 2.0, 0.0])


@pytest.mark.parametrize(
    ("positive", "negative", "why"),
    [(NONE, NONE, "none there"), (SOME, NONE, "all abnormal"), (NONE, SOME, "all normal")],
)
def test_the_reason_says_what_there_is(
    positive: np.ndarray, negative: np.ndarray, why: str
) -> None:
    values = np.array([np.nan, 0.5])
    assert or_reason(values, "frames", positive, negative) == Undefined(f"frames: {why}")


def test_values_are_kept_where_the_plain_one_is_a_number() -> None:
    values = np.array([0.5, np.nan])
    assert or_reason(values, "frames", SOME, SOME) is values
