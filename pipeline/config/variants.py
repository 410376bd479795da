"""A head with its settings, as something that can be trained; rows of an ablation as such."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from pipeline.config.encoders import Features
from pipeline.config.heads import Heads, head_settings
from pipeline.config.section import Name, Section, Share
from pipeline.config.training import Train
from pipeline.errors import UserError

Changes = Annotated[dict[str, Any], Field(default={})]


class Row(Section):
    """A row of a table: a head, and what is changed of it, of its input, of its training.

    `published` is the frame AUC that a paper gives for the row, by the name of the dataset; it
    is shown beside ours and decides nothing.
    """

    head: Name = "refinevad"
    settings: Changes
    features: Changes
    train: Changes
    published: Annotated[dict[Name, Share], Field(default={})]


class Ablation(Section):
    """Rows by the names that the table shows, for the datasets named.

    `reference` names the row that the others are compared with.
    """

    datasets: list[Name]
    reference: str
    rows: dict[str, Row]


@dataclass(frozen=True)
class Variant:
    """All settings that decide what is trained, but not on what: `settings` are those of `head`."""

    name: str
    head: str
    settings: Section
    features: Features
    train: Train

    def identity(self) -> dict[str, Any]:
        """The settings as plain values; the name decides nothing."""
        return {
            "head": self.head,
            "settings": self.settings.model_dump(),
            "features": self.features.model_dump(),
            "train": self.train.model_dump(),
        }


def of_head(name: str, heads: Heads, features: Features, train: Train) -> Variant:
    """A head as `params.yaml` has it."""
    return Variant(name, name, getattr(heads, name), features, train)


def of_row(name: str, row: Row, heads: Heads, features: Features, train: Train) -> Variant:
    """A row of the ablation; raises `UserError` naming the row and what is wrong in it."""
    if row.head not in Heads.model_fields:
        known = ", ".join(Heads.model_fields)
        raise UserError(f"rows: {name}: there is no head '{row.head}' (known: {known})")
    settings = _changed(getattr(heads, row.head).model_dump(), row.settings)
    try:
        return Variant(
            name,
            row.head,
            head_settings(row.head, settings),
            Features.model_validate(_changed(features.model_dump(), row.features)),
            Train.model_validate(_changed(train.model_dump(), row.train)),
        )
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UserError(
            f"rows: {name}: {where}: {problem['msg']}, found {problem['input']!r}"
        ) from None


def modalities_of(first: Features, variants: Sequence[Variant]) -> list[str]:
    """All modalities that any of the variants reads, after those of `first`, each once."""
    named = [*first.modalities, *(name for own in variants for name in own.features.modalities)]
    return [str(name) for name in dict.fromkeys(named)]


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with those of `changes` in their place, sections within sections too."""
    result = dict(values)
    for key, change in changes.items():
        old = values.get(key)
        if isinstance(change, Mapping) and isinstance(old, Mapping):
            result[key] = _changed(old, change)
        else:
            result[key] = change
    return result
