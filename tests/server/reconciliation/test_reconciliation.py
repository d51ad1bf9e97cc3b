"""An agent's file is handed in, read on after a kill, compared, answered and resolved."""

import asyncio
import csv
import io
import threading
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from billing.reconciliation import service as reconciliation
from billing.reconciliation.rules.columns import ColumnsUnknown, Field
from billing.reconciliation.rules.findings import Cause, Kind, Step
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.rules.matching import reconcile
from billing.reconciliation.schemas import (
    AlreadyResolved,
    ExceptionNotFound,
    ExceptionOutcome,
    FileDiffers,
    FileNotFound,
    FileSentTwice,
    FileState,
    SourceDiffers,
)
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.kit import db, outbox
from server.kit.calendars import ZONE
from server.kit.errors import Invalid, NotFound
from server.reconciliation import exports, jobs, parts, queries, service, words
from server.reconciliation.schemas import (
    ExceptionAnswer,
    ExceptionAnswered,
    FileOfSource,
    FilesWait,
    NewResolution,
    NewResolutions,
    NewSource,
    ReconFilter,
    Settled,
)
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.reconciliation.stories import (
    FINANCE,
    HEADER,
    MONTH,
    NAME,
    PHONE,
    a_file,
    a_row,
    a_source,
    handed_in,
    issued,
)
from tests.waiting import meanwhile

pytestmark = pytest.mark.usefixtures("database")


async def waiting(file_id: UUID) -> outbox.Job:
    """Give the job that waits for a file."""
    async with db.job_transaction():
        payload = await db.connection().fetchval(
            "SELECT payload FROM outbox WHERE topic = $1 AND payload ->> 'file_id' = $2",
            service.TOPIC,
            str(file_id),
        )
    return outbox.Job(
        id=new_id(),
        tenant_id=None,
        topic=service.TOPIC,
        payload=msgspec.json.decode(payload),
        attempts=0,
        lease=1,
    )


class Story(msgspec.Struct, frozen=True):
    """A file of three rows: one fits, one has another amount, one is unknown."""

    source: NewSource
    rows: list[str]
    token: str
    file_id: UUID


@pytest.fixture
async def story(tenant: Tenant) -> Story:
    """Hand a file in."""
    source = await a_source(tenant)
    [one, two] = await issued(tenant, 2)
    rows = [
        a_row(one["id"], one["customer_token"]),
        a_row(two["id"], PHONE, amount="51.00"),
        a_row("X-1"),
    ]
    view = await handed_in(source, a_file(rows))
    assert view.state is FileState.LOADING
    return Story(source, rows, one["customer_token"], view.id)


async def test_s06_a_file_is_compared_once_and_nothing_is_kept_of_names(story: Story) -> None:
    async with db.platform_transaction(FINANCE):
        part = await parts.upcoming(story.file_id)
    job = await waiting(story.file_id)
    for _ in range(2):
        await jobs.read(job, NOW)

    again = await handed_in(story.source, a_file(story.rows), story.file_id)
    with pytest.raises(FileSentTwice) as twice:
        await handed_in(story.source, a_file(story.rows))
    with pytest.raises(FileDiffers):
        await handed_in(story.source, a_file(story.rows[:1]), story.file_id)

    assert twice.value.file_id == story.file_id
    assert again.state is FileState.COMPARED
    assert again.matches == {Step.ID: 1}
    assert again.exceptions == {Kind.AMOUNT_DIFFERS: 1, Kind.MISSING_HERE: 1}
    # Of names, of ignored columns and of customers that are no token nothing is kept.
    assert part is not None
    assert NAME not in str(part)
    assert PHONE not in str(part)
    assert story.token in str(part)


