"""A compared file is taken back, and what is settled is so by its own agent's transfers."""

import asyncio
import contextvars
from datetime import date
from typing import Any

import asyncpg
import msgspec
import pytest

from billing.reconciliation import queries, service
from billing.reconciliation.rules.findings import Cause, Kind, Terms
from billing.reconciliation.schemas import (
    ExceptionNotFound,
    ExceptionOutcome,
    FileAwaited,
    FileGivenUp,
    FileGoneBy,
    FileNotCompared,
    FileSentTwice,
    FileSettled,
    FileState,
    Resolution,
)
from billing.reconciliation.tables import ReconFile
from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR
from tests.billing.reconciliation.stories import (
    Story,
    a_file,
    breaks,
    brought_in,
    compare,
    compared,
    extract,
    opened,
    platform,
)
from tests.factories import NOW, Tenant, new_id

_TAKEN_BACK = "UPDATE recon_file SET state = 'withdrawn' WHERE id = {}"
_BEGUN = "UPDATE recon_file SET extracted_at = {} WHERE id = {}"
_GROUP = "SELECT group_id FROM ledger_transfer WHERE id = {}"
_WAITED_FOR = """
SELECT count(DISTINCT pid) AS count FROM pg_locks
WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
"""


async def waited_for(count: int) -> None:
    """Go on when so many wait for this transaction."""
    async with asyncio.timeout(10):
        while (await ReconFile.raw(_WAITED_FOR))[0]["count"] < count:
            pass


async def test_a_file_that_was_given_up_comes_again_under_an_id_of_its_own(story: Story) -> None:
    for give_up in (service.withdraw, service.fail):
        new = a_file(story, [story.row(2, 0)])
        await opened(new)
        await platform(give_up, new.id)

        for sent in (new, a_file(story, [story.row(2, 1)], id=new.id)):
            with pytest.raises(FileGivenUp):
                await opened(sent)
        again = await opened(msgspec.structs.replace(new, id=new_id()))
        await platform(service.withdraw, again.id)


async def test_a_file_of_the_wrong_month_is_taken_back_and_comes_again_for_its_own(
    story: Story,
) -> None:
    rows = [story.row(2, 0), story.row(3, 1, "1.50"), story.row(4, 2)]
    wrong = await compared(story, rows, date(2026, 2, 1))
    again = a_file(story, rows)
    with pytest.raises(FileSentTwice):
        await opened(again)
    told = await breaks(wrong)

    taken, same = [await platform(service.take_back, wrong.file.id, Terms()) for _ in range(2)]

    assert (told[0].kind, taken.state, same) == (Kind.AMOUNT_DIFFERS, FileState.WITHDRAWN, taken)
    assert await breaks(wrong) == await platform(queries.sides, wrong.file.id) == []
    await opened(again)
    await platform(service.add_rows, again.id, rows, after=0)
    right = await compare(again.id)
    assert (right.matches, right.exceptions) == (2, {Kind.AMOUNT_DIFFERS: 1})
    # Nobody says any more what came of what counts no more.
    said = Resolution(outcome=ExceptionOutcome.ACCEPTED, note="双方同意")
    by: dict[str, Any] = {"actor_id": OPERATOR.user_id, "now": NOW}
    with pytest.raises(ExceptionNotFound):
        await platform(service.resolve, told[0].id, said, **by)
    assert await platform(service.resolve_many, [told[0].id], said, **by) == set()


async def test_only_a_compared_file_of_which_nothing_is_settled_is_taken_back(
    story: Story,
) -> None:
    found = await compared(story, [story.row(2, 0), story.row(3, 1, "1.50")])
    other = await brought_in(story, [story.row(2, 2)])
    with pytest.raises(FileNotCompared):
        await platform(service.take_back, other, Terms())
    await extract(other)
    await platform(service.begin, other, now=NOW)

    # What is being compared goes by what the others have.
    with pytest.raises(FileAwaited):
        await platform(service.take_back, found.file.id, Terms())
    await compare(other)
    amount, _ = await breaks(found)
    said = Resolution(outcome=ExceptionOutcome.ACCEPTED, note="双方同意")
    await platform(service.resolve, amount.id, said, actor_id=OPERATOR.user_id, now=NOW)
    with pytest.raises(FileSettled):
        await platform(service.take_back, found.file.id, Terms())
    with pytest.raises(asyncpg.RestrictViolationError):
        await platform(ReconFile.raw, _TAKEN_BACK, found.file.id)
    with pytest.raises(asyncpg.RestrictViolationError):
        await platform(ReconFile.raw, _BEGUN, NOW, other)

    assert (await platform(queries.file, found.file.id)).state is FileState.COMPARED


