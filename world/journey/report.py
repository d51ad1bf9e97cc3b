"""Print a journey: a table of its steps for people, one object for programs."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from world.journey.evidence import Expectation, Result
from world.terminal import Paint, padded, wrapped

_MARK_COLUMNS: Final = 6
_NAME_COLUMNS: Final = 34
_MARGIN: Final = _MARK_COLUMNS + _NAME_COLUMNS + 11
_FACT_COLUMNS: Final = 80


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """A whole journey."""

    seed: int
    passed: bool
    seconds: float
    steps: list[Result]


def heading(paint: Paint) -> list[str]:
    """Head the table."""
    head = f"{'':>{_MARK_COLUMNS}}{padded('step', _NAME_COLUMNS)}  {'time':>7}  what was seen"
    return [paint.bold(head), paint.dim("─" * (_MARGIN + _FACT_COLUMNS))]


def lines(number: int, result: Result, paint: Paint) -> list[str]:
    """Lay out one step: its facts, then what it expected and did not see."""
    mark = paint.good("✔") if result.passed else paint.bad("✘")
    facts = wrapped(" · ".join(_fact(*item) for item in result.facts.items()), _FACT_COLUMNS)
    title = padded(result.title, _NAME_COLUMNS)
    out = [f"{mark} {number:>2}  {title}  {result.seconds:>6.1f}s  {facts[0]}"]
    below = list(facts[1:])
    kept = sum(expectation.holds for expectation in result.expectations)
    told = f"{kept} of {len(result.expectations)} expectations held"
    below.append(paint.dim(told) if result.passed else paint.bad(told))
    missed = [expectation for expectation in result.expectations if not expectation.holds]
    below += [paint.bad(line) for expectation in missed for line in _miss(expectation)]
    below += [paint.bad(line) for line in (result.error or "").splitlines()]
    return out + [" " * _MARGIN + line for line in below]


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