async def test_s06_both_sides_see_a_difference_and_it_is_answered_and_resolved_once(
    tenant: Tenant, rival: Tenant, story: Story
) -> None:
    await service.go_on(story.file_id, now=NOW)

    ours = await queries.exceptions(FINANCE, Side.HERE, story.file_id, now=NOW)
    theirs = await queries.exceptions(tenant.owner, Side.THERE, story.file_id, now=NOW)
    [amount, missing] = ours.items
    [amount_there, missing_there] = theirs.items
    assert (amount.here_says, amount.there_says, amount.owner) == ("5000", "5100", Side.HERE)
    assert (amount_there.here_says, amount_there.here_minor) == ("5100", 5100)
    assert amount_there.owner is Side.THERE
    assert (missing.cause, missing.there, missing.owner) == (Cause.ID_UNKNOWN, [4], Side.THERE)
    assert (missing_there.kind, missing_there.here) == (Kind.MISSING_THERE, [4])
    assert missing_there.words_zh == "对方没有这笔：这个编号只在一方的账上。"
    assert missing_there.words_en.startswith("Only our side has it")

    said = ExceptionAnswer(said="三月五日已作废")
    for _ in range(2):
        answered = await service.answer(tenant.owner, missing.id, said, now=NOW)
    with pytest.raises(ExceptionAnswered):
        await service.answer(tenant.owner, missing.id, ExceptionAnswer(said="不知道"), now=NOW)
    with pytest.raises(ExceptionNotFound):
        await service.answer(rival.owner, missing.id, said, now=NOW)
    outcome = NewResolution(outcome=ExceptionOutcome.CORRECTED_THERE, note="代理商已作废")
    booked = msgspec.structs.replace(outcome, group_id=new_id())
    with pytest.raises(Invalid):
        await service.resolve(FINANCE, missing.id, booked, now=NOW)
    for _ in range(2):
        resolved = await service.resolve(FINANCE, missing.id, outcome, now=NOW)
    other = msgspec.structs.replace(outcome, note="算了")
    with pytest.raises(AlreadyResolved):
        await service.resolve(FINANCE, missing.id, other, now=NOW)
    await service.resolve(FINANCE, amount.id, outcome, now=NOW)
    with pytest.raises(AlreadyResolved):
        await service.answer(tenant.owner, amount.id, said, now=NOW)

    assert answered.answer == resolved.answer == "三月五日已作废"
    assert resolved.outcome is ExceptionOutcome.CORRECTED_THERE
    assert (await service.answer(tenant.owner, missing.id, said, now=NOW)).answer == said.said
    seen = await queries.file(tenant.owner, Side.THERE, story.file_id, now=NOW)
    assert seen.exceptions == {Kind.AMOUNT_DIFFERS: 1, Kind.MISSING_THERE: 1}
    assert {each.side: each.lines for each in seen.sides} == {Side.HERE: 3, Side.THERE: 2}
    reads = await audit.platform_reads(tenant.owner)
    assert "reconciliation.exceptions" in {each.what for each in reads.items}


