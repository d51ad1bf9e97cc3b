"""Rules as data: which leads get which tags at birth (S42), and which are junk (S39). Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.kit.errors import Invalid
from server.kit.text import PRINTABLE, clean

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]


class Field(StrEnum):
    """What of a lead a rule looks at."""

    NAME = "name"
    NEED = "need"
    CITY = "city"
    DISTRICT = "district"
    INDUSTRY = "industry"
    SOURCE = "source"
    """The source's name, and those of all above it."""
    CAMPAIGN = "campaign"
    PATH = "path"
    AMOUNT = "amount"
    """In yuan."""


class Op(StrEnum):
    """How it is compared."""

    IS = "is"
    """One of the words."""
    CONTAINS = "contains"
    """Has one of the words in it."""
    AT_LEAST = "at_least"
    """A number as great as the word, or greater."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked of a lead."""

    field: Field
    op: Op = Op.IS
    words: Annotated[list[Word], msgspec.Meta(min_length=1, max_length=100)]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Where all conditions hold, the lead gets the tags; or it is junk."""

    name: Word
    when: Annotated[list[Condition], msgspec.Meta(min_length=1, max_length=10)]
    tags: Annotated[list[UUID], msgspec.Meta(max_length=20)] = []
    is_junk: bool = False


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of a company in one version."""

    version: int = 0
    rules: Annotated[list[Rule], msgspec.Meta(max_length=100)] = []


class BadRule(Invalid):
    """A rule asks for what no lead can be asked."""

    code = "bad_rule"


Facts = Mapping[Field, Sequence[str]]
"""What of a lead is looked at: for each field its words, cleaned and in lower case."""

BUILT_IN: Final = RuleSet(
    version=0,
    rules=[
        Rule(
            name="test",
            when=[
                Condition(field=Field.NAME, op=Op.CONTAINS, words=["测试", "test", "asdf", "qwer"])
            ],
            is_junk=True,
        ),
        Rule(
            name="nothing",
            when=[Condition(field=Field.NAME, words=["无", "暂无", "1", "11", "111", "aaa", "x"])],
            is_junk=True,
        ),
    ],
)
"""What every company begins with."""


class Tagged(msgspec.Struct, frozen=True):
    """What the rules say of one lead."""

    tags: tuple[str, ...]
    junk_rule: str | None = None


def tag(rules: RuleSet, facts: Facts) -> Tagged:
    """Apply all rules; the first that calls the lead junk is named."""
    tags: set[str] = set()
    junk: str | None = None
    for rule in rules.rules:
        if all(_holds(condition, facts.get(condition.field, ())) for condition in rule.when):
            tags.update(map(str, rule.tags))
            junk = junk or (rule.name if rule.is_junk else None)
    return Tagged(tuple(sorted(tags)), junk)


def _holds(condition: Condition, values: Sequence[str]) -> bool:
    """Say whether one of a lead's words is what a condition asks for."""
    match condition.op:
        case Op.IS:
            wanted = {word_of(word) for word in condition.words}
            return any(value in wanted for value in values)
        case Op.CONTAINS:
            parts = [word_of(word) for word in condition.words]
            return any(part in value for value in values for part in parts)
        case Op.AT_LEAST:
            least = min(float(word) for word in condition.words)
            return any(float(value) >= least for value in values)


def word_of(text: str) -> str:
    """Give a word as it is compared."""
    return clean(text).casefold()


def ensure_rules(rules: Sequence[Rule]) -> None:
    """Refuse rules that compare what cannot be compared.

    :raises BadRule: naming the rule.
    """
    for number, rule in enumerate(rules):
        for condition in rule.when:
            if condition.op is not Op.AT_LEAST:
                continue
            is_number = all(_is_number(word) for word in condition.words)
            if condition.field is not Field.AMOUNT or not is_number:
                raise BadRule(
                    "`at_least` compares the amount with a number of yuan.",
                    field=f"rules[{number}]",
                )


def _is_number(word: str) -> bool:
    """Say whether a word is a plain number."""
    return word.replace(".", "", 1).isdecimal() and word.isascii()
