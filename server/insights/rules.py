"""Decide what may be counted and summed, and by what. Pure.

What may be asked is a list: dimensions and measures that are not on it do not exist. No dimension
is a person, a name, a phone, an address or a remark. Some dimensions are words that people type
(a city, an industry, a source, a tag): anything could stand there, so such a word is told where it
is plainly a word of the company's language, and goes under `OTHER` where it is not.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from server.kit.errors import Invalid

OTHER: Final = "*"
"""Stands for all words that are not told."""
NONE: Final = ""
"""Stands for records that say nothing there."""
WORD_CUSTOMERS_MIN: Final = 5
"""A word that people type is told when so many of the company's customers carry it."""
_DIGITS_MAX: Final = 4
"""A word with more digits than this may be a phone or a number of somebody's."""
DIMENSIONS_MAX: Final = 2
MEASURES_MAX: Final = 4
CELLS_MAX: Final = 5_000


class Subject(StrEnum):
    """What is counted."""

    CUSTOMERS = "customers"
    DEALS = "deals"
    MOVES = "moves"
    """Moves of deals out of a stage."""


class Reading(StrEnum):
    """How a value of a dimension is read."""

    FIXED = "fixed"
    """One of a list that the product knows, or a month."""
    WORD = "word"
    """Something that people type."""
    TAG = "tag"
    """The id of a tag, whose name people type."""
    TEAM = "team"
    """The id of a team."""
    STAGE = "stage"
    """A stage of a version of a process, told as the platform's stage."""


class Dimension(msgspec.Struct, frozen=True):
    """Something by which records are told apart."""

    sql: str
    """A text: the value of customer ``c``, deal ``o``, move ``m``."""
    reading: Reading = Reading.FIXED
    joins: str = ""
    """What it takes to have a row for each value."""
    holds: str = ""
    """Whether a record has any of the values ``{}``, where `sql` alone does not say."""


class Measure(msgspec.Struct, frozen=True):
    """A figure over the records of a cell; parts of a cell add up."""

    sql: str
    per: str = ""
    """Of an average: what the sum is divided by, rounded down."""


class Counted(msgspec.Struct, frozen=True):
    """What may be asked of a subject."""

    source: str
    """Tables and conditions but for the customer's own."""
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]


def _month(moment: str) -> str:
    """Give the month of a time where the company works."""
    return f"coalesce(to_char({moment} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM'), '')"


_OF_CUSTOMER: Final[Mapping[str, Dimension]] = {
    "status": Dimension("coalesce(c.status, 'potential')"),
    "level": Dimension("coalesce(c.level, '')"),
    "team": Dimension("coalesce(c.team_id::text, '')", Reading.TEAM),
    "source": Dimension("coalesce(c.source, '')", Reading.WORD),
    "city": Dimension("coalesce(c.city, '')", Reading.WORD),
    "industry": Dimension("coalesce(c.industry, '')", Reading.WORD),
    "tag": Dimension(
        "coalesce(tagged.id, '')",
        Reading.TAG,
        joins="LEFT JOIN LATERAL jsonb_array_elements_text(c.tags) AS tagged(id) ON TRUE",
        holds="CASE WHEN jsonb_array_length(c.tags) > 0"
        " THEN ARRAY(SELECT jsonb_array_elements_text(c.tags)) ELSE ARRAY[''] END && ({})",
    ),
}
_STAGE: Final = "coalesce(o.process_id::text, '') || '/' || "
_DEALS: Final = (
    "opportunity o JOIN customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id"
)
COUNTED: Final[Mapping[Subject, Counted]] = {
    Subject.CUSTOMERS: Counted(
        "customer c",
        {**_OF_CUSTOMER, "month": Dimension(_month("c.created_at"))},
        {
            "customers": Measure("count(*)"),
            "expected_minor": Measure("sum(c.expected_revenue_minor)"),
        },
    ),
    Subject.DEALS: Counted(
        _DEALS,
        {
            "stage": Dimension(f"{_STAGE}o.stage", Reading.STAGE),
            "state": Dimension("o.state"),
            "lost_reason": Dimension("coalesce(o.lost_reason, '')"),
            **_OF_CUSTOMER,
            "month": Dimension("coalesce(left(o.expected_on, 7), '')"),
            "closed_month": Dimension(_month("o.closed_at")),
        },
        {
            "deals": Measure("count(*)"),
            "amount_minor": Measure("sum(o.amount_minor)"),
            "won": Measure("count(*) FILTER (WHERE o.state = 'won')"),
            "won_minor": Measure("sum(o.amount_minor) FILTER (WHERE o.state = 'won')"),
        },
    ),
    Subject.MOVES: Counted(
        "opportunity_move m JOIN opportunity o ON o.tenant_id = m.tenant_id"
        " AND o.id = m.opportunity_id AND m.verb <> 'import'"
        f" JOIN {_DEALS.removeprefix('opportunity o JOIN ')}",
        {
            "stage": Dimension(f"{_STAGE}m.from_stage", Reading.STAGE),
            "state": Dimension("m.state"),
            **_OF_CUSTOMER,
            "month": Dimension(_month("m.moved_at")),
        },
        {
            "moves": Measure("count(*)"),
            "hours_in_stage": Measure("sum(m.stayed_ms) / 3600000", per="count(*)"),
        },
    ),
}
"""All that may be asked. A stage is where a deal stands, or for a move the one that it left."""