async def test_what_a_later_file_goes_by_is_taken_back_after_that_one(story: Story) -> None:
    """Else it would say of a benefit that another file has it, and of what it lacks nothing."""
    rows = [story.row(2, 0), story.row(3, 1), story.row(4, 2)]
    april = date(2026, 4, 1)
    first = await compared(story, rows)
    after = await compared(story, [story.row(2, 0, day="2026-04-20")], april)
    later = await compared(story, rows[:2])
    assert await platform(queries.kinds, later.file.id) == {Kind.DUPLICATE_THERE: 2}
    assert {each.cause for each in await breaks(later)} == {Cause.MATCHED_BEFORE}

    with pytest.raises(FileGoneBy):
        await platform(service.take_back, first.file.id, Terms())
    # The month after has none of what was matched: nothing it says goes by that.
    for each in (later, first):
        taken = await platform(service.take_back, each.file.id, Terms())
        assert taken.state is FileState.WITHDRAWN

    assert (await platform(queries.file, after.file.id)).state is FileState.COMPARED
    again = a_file(story, rows[:2])
    await opened(again)
    await platform(service.add_rows, again.id, rows[:2], after=0)
    right = await compare(again.id)
    assert (right.matches, right.exceptions) == (2, {Kind.MISSING_THERE: 1})


async def test_what_is_settled_and_taken_back_at_once_is_one_of_both(story: Story) -> None:
    found = await compared(story, [story.row(2, 0, "1.50"), story.row(3, 1), story.row(4, 2)])
    [amount] = await breaks(found)
    said = Resolution(outcome=ExceptionOutcome.ACCEPTED, note="双方同意")
    by: dict[str, Any] = {"actor_id": OPERATOR.user_id, "now": NOW}
    outside = contextvars.copy_context()
    async with db.platform_transaction(OPERATOR):
        await service.take_back(found.file.id, Terms())
        late, many = (
            asyncio.create_task(platform(work, about, said, **by), context=outside.copy())
            for work, about in (
                (service.resolve, amount.id),
                (service.resolve_many, [amount.id]),
            )
        )
        await waited_for(2)

    with pytest.raises(ExceptionNotFound):
        await late
    assert await many == set()


async def test_a_difference_is_put_right_by_transfers_of_its_own_agent(
    story: Story, rival: Tenant
) -> None:
    found = await compared(story, [story.row(2, 0, "9.00"), story.row(3, 1, "9.00")])
    one, two, _ = await breaks(found)
    program = await books.make_program(1_000)
    [theirs] = await books.issue(program, [books.ask(rival.tenant_id)])
    [[foreign], [own]] = [
        await platform(ReconFile.raw, _GROUP, each)
        for each in (theirs.issuance_id, story.issued[0])
    ]
    foreign, own = foreign["group_id"], own["group_id"]
    by: dict[str, Any] = {"actor_id": OPERATOR.user_id, "now": NOW}
    said = Resolution(outcome=ExceptionOutcome.CORRECTED_HERE, note="已更正", group_id=foreign)

    assert not await platform(queries.is_booked, foreign, story.agent_id)
    for work, about in ((service.resolve, one.id), (service.resolve_many, [one.id])):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await platform(work, about, said, **by)

    said = msgspec.structs.replace(said, group_id=own)
    assert await platform(queries.is_booked, own, story.agent_id)
    await platform(service.resolve, one.id, said, **by)
    assert await platform(service.resolve_many, [two.id], said, **by) == {two.id}


async def test_of_two_files_that_are_begun_at_once_the_other_waits(story: Story) -> None:
    first, second = [await brought_in(story, [story.row(2, at)]) for at in (0, 1)]
    for each in (first, second):
        await extract(each)
    outside = contextvars.copy_context()
    async with db.platform_transaction(OPERATOR):
        assert await service.begin(first, now=NOW)
        late = asyncio.create_task(platform(service.begin, second, now=NOW), context=outside)
        await waited_for(1)

    assert not await late
