"""What analyses are over HTTP and to the portal."""

from typing import Annotated

import msgspec

from server.insights.rules import DIMENSIONS_MAX, MEASURES_MAX, NONE, OTHER, Subject
from server.kit.text import Str

__all__ = ["NONE", "OTHER", "Analysis", "Askable", "Cell", "Key", "NewAnalysis", "Subject"]

Month = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-(0[1-9]|1[0-2])\Z")]
Values = Annotated[list[Str], msgspec.Meta(min_length=1, max_length=100)]


class Askable(msgspec.Struct, frozen=True):
    """What may be asked of one subject."""

    subject: Subject
    dimensions: list[str]
    measures: list[str]


class NewAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """A question for figures."""

    subject: Subject
    by: Annotated[list[Str], msgspec.Meta(min_length=1, max_length=DIMENSIONS_MAX)]
    """Dimensions: the first gives rows, the second columns."""
    measures: Annotated[list[Str], msgspec.Meta(min_length=1, max_length=MEASURES_MAX)]
    filters: Annotated[dict[Str, Values], msgspec.Meta(max_length=6)] = {}
    """Dimension to the values of which a record has one, as `Key` writes them."""
    since: Month | None = None
    """The first month of dimension ``month``, and in `until` the last one."""
    until: Month | None = None


class Key(msgspec.Struct, frozen=True, order=True):
    """One value of a dimension."""

    value: str
    """By which one filters: a word of the product, a month, an id of a team or tag; empty where
    records say nothing, ``*`` for words that are not told."""
    label: str
    """What it is called; empty where the product's own words call it."""


class Cell(msgspec.Struct, frozen=True):
    """The figures of the records that share the values of the dimensions."""

    keys: list[Key]
    figures: list[int]
    """In the order of the measures: counts, amounts in fen, whole hours."""


class Analysis(msgspec.Struct, frozen=True):
    """Figures, cell by cell, in the order of their keys."""

    by: list[str]
    measures: list[str]
    cells: list[Cell]
    totals: list[int]
    """Over every record of the question, each once: one with two tags stands in two cells."""
    is_cut: bool
    """Whether there are more cells than an answer holds."""
