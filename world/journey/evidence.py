"""What a step of the journey saw, and whether that is what should be."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec


class Expectation(msgspec.Struct, frozen=True):
    """One thing that should be so."""

    claim: str
    seen: Any
    wanted: Any
    holds: bool


class Evidence:
    """Collects what a step sees. Facts are for the reader; expectations decide."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.expectations: list[Expectation] = []

    def note(self, **facts: Any) -> None:
        """Write down what was seen."""
        self.facts.update(facts)

    def expect(self, claim: str, seen: Any, wanted: Any) -> None:
        """Expect that what was seen is what was wanted."""
        self.expectations.append(Expectation(claim, seen, wanted, seen == wanted))

    def expect_that(self, claim: str, *, holds: bool, seen: Any = None) -> None:
        """Expect that a claim holds; what was seen is told to the reader."""
        self.expectations.append(Expectation(claim, seen, wanted=None, holds=holds))


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a step went."""

    name: str
    title: str
    passed: bool
    seconds: float
    facts: dict[str, Any]
    expectations: list[Expectation]
    error: str | None = None


Run = Callable[[Evidence], Awaitable[None]]


async def take(name: str, title: str, run: Run) -> Result:
    """Take a step: what it raises makes it fail, and is told."""
    found = Evidence()
    started = time.monotonic()
    error = None
    try:
        await run(found)
    # Whatever goes wrong is the step's failure, and the reader's to know.
    except Exception as failure:  # noqa: BLE001 - see above
        error = f"{type(failure).__name__}: {failure}"
    return Result(
        name=name,
        title=title,
        passed=error is None
        and bool(found.expectations)
        and all(expectation.holds for expectation in found.expectations),
        seconds=round(time.monotonic() - started, 2),
        facts=found.facts,
        expectations=found.expectations,
        error=error,
    )
