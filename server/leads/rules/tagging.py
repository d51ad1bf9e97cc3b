"""Rules as data: which leads get which tags at birth (S42), and which are junk (S39). Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.kit.errors import Invalid
from server.kit.text import PRINTABLE, clean

_WORD_MAX: Final = 100
WORDS_MAX: Final = 2_000
"""Words of all rules of a company together: each lead is held against every one."""
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=_WORD_MAX, pattern=PRINTABLE)]


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
            name="测试数据",
            when=[
                Condition(field=Field.NAME, op=Op.CONTAINS, words=["测试", "test", "asdf", "qwer"])
            ],
            is_junk=True,
        ),
        Rule(
            name="没有写名称",
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


class Question(msgspec.Struct, frozen=True):
    """A condition whose words are as they are compared."""

    field: Field
    op: Op
    words: frozenset[str]
    least: float = 0.0


class Matcher(msgspec.Struct, frozen=True):
    """A company's rules, made ready once for many leads."""

    version: int
    rules: tuple[tuple[Rule, tuple[Question, ...]], ...]
    parts: Mapping[Field, frozenset[str]]
    """What is looked for inside each field, by all rules together."""


def made_ready(rules: RuleSet) -> Matcher:
    """Bring the rules' words into the form in which they are compared, each once."""
    asked = tuple((rule, tuple(map(_question, rule.when))) for rule in rules.rules)
    parts: dict[Field, frozenset[str]] = {}
    for _, questions in asked:
        for question in questions:
            if question.op is Op.CONTAINS:
                parts[question.field] = parts.get(question.field, frozenset()) | question.words
    return Matcher(rules.version, asked, parts)


def _question(condition: Condition) -> Question:
    """Make one condition ready."""
    if condition.op is Op.AT_LEAST:
        least = min(float(word) for word in condition.words)
        return Question(condition.field, condition.op, frozenset(), least)
    words = frozenset(word_of(word) for word in condition.words)
    return Question(condition.field, condition.op, words)


def tag(matcher: Matcher, facts: Facts) -> Tagged:
    """Apply all rules; the first that calls the lead junk is named.

    Each word of the rules is looked for once in each field that asks for it.
    """
    inside = {
        field: {part for part in parts if any(part in value for value in facts.get(field, ()))}
        for field, parts in matcher.parts.items()
    }
    tags: set[str] = set()
    junk: str | None = None
    for rule, questions in matcher.rules:
        if all(_holds(each, facts.get(each.field, ()), inside) for each in questions):
            tags.update(map(str, rule.tags))
            junk = junk or (rule.name if rule.is_junk else None)
    return Tagged(tuple(sorted(tags)), junk)


def _holds(
    question: Question, values: Sequence[str], inside: Mapping[Field, AbstractSet[str]]
) -> bool:
    """Say whether one of a lead's words is what a condition asks for."""
    match question.op:
        case Op.IS:
            return not question.words.isdisjoint(values)
        case Op.CONTAINS:
            return not question.words.isdisjoint(inside[question.field])
        case Op.AT_LEAST:
            return any(float(value) >= question.least for value in values)


def word_of(text: str) -> str:
    """Give a word as it is compared."""
    return clean(text).casefold()


def ensure_rules(rules: Sequence[Rule]) -> None:
    """Refuse rules that compare what cannot be compared, or too much.

    :raises BadRule: naming the rule, or with all rules' words what is too much.
    """
    words = sum(len(condition.words) for rule in rules for condition in rule.when)
    if words > WORDS_MAX:
        raise BadRule(f"The rules have {words} words together; keep to {WORDS_MAX}.", field="rules")
    for number, rule in enumerate(rules):
        for condition in rule.when:
            _ensure_condition(condition, f"rules[{number}]")


def _ensure_condition(condition: Condition, place: str) -> None:
    """Refuse a condition whose words cannot be compared."""
    # What is one character as it was typed may be eighteen as it is compared, or none.
    if any(not 0 < len(word_of(word)) <= _WORD_MAX for word in condition.words):
        raise BadRule(f"A word has 1 to {_WORD_MAX} characters, as it is compared.", field=place)
    if condition.op is not Op.AT_LEAST:
        return
    if condition.field is not Field.AMOUNT or not all(map(_is_number, condition.words)):
        raise BadRule("`at_least` compares the amount with a number of yuan.", field=place)


def _is_number(word: str) -> bool:
    """Say whether a word is a plain number."""
    return word.replace(".", "", 1).isdecimal() and word.isascii()
