"""What a metric's result is, while resamples are still beside it."""

import numpy as np

from pipeline.metrics.scored import Floats, Undefined

Name = tuple[str, ...]  # where the metric stands in metrics.json
Values = Floats | Undefined  # the plain value, then one for each resample (1 + R,)


def or_reason(values: Floats, what: str, positive: Floats, negative: Floats) -> Values:
    """The values, or why the plain one is no number: `what` has no positives or no negatives.

    `positive` and `negative`: how many abnormal and normal ones there are, in any breakdown.
    """
    if not np.isnan(values[0]):
        return values
    if not positive.any() and not negative.any():
        return Undefined(f"{what}: none there")
    return Undefined(f"{what}: all {'abnormal' if positive.any() else 'normal'}")