class NotCounted(Invalid):
    """There is no such dimension, measure or value."""

    code = "not_counted"


def ensure_asked(
    subject: Subject, by: Iterable[str], measures: Iterable[str], filters: Iterable[str]
) -> None:
    """Refuse what is not on the list.

    :raises NotCounted: naming the field.
    """
    counted = COUNTED[subject]
    for field, names, known in (
        ("by", by, counted.dimensions),
        ("measures", measures, counted.measures),
        ("filters", filters, counted.dimensions),
    ):
        if strange := sorted(set(names) - set(known)):
            raise NotCounted(
                f"{subject} are not known by {', '.join(strange)[:60]}; choose of "
                f"{', '.join(sorted(known))}.",
                field=field,
            )


def is_told(word: str, customers: int) -> bool:
    """Say whether a word that people type may stand in an answer.

    :param customers: how many of the company's customers carry it.
    """
    digits = sum(sign.isdigit() for sign in word)
    return customers >= WORD_CUSTOMERS_MIN and digits <= _DIGITS_MAX and "@" not in word


class Vocabulary(msgspec.Struct, frozen=True):
    """How the values of a dimension are read: which are told, and what they are called."""

    labels: Mapping[str, str] | None = None
    """Each value that is told, and its name; None where the product knows all of them."""
    told: Mapping[str, str] = {}
    """What is told for a value of the database, where it is not the value itself."""

    def value(self, raw: str) -> str:
        """Give the value that is told for one of the database."""
        value = self.told.get(raw, raw)
        return value if value == NONE or self._knows(value) else OTHER

    def label(self, value: str) -> str:
        """Give what a value is called; empty where the product's own words call it."""
        return (self.labels or {}).get(value, "")

    def held(self, values: Iterable[str]) -> list[str]:
        """Give the values of the database that are meant by values told.

        :raises NotCounted: one is not told; whether any record has it is not said.
        """
        wanted = set(values)
        if not all(value == NONE or self._knows(value) for value in wanted):
            raise NotCounted("There is no such value to narrow by.", field="filters")
        return sorted(raw for raw, value in self.told.items() if value in wanted) or sorted(wanted)

    def _knows(self, value: str) -> bool:
        """Say whether a value is one that is told."""
        return self.labels is None or value in self.labels


class Sums(msgspec.Struct):
    """The figures of one cell while they are added up."""

    values: list[int]
    per: list[int]

    def add(self, other: "Sums") -> None:
        """Add the figures of another part of the cell."""
        self.values = [one + two for one, two in zip(self.values, other.values, strict=True)]
        self.per = [one + two for one, two in zip(self.per, other.per, strict=True)]


def added(parts: Iterable[tuple[tuple[str, ...], Sums]]) -> dict[tuple[str, ...], Sums]:
    """Add parts of the same cell up; they were apart before their values were read."""
    cells: dict[tuple[str, ...], Sums] = {}
    for keys, sums in parts:
        if keys in cells:
            cells[keys].add(sums)
        else:
            cells[keys] = sums
    return cells


def figures(sums: Sums, measures: Iterable[Measure]) -> list[int]:
    """Give the figures of a cell: sums as they are, averages divided, nothing where there is none.

    >>> figures(Sums([7], [2]), [Measure("sum(x)", per="count(*)")])
    [3]
    """
    return [
        value if not measure.per else (value // per if per else 0)
        for measure, value, per in zip(measures, sums.values, sums.per, strict=True)
    ]
