"""Print a journey: a table of its steps for people, one object for programs."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from world.journey.evidence import Expectation, Result
from world.terminal import Paint, padded, wrapped

_MARK_COLUMNS: Final = 6
_NAME_COLUMNS: Final = 36
_TIME_COLUMNS: Final = 7
_CHECK_COLUMNS: Final = 7
_MARGIN: Final = _MARK_COLUMNS + _NAME_COLUMNS + 2 + _TIME_COLUMNS + 2 + _CHECK_COLUMNS + 2
_FACT_COLUMNS: Final = 74


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """A whole journey."""

    seed: int
    passed: bool
    seconds: float
    steps: list[Result]


def heading(paint: Paint) -> list[str]:
    """Head the table."""
    head = (
        f"{'':{_MARK_COLUMNS}}{padded('step', _NAME_COLUMNS)}  {'time':>{_TIME_COLUMNS}}"
        f"  {'held':>{_CHECK_COLUMNS}}  what was seen"
    )
    return [paint.bold(head), paint.dim("─" * (_MARGIN + _FACT_COLUMNS))]


def act(title: str, paint: Paint) -> str:
    """Head the steps of an act."""
    return f"\n{' ' * _MARK_COLUMNS}{paint.bold(title)}\n"


def lines(number: int, result: Result, paint: Paint) -> list[str]:
    """Lay out one step: how many expectations held, its facts, and what was not so."""
    mark = paint.good("✔") if result.passed else paint.bad("✘")
    facts = wrapped(" · ".join(_fact(*item) for item in result.facts.items()), _FACT_COLUMNS)
    missed = [expectation for expectation in result.expectations if not expectation.holds]
    kept = f"{len(result.expectations) - len(missed)}/{len(result.expectations)}"
    kept = f"{kept:>{_CHECK_COLUMNS}}"
    first = (
        f"{mark} {number:>2}  {padded(result.title, _NAME_COLUMNS)}"
        f"  {result.seconds:>{_TIME_COLUMNS - 1}.1f}s"
        f"  {paint.bad(kept) if missed else paint.dim(kept)}  {facts[0]}"
    )
    below = list(facts[1:])
    below += [paint.bad(line) for expectation in missed for line in _miss(expectation)]
    below += [paint.bad(line) for line in (result.error or "").splitlines()]
    return [first.rstrip(), *(" " * _MARGIN + line for line in below)]


def as_json(journey: Journey) -> str:
    """Write the journey as one object."""
    written = msgspec.json.encode(journey, enc_hook=str)
    return msgspec.json.format(written, indent=2).decode()


def closing(journey: Journey, paint: Paint) -> str:
    """Say how it went in one line."""
    passed = sum(step.passed for step in journey.steps)
    told = f"{passed} of {len(journey.steps)} steps passed in {journey.seconds:.1f} s"
    return paint.good(told) if journey.passed else paint.bad(told)


def _fact(name: str, value: Any) -> str:
    """Write one fact: the name as words, numbers in groups of three."""
    return f"{name.replace('_', ' ')} {_shown(value)}"


def _shown(value: Any) -> str:
    """Write a value for a reader."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}"
        case dict():
            return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(_shown(item) for item in value)
        case _:
            return str(value)


def _miss(expectation: Expectation) -> Iterable[str]:
    """Say what was expected and what came."""
    yield f"not so: {expectation.claim}"
    if expectation.wanted is not None:
        yield f"  wanted {expectation.wanted!r:.200}"
    yield f"  seen   {expectation.seen!r:.200}"
