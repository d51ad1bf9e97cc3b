"""An agent's file is taken in piece by piece, compared once, and its breaks are resolved."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import msgspec
import pytest

from billing.reconciliation import queries, service
from billing.reconciliation.rules.columns import ColumnsUnknown
from billing.reconciliation.rules.findings import Cause, Kind, Terms
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import (
    AlreadyResolved,
    ExceptionNotFound,
    ExceptionOutcome,
    FileIncomplete,
    FileNotFound,
    FileNotLoading,
    FileSentTwice,
    FileState,
    Resolution,
    RowsUnread,
    SourceDiffers,
)
from billing.reconciliation.tables import ReconFile
from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR
from tests.billing.reconciliation.stories import (
    HEADER,
    Row,
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
from tests.plans import index_conditions, platform_plans

_BEGUN = "UPDATE recon_file SET extracted_at = {} WHERE id = {}"


async def test_s06_a_file_is_compared_with_the_books_of_its_month(story: Story) -> None:
    await books.void(story.issued[2])
    rows = [
        story.row(2, 0),
        story.row(3, 1, "1.50"),
        story.row(4, 2),
        (5, ["x", "c", "3", "2026-03-09", ""]),
    ]

    found = await compared(story, rows)
    with pytest.raises(FileNotLoading):
        await compare(found.file.id)

    assert (found.matches, found.file.state) == (1, FileState.COMPARED)
    assert found.exceptions == {Kind.AMOUNT_DIFFERS: 1, Kind.MISSING_HERE: 1, Kind.REVERSED: 1}
    amount, missing, voided = await breaks(found)
    assert (amount.here_says, amount.there_says, amount.there) == ("100", "150", [3])
    assert (missing.cause, missing.owner) == (Cause.ID_UNKNOWN, Side.THERE)
    assert (voided.here_minor, voided.there_minor, voided.owner) == (0, 100, Side.THERE)
    assert amount.due_on == NOW.date() + timedelta(days=5)
    assert voided.is_overdue(NOW.date() + timedelta(days=4))


async def test_m6_both_sides_see_the_same_break_each_from_its_own(
    story: Story, tenant: Tenant, rival: Tenant
) -> None:
    found = await compared(story, [story.row(2, 0)])

    async with db.tenant_transaction(tenant.tenant_id):
        theirs = await queries.exceptions(found.file.id, seen_by=Side.THERE, limit=9)
    async with db.tenant_transaction(rival.tenant_id):
        nothing = await queries.exceptions(found.file.id, seen_by=Side.THERE, limit=9)
        with pytest.raises(FileNotFound):
            await queries.file(found.file.id)
        with pytest.raises(ExceptionNotFound):
            await queries.exception(theirs[0].id)

    assert [each.kind for each in await breaks(found)] == [Kind.MISSING_THERE] * 2
    assert [(each.kind, each.owner) for each in theirs] == [(Kind.MISSING_HERE, Side.THERE)] * 2
    assert nothing == []


async def test_every_fen_of_both_sides_is_matched_open_or_settled(story: Story) -> None:
    found = await compared(story, [story.row(2, 0), story.row(3, 1, "1.50")])
    amount, _ = await breaks(found)
    said = Resolution(outcome=ExceptionOutcome.CORRECTED_THERE, note="填错金额")

    await platform(service.resolve, amount.id, said, actor_id=OPERATOR.user_id, now=NOW)

    here, there = await platform(queries.sides, found.file.id)
    assert (here.counting_minor, here.matched_minor, here.open_minor, here.settled_minor) == (
        *(300, 100, 100, 100),
    )
    assert (there.counting_minor, there.matched_minor, there.settled_minor) == (250, 100, 150)


async def test_what_came_of_a_break_is_said_once(story: Story, tenant: Tenant) -> None:
    found = await compared(story, [story.row(2, 0), story.row(3, 1, "1.50")])
    amount, missing = await breaks(found)
    said = Resolution(outcome=ExceptionOutcome.ACCEPTED, note="双方同意")
    other = msgspec.structs.replace(said, note="再看看")
    by: dict[str, Any] = {"actor_id": OPERATOR.user_id, "now": NOW}

    first = await platform(service.resolve, amount.id, said, **by)
    assert await platform(service.resolve, amount.id, said, **by) == first
    with pytest.raises(AlreadyResolved):
        await platform(service.resolve, amount.id, other, **by)
    invented = msgspec.structs.replace(said, group_id=new_id())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await platform(service.resolve, missing.id, invented, **by)
    late = await platform(queries.overdue, NOW.date() + timedelta(days=99), limit=100_000)

    assert {missing.id, amount.id} & {each.id for each in late} == {missing.id}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(tenant.tenant_id):
            await service.resolve(missing.id, said, **by)


async def test_a_file_that_was_interrupted_goes_on_where_it_stopped(story: Story) -> None:
    rows = [story.row(2, 0), story.row(3, 1), story.row(4, 2)]
    new = a_file(story, rows)
    view = await opened(new)

    with pytest.raises(FileIncomplete):
        await platform(service.add_rows, view.id, rows[1:], after=2)
    await platform(service.add_rows, view.id, rows[:1], after=0)
    with pytest.raises(FileIncomplete) as early:
        await compare(view.id)
    once = await platform(service.add_rows, view.id, rows[1:], after=(await opened(new)).read_until)
    again = await platform(service.add_rows, view.id, rows[1:], after=2)

    assert early.value.read_until == 2
    assert once == again
    assert (await compare(view.id)).matches == 3
    with pytest.raises(FileNotLoading):
        await platform(service.add_rows, view.id, [(5, ["", "", "", "", ""])], after=4)


async def test_the_same_bytes_are_compared_once(story: Story) -> None:
    rows = [story.row(2, 0)]
    new = a_file(story, rows)
    first = await opened(new)

    assert await opened(new) == first
    with pytest.raises(FileSentTwice) as twice:
        await opened(msgspec.structs.replace(new, id=new_id()))
    assert twice.value.file_id == new.id

    await platform(service.withdraw, new.id)
    assert (await opened(msgspec.structs.replace(new, id=new_id()))).state is FileState.LOADING


async def test_a_row_that_cannot_be_read_leaves_nothing(story: Story) -> None:
    rows = [story.row(2, 0), story.row(3, 1, "1.005"), story.row(4, 2, "-1.00", "gestern")]
    view = await opened(a_file(story, rows))

    with pytest.raises(RowsUnread) as unread:
        await platform(service.add_rows, view.id, rows, after=0)

    assert [(each.row, each.code) for each in unread.value.problems] == [
        (3, "amount_off_scale"),
        (4, "amount_negative"),
        (4, "cell_unread"),
    ]
    assert (await platform(queries.file, view.id)).read_until == 0


async def test_a_header_is_held_against_the_saved_map(story: Story) -> None:
    with pytest.raises(ColumnsUnknown) as unknown:
        await opened(a_file(story, [story.row(2, 0)], header=[*HEADER, "毛利"]))
    assert unknown.value.columns == ("毛利",)

    changed = msgspec.structs.replace(story.source, name="another")
    with pytest.raises(SourceDiffers):
        await platform(service.save_source, changed, actor_id=OPERATOR.user_id, now=NOW)


async def test_what_is_booked_around_the_month_is_another_months(story: Story) -> None:
    rows = [(2, [str(story.issued[0]), "", "1", "2026-02-28", ""])]
    view = await opened(a_file(story, rows, period=date(2026, 2, 1)))
    await platform(service.add_rows, view.id, rows, after=0)

    found = await compare(view.id)

    assert (found.matches, found.exceptions) == (1, {})


async def test_what_is_booked_after_the_extract_is_not_compared(story: Story) -> None:
    rows = [story.row(2, 0), story.row(3, 1), story.row(4, 2)]
    view = await opened(a_file(story, rows))
    await platform(service.add_rows, view.id, rows, after=0)
    await extract(view.id)
    await books.void(story.issued[2])

    found = await compare(view.id)

    assert (found.matches, found.exceptions) == (3, {})


async def test_what_the_file_names_is_found_in_whatever_month_it_is_booked(story: Story) -> None:
    rows = [story.row(2, 0, day="2026-04-20"), (3, ["x", "c", "3", "2026-04-09", ""])]
    view = await opened(a_file(story, rows, period=date(2026, 4, 1)))
    await platform(service.add_rows, view.id, rows, after=0)

    found = await compare(view.id)

    assert found.exceptions == {Kind.PERIOD_DIFFERS: 1, Kind.MISSING_HERE: 1}


async def test_a_month_is_not_claimed_again_in_the_file_of_a_later_one(story: Story) -> None:
    """Not with its true days, nor with days of the later month, nor in parts."""
    rows = [
        story.row(2, 0),
        story.row(3, 1, day="2026-05-04"),
        story.row(4, 2, "0.40"),
        story.row(5, 2, "0.60"),
    ]
    view = await opened(a_file(story, rows, period=date(2026, 5, 1)))
    await platform(service.add_rows, view.id, rows, after=0)

    found = await compare(view.id)

    assert (found.matches, found.exceptions) == (0, {Kind.PERIOD_DIFFERS: 3})
    told = {tuple(each.there): (each.here_says, each.there_says) for each in await breaks(found)}
    assert told[2,] == told[4, 5] == ("2026-03", "2026-05")
    assert told[3,][1] == "2026-05-04"


async def test_a_benefit_is_matched_in_the_file_of_one_month(story: Story) -> None:
    """The days around a month are in the next one's file, too."""
    february = await compared(story, [story.row(2, 0, day="2026-02-28")], date(2026, 2, 1))

    silent = await compared(story, [story.row(2, 1), story.row(3, 2)])
    claims = await compared(story, [story.row(2, 0), story.row(3, 1), story.row(4, 2, "9.00")])

    assert (february.matches, february.exceptions) == (1, {})
    assert (silent.matches, silent.exceptions) == (2, {})
    here, _ = await platform(queries.sides, silent.file.id)
    assert (here.lines, here.counting_minor) == (2, 200)
    # Nor are they in another file of the same month, while the first one stands.
    assert (claims.matches, claims.exceptions) == (0, {Kind.DUPLICATE_THERE: 3})
    told = {(each.cause, *each.there, each.owner) for each in await breaks(claims)}
    assert told == {(Cause.MATCHED_BEFORE, row, Side.THERE) for row in (2, 3, 4)}


