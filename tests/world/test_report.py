"""A journey tells what it saw, and fails when anything was not so."""

import io
import json

from world.journey import report
from world.journey.evidence import Evidence, take
from world.terminal import Paint

_PLAIN = Paint(io.StringIO())


async def _keeps_its_word(found: Evidence) -> None:
    found.note(rows=2000, by_kind={"good": 1920})
    found.expect("all rows are accounted for", 2000, 2000)


async def test_a_step_that_saw_what_it_expected_passes() -> None:
    result = await take("rows", "Rows are read", _keeps_its_word)

    assert result.passed
    assert "rows 2,000 · by kind good 1,920" in "\n".join(report.lines(1, result, _PLAIN))


async def test_a_step_that_saw_something_else_fails_and_says_what() -> None:
    async def loses_rows(found: Evidence) -> None:
        found.expect("all rows are accounted for", 1999, 2000)

    result = await take("rows", "Rows are read", loses_rows)

    told = "\n".join(report.lines(1, result, _PLAIN))
    assert not result.passed
    assert "not so: all rows are accounted for" in told
    assert "wanted 2000" in told
    assert "seen   1999" in told


async def test_a_step_that_breaks_fails_with_its_error() -> None:
    async def breaks(_: Evidence) -> None:
        raise LookupError("nobody there")

    result = await take("people", "People are there", breaks)

    assert not result.passed
    assert result.error == "LookupError: nobody there"


async def test_a_step_that_expects_nothing_does_not_pass() -> None:
    async def sleeps(found: Evidence) -> None:
        found.note(anything=1)

    assert not (await take("nothing", "Nothing is shown", sleeps)).passed


async def test_a_journey_is_one_object_for_programs() -> None:
    step = await take("rows", "Rows are read", _keeps_its_word)
    journey = report.Journey(seed=1, passed=True, seconds=1.5, steps=[step])

    read = json.loads(report.as_json(journey))

    assert read["passed"] is True
    assert read["steps"][0]["expectations"][0] == {
        "claim": "all rows are accounted for",
        "seen": 2000,
        "wanted": 2000,
        "holds": True,
    }