async def test_s06_both_sides_see_groups_and_one_difference_side_by_side(
    tenant: Tenant, rival: Tenant, story: Story
) -> None:
    await service.go_on(story.file_id, now=NOW)
    of_file = ReconFilter(file_id=story.file_id)

    ours = await queries.groups(FINANCE, Side.HERE, of_file, now=NOW)
    theirs = await queries.groups(tenant.owner, Side.THERE, of_file, now=NOW)
    late = NOW + timedelta(days=30)
    overdue = await queries.groups(FINANCE, Side.HERE, of_file, now=late)
    said = {each.kind: (each.count, each.here_minor, each.there_minor) for each in ours}
    mirrored = {each.kind: (each.count, each.here_minor, each.there_minor) for each in theirs}
    assert said == {Kind.AMOUNT_DIFFERS: (1, 5000, 5100), Kind.MISSING_HERE: (1, 0, 5000)}
    assert mirrored == {Kind.AMOUNT_DIFFERS: (1, 5100, 5000), Kind.MISSING_THERE: (1, 5000, 0)}
    assert [each.overdue for each in ours + overdue] == [0, 0, 1, 1]

    # In China the day after the last has begun, by UTC not yet: everywhere it is late.
    [last, _] = sorted(each.due_on for each in ours)
    night = datetime.combine(last + timedelta(days=1), time(3), ZONE)
    counted = await queries.groups(FINANCE, Side.HERE, of_file, now=night)
    shown = (await queries.differences(FINANCE, Side.HERE, of_file, now=night)).items
    assert sum(each.overdue for each in counted) == 1
    assert {each.due_on: each.is_overdue for each in shown}[last]

    missing = msgspec.structs.replace(of_file, kind=Kind.MISSING_THERE)
    [one] = (await queries.differences(tenant.owner, Side.THERE, missing, now=NOW)).items
    none = await queries.differences(FINANCE, Side.HERE, missing, now=NOW)
    assert (one.kind, one.currency, none.items) == (Kind.MISSING_THERE, "CNY", [])

    amount = msgspec.structs.replace(of_file, kind=Kind.AMOUNT_DIFFERS)
    [other] = (await queries.differences(FINANCE, Side.HERE, amount, now=NOW)).items
    here = await queries.difference(FINANCE, Side.HERE, other.id, now=NOW)
    there = await queries.difference(tenant.owner, Side.THERE, other.id, now=NOW)
    assert (here.differing, here.month) == (["amount_minor"], MONTH)
    assert [each.amount_minor for each in (*here.here_lines, *here.there_lines)] == [5000, 5100]
    assert (here.here_lines, here.there_lines) == (there.there_lines, there.here_lines)

    listed = (await queries.files(FINANCE, Side.HERE, agent_id=tenant.tenant_id, now=NOW)).items
    assert [(each.open_exceptions, each.due_on) for each in listed] == [(2, ours[0].due_on)]
    with pytest.raises(ExceptionNotFound):
        await queries.difference(rival.owner, Side.THERE, other.id, now=NOW)
    with pytest.raises(FileNotFound):
        await queries.groups(rival.owner, Side.THERE, of_file, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.differences(tenant.owner, Side.HERE, of_file, now=NOW)


async def test_s06_the_same_is_said_of_many_differences_and_a_retry_answers_the_same(
    tenant: Tenant,
) -> None:
    source = await a_source(tenant)
    view = await handed_in(source, a_file([a_row(f"M-{at}") for at in range(6)]))
    await service.go_on(view.id, now=NOW)
    asked = ReconFilter(file_id=view.id, kind=Kind.MISSING_HERE)
    found = await queries.settleable(FINANCE, asked, now=NOW)
    before, *rest = found
    early = NewResolution(outcome=ExceptionOutcome.CORRECTED_THERE, note="已单独更正")
    await service.resolve(FINANCE, before, early, now=NOW)
    unknown = new_id()
    many = NewResolutions(
        exceptions=[*reversed(found), unknown], outcome=ExceptionOutcome.ACCEPTED, note="双方保留"
    )
    booked = msgspec.structs.replace(many, group_id=new_id())
    with pytest.raises(Invalid):
        await service.resolve_many(FINANCE, booked, now=NOW)
    with pytest.raises(NotPermitted):
        await service.resolve_many(tenant.owner, many, now=NOW)
    assert len(await queries.settleable(FINANCE, asked, now=NOW)) == 5

    both = await asyncio.gather(
        *(
            service.resolve_many(FINANCE, each, now=NOW)
            for each in (many, msgspec.structs.replace(many, exceptions=many.exceptions[::-1]))
        )
    )
    again = await service.resolve_many(FINANCE, many, now=NOW + timedelta(days=1))

    assert both[0] == both[1][::-1] == again
    results = {each.id: each.result for each in again}
    assert results == {
        before: Settled.ALREADY_RESOLVED,
        **dict.fromkeys(rest, Settled.RESOLVED),
        unknown: Settled.NOT_FOUND,
    }
    assert [each.id for each in again] == many.exceptions
    assert {each.note for each in again if each.id == before} == {"已单独更正"}
    assert await queries.settleable(FINANCE, asked, now=NOW) == []
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        written = await db.connection().fetchval(
            "SELECT count(*) FROM audit_entry WHERE subject_id = ANY ($1)"
            " AND action = 'recon_exception.resolved'",
            found,
        )
    assert written == 6


async def test_both_sides_take_the_differences_of_a_file_along_as_a_sheet(
    tenant: Tenant, rival: Tenant, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.go_on(story.file_id, now=NOW)
    monkeypatch.setattr(queries, "_BLOCK", 1)
    listed = await queries.exceptions(FINANCE, Side.HERE, story.file_id, now=NOW)
    [amount, _] = listed.items
    said = ExceptionAnswer(said="=HYPERLINK(1)")
    await service.answer(tenant.owner, amount.id, said, now=NOW)
    note = NewResolution(outcome=ExceptionOutcome.ACCEPTED, note="+1 元照旧")
    await service.resolve(FINANCE, amount.id, note, now=NOW)

    ours = await sheet_of(exports.differences(FINANCE, Side.HERE, story.file_id, now=NOW))
    theirs = await sheet_of(exports.differences(tenant.owner, Side.THERE, story.file_id, now=NOW))
    monkeypatch.setattr(queries, "EXPORTED_MAX", 1)
    first = await sheet_of(exports.differences(FINANCE, Side.HERE, story.file_id, now=NOW))

    assert [(row["我方金额"], row["对方金额"], row["对方行号"]) for row in ours] == [
        ("50.00", "51.00", "3"),
        ("0.00", "50.00", "4"),
    ]
    # Yuan, too, where it is what the sides say; whoever has a line names it by its own id.
    assert [(row["我方记录"], row["对方记录"], row["币种"]) for row in ours] == [
        ("50.00", "51.00", "CNY"),
        ("", "", "CNY"),
    ]
    two = story.rows[1].partition(",")[0]
    assert [(row["我方编号"], row["对方编号"]) for row in ours] == [(two, two), ("", "X-1")]
    assert [(row["我方编号"], row["对方编号"]) for row in theirs] == [(two, two), ("X-1", "")]
    assert [(row["我方金额"], row["对方金额"], row["轮到"]) for row in theirs] == [
        ("51.00", "50.00", ""),
        ("50.00", "0.00", "我方"),
    ]
    # What a spreadsheet program would take for a formula is text.
    assert (ours[0]["代理商答复"], ours[0]["说明"]) == ("'=HYPERLINK(1)", "'+1 元照旧")
    assert [row["差异编号"] for row in first] == [str(amount.id)]
    with pytest.raises(FileNotFound):
        await exports.differences(rival.owner, Side.THERE, story.file_id, now=NOW)


async def sheet_of(asked: Awaitable[AsyncIterator[bytes]]) -> list[dict[str, str]]:
    """Read a sheet."""
    blocks = [block async for block in await asked]
    return list(csv.DictReader(io.StringIO(b"".join(blocks).decode("utf-8-sig"))))


async def test_a_file_is_read_on_after_a_kill_and_each_row_is_there_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await a_source(tenant)
    view = await handed_in(source, a_file([a_row(f"X-{at}") for at in range(1_200)]))
    monkeypatch.setattr(service, "BUDGET_S", -1.0)
    monkeypatch.setattr(service, "KEEPING_BUDGET_S", -1.0)
    await service.go_on(view.id, now=NOW)
    half = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)
    finish = parts.finish

    async def killed(*_: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(parts, "finish", killed)
    with pytest.raises(ConnectionResetError):
        await service.go_on(view.id, now=NOW)
    monkeypatch.setattr(parts, "finish", finish)
    lost = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)
    # Each of these jobs does one piece of the work.
    for _ in range(9):
        await service.go_on(view.id, now=NOW)
    whole = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)

    assert 0 < half.read_until == lost.read_until < view.last_row == 1_201
    assert (whole.state, whole.read_until) == (FileState.COMPARED, 1_201)
    assert whole.exceptions == {Kind.MISSING_HERE: 1_200}
    assert [(each.side, each.lines) for each in whole.sides] == [(Side.THERE, 1_200)]
    pages, cursor = 0, None
    while pages == 0 or cursor:
        page = await queries.exceptions(tenant.owner, Side.THERE, view.id, cursor=cursor, now=NOW)
        pages, cursor = pages + len(page.items), page.next_cursor
    assert pages == 1_200