async def test_of_an_agents_files_one_is_compared_at_a_time(story: Story) -> None:
    first = await brought_in(story, [story.row(2, 0)])
    second = await brought_in(story, [story.row(2, 1)])
    for each in (first, second):
        await extract(each)

    begun = [await platform(service.begin, each, now=NOW) for each in (first, second, first)]
    # Neither does it when two workers ask at the same time.
    with pytest.raises(asyncpg.UniqueViolationError):
        await platform(ReconFile.raw, _BEGUN, NOW, second)
    await compare(first)

    assert begun == [True, False, True]
    assert (await compare(second)).file.state is FileState.COMPARED


async def test_an_id_is_found_however_its_letters_are_written(story: Story) -> None:
    number, cells = story.row(2, 0)
    rows: list[Row] = [(number, [each.upper() for each in cells]), story.row(3, 1), story.row(4, 2)]

    found = await compared(story, rows)

    assert (found.matches, found.exceptions) == (3, {})


async def test_of_a_benefit_that_was_withdrawn_in_part_the_rest_counts(story: Story) -> None:
    await books.void(story.issued[0], amount_minor=40)

    found = await compared(story, [story.row(2, 0, "0.60"), story.row(3, 1), story.row(4, 2)])

    assert (found.matches, found.exceptions) == (3, {})


