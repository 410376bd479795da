"""How heads are optimised."""

from typing import Annotated

from pydantic import Field

from pipeline.config.section import Count, Positive, Section


class Train(Section):
    """Optimisation; half of each batch is normal, half abnormal.

    `patience`: epochs without a better validation score after which training stops; null: never.
    """

    epochs: Count
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)]
    lr: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    clip_grad_norm: Positive
    threads: Count
    patience: Count | None = None