async def test_two_workers_compare_in_no_transaction_and_one_keeps_what_it_found(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Barrier(2)
    held: list[object] = []

    def compare_together(*given: Any) -> Any:
        held.append(db.ENGINE.current_transaction.get())
        begun.wait(timeout=20)
        return reconcile(*given)

    monkeypatch.setattr(service, "reconcile", compare_together)
    await asyncio.gather(*[service.go_on(story.file_id, now=NOW) for _ in range(2)])
    await service.go_on(story.file_id, now=NOW)

    found = await queries.file(FINANCE, Side.HERE, story.file_id, now=NOW)
    assert held == [None, None]
    assert (found.state, found.matches) == (FileState.COMPARED, {Step.ID: 1})
    assert found.exceptions == {Kind.AMOUNT_DIFFERS: 1, Kind.MISSING_HERE: 1}


async def test_a_comparison_that_is_killed_is_made_again_whole(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: Any, **__: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        # Its matches are written by then.
        patched.setattr(reconciliation, "_keep_exceptions", killed)
        with pytest.raises(ConnectionResetError):
            await service.go_on(story.file_id, now=NOW)
    lost = await queries.file(FINANCE, Side.HERE, story.file_id, now=NOW)
    await service.go_on(story.file_id, now=NOW)
    whole = await queries.file(FINANCE, Side.HERE, story.file_id, now=NOW)

    assert (lost.state, lost.matches, lost.exceptions) == (FileState.LOADING, {}, {})
    assert (whole.state, whole.matches) == (FileState.COMPARED, {Step.ID: 1})
    assert whole.exceptions == {Kind.AMOUNT_DIFFERS: 1, Kind.MISSING_HERE: 1}


async def test_rows_that_cannot_be_read_are_told_and_end_the_file(tenant: Tenant) -> None:
    source = await a_source(tenant)
    bad = {
        2: ("0.30000000000000004", "amount_off_scale"),
        3: ("-5.00", "amount_negative"),
        5: ("$5.00", "currency_unexpected"),
        6: ("999999999999999999", "amount_too_large"),
        7: ("1.2E+18", "digits_lost"),
        # In another part: all are told, though the file is lost already.
        1_200: ("-1.00", "amount_negative"),
    }
    rows = [a_row(f"X-{at}", amount=bad.get(at, ("1.00",))[0]) for at in range(2, 1_202)]
    view = await handed_in(source, a_file(rows))
    await service.go_on(view.id, now=NOW)

    found = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)
    blocks = [b async for b in await exports.rejected(tenant.owner, Side.THERE, view.id, now=NOW)]
    sheet = list(csv.reader(io.StringIO(b"".join(blocks).decode("utf-8-sig"))))

    assert (found.state, found.rejected_cells, found.matches) == (FileState.WITHDRAWN, 6, {})
    assert [(int(row[0]), row[1], row[2]) for row in sheet[1:]] == [
        (at, "金额", code) for at, (_, code) in bad.items()
    ]
    assert all(row[3] for row in sheet[1:])
    # The same bytes may come again, under another id.
    assert (await handed_in(source, a_file(rows))).state is FileState.LOADING


async def test_a_file_waits_for_another_one_of_the_agent_that_is_compared(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await a_source(tenant)
    first, second = [await handed_in(source, a_file([a_row(each)])) for each in ("X-1", "X-2")]
    with monkeypatch.context() as patched:
        patched.setattr(service, "KEEPING_BUDGET_S", -1.0)
        await service.go_on(first.id, now=NOW)

    await service.go_on(second.id, now=NOW)
    waited = await queries.file(FINANCE, Side.HERE, second.id, now=NOW)
    for each in (first, second):
        await service.go_on(each.id, now=NOW)

    assert waited.state is FileState.LOADING
    done = await queries.file(FINANCE, Side.HERE, second.id, now=NOW)
    assert done.state is FileState.COMPARED


async def test_of_one_agent_only_so_many_files_wait_to_be_read(
    tenant: Tenant, rival: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "WAITING_MAX", 2)
    source = await a_source(tenant)
    contents = [a_file([a_row(f"X-{at}")]) for at in range(4)]
    first, _ = [await handed_in(source, each) for each in contents[:2]]

    with pytest.raises(FilesWait) as refused:
        await handed_in(source, contents[2])
    again = await handed_in(source, contents[0], first.id)
    await handed_in(await a_source(rival), contents[2])
    await service.go_on(first.id, now=NOW)
    await handed_in(source, contents[2])

    assert refused.value.field == "file"
    assert again.id == first.id
    with pytest.raises(FilesWait):
        await handed_in(source, contents[3])


async def test_files_that_both_sides_hand_in_at_once_are_no_more_than_may_wait(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "WAITING_MAX", 1)
    source = await a_source(tenant)
    sent = FileOfSource(id=new_id(), source_id=source.id, month=MONTH, file_name="三月.csv")
    count, owners = parts.ensure_few_wait, []

    async def count_and_wait(agent_id: UUID) -> None:
        await count(agent_id)
        monkeypatch.setattr(parts, "ensure_few_wait", count)
        own = a_file([a_row("X-2")])
        hand_in = service.hand_in(tenant.owner, Side.THERE, sent, own, now=NOW)
        owners.append(await meanwhile(hand_in))

    monkeypatch.setattr(parts, "ensure_few_wait", count_and_wait)
    await handed_in(source, a_file([a_row("X-1")]))

    with pytest.raises(FilesWait):
        await owners[0]


async def test_a_file_whose_job_has_failed_too_often_fails_and_may_come_again(
    tenant: Tenant,
) -> None:
    source = await a_source(tenant)
    content = a_file([a_row("X-1")])
    lost = await handed_in(source, content)
    waits = await handed_in(source, a_file([a_row("X-2")]))
    await jobs.SCHEDULE["reconciliation.lost"].run(NOW)
    early = await queries.file(FINANCE, Side.HERE, lost.id, now=NOW)
    async with db.job_transaction():
        await db.connection().execute(
            "UPDATE outbox SET attempts = $1 WHERE topic = $2 AND payload ->> 'file_id' = $3",
            *(outbox.ATTEMPTS_MAX, service.TOPIC, str(lost.id)),
        )

    await jobs.SCHEDULE["reconciliation.lost"].run(NOW)

    assert early.state is FileState.LOADING
    failed = await queries.file(FINANCE, Side.HERE, lost.id, now=NOW)
    other = await queries.file(FINANCE, Side.HERE, waits.id, now=NOW)
    assert (failed.state, other.state) == (FileState.FAILED, FileState.LOADING)
    async with db.platform_transaction(FINANCE):
        assert not await db.connection().fetchval(
            "SELECT count(rows) FROM recon_part WHERE file_id = $1", lost.id
        )
    # A worker that has the last lease of its job finds nothing to do.
    await service.go_on(lost.id, now=NOW)
    again = await handed_in(source, content)
    await service.go_on(again.id, now=NOW)
    done = await queries.file(tenant.owner, Side.THERE, again.id, now=NOW)
    assert (done.state, done.exceptions) == (FileState.COMPARED, {Kind.MISSING_THERE: 1})


async def test_who_may_not_is_refused_and_nothing_is_half_done(
    tenant: Tenant, rival: Tenant
) -> None:
    source = await a_source(tenant)
    with pytest.raises(ColumnsUnknown) as unknown:
        await handed_in(source, a_file(["1,2,3,4,5,6,7"], f"{HEADER},备注"))
    view = await handed_in(source, a_file([a_row("X-1")]))

    assert unknown.value.columns == ("备注",)
    listed = await queries.files(tenant.owner, Side.THERE, now=NOW)
    assert [each.id for each in listed.items] == [view.id]
    assert (await queries.files(rival.owner, Side.THERE, now=NOW)).items == []
    sources = await queries.sources(FINANCE, Side.HERE, agent_id=tenant.tenant_id, now=NOW)
    assert sources.items == [source]
    with pytest.raises(FileNotFound):
        await queries.file(rival.owner, Side.THERE, view.id, now=NOW)
    with pytest.raises(FileNotFound):
        await exports.rejected(rival.owner, Side.THERE, view.id, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.file(tenant.rep, Side.THERE, view.id, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.file(tenant.owner, Side.HERE, view.id, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.file(make_platform_actor(), Side.HERE, view.id, now=NOW)
    changed = msgspec.structs.replace(source, name="U8")
    with pytest.raises(SourceDiffers):
        await service.save_source(FINANCE, Side.HERE, changed, now=NOW)
    nobody = msgspec.structs.replace(source, id=new_id(), agent_id=new_id())
    with pytest.raises(NotFound):
        await service.save_source(FINANCE, Side.HERE, nobody, now=NOW)


def test_every_difference_has_its_words() -> None:
    said = {words.difference(kind, cause) for kind in Kind for cause in Cause}

    assert len(said) == len(Kind) * len(Cause)
    assert all(words.column(field) for field in Field)