async def test_a_difference_is_due_by_the_day_of_the_books(story: Story) -> None:
    """It is the third in Shanghai when it is five in the afternoon of the second in London."""
    file_id = await brought_in(story, [story.row(2, 0, "9.00"), story.row(3, 1), story.row(4, 2)])

    [amount] = await breaks(await compare(file_id, datetime(2026, 3, 2, 17, tzinfo=UTC)))

    assert amount.due_on == date(2026, 3, 8)


@pytest.mark.usefixtures("unseen")
async def test_a_long_file_among_short_ones_costs_what_it_is_long(story: Story) -> None:
    rows = [story.row(2, 0), story.row(3, 1)]
    view = await opened(a_file(story, rows))
    await platform(service.add_rows, view.id, rows, after=0)

    piece = partial(service.extract_some, view.id, Terms())
    plans = [plan for _ in range(4) for plan in await platform_plans(OPERATOR, piece)]
    [month, _, named] = [each for each in plans if "Window" in each]

    # What is read in order stops where its piece ends.
    looked_at, _ = month.split("CTE written")
    assert "Sort" not in looked_at
    assert "AND (id > " in index_conditions(looked_at)
    # Ids are looked up one by one: what is joined by a guess of how many there are holds each
    # against all of the others where the guess is small.
    assert "Join" not in named
    # Before it the driver may ask what its types are.
    *_, gathered = await platform_plans(
        OPERATOR, partial(queries.lines, view.id, Side.THERE, after=0, limit=9)
    )
    assert "Sort" not in gathered
    assert "AND (number > " in index_conditions(gathered)
    assert await platform(queries.sides, view.id) == []
