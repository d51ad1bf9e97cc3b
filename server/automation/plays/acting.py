"""Do what plays say: once for each occurrence, whatever comes twice, at once or late.

A play's row is locked while it acts, so two occurrences of one customer see each other. The number
of statements does not grow with the occurrences, but for customers that change hands.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import structlog

from server.access import Actor, Role, Scope, of_the_product
from server.activities import service as activities
from server.activities.service import WantedTask
from server.audit import service as audit
from server.automation import queries as automation
from server.automation.plays import occurrences, rules
from server.automation.plays.rules import (
    Choice,
    ChoiceReason,
    ChoiceStep,
    FiringOutcome,
    Hearer,
    MakeTask,
    Occurrence,
    Person,
    PlayTerms,
    Tell,
)
from server.customers import service as customers
from server.customers.opt_outs import queries as opt_outs
from server.customers.schemas import CustomerEdit
from server.identity import queries as identity
from server.identity.rules.absences import day_of
from server.kit import db
from server.kit.errors import Refusal
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word

AT_A_TIME: Final = 100
"""Occurrences that one transaction of a play acts on."""
_HOLD: Final = """
SELECT p.id, p.version, p.seen_until, v.terms, u.role, u.scope FROM play p
JOIN play_version v ON v.tenant_id = p.tenant_id AND v.play_id = p.id AND v.version = p.version
LEFT JOIN user_account u ON u.tenant_id = p.tenant_id AND u.disabled_at IS NULL
    AND u.id = CASE WHEN p.let_by IS NULL THEN v.published_by ELSE p.let_by END
WHERE p.tenant_id = $1 AND p.is_on = 1 AND p.id = ANY($2::uuid[])
ORDER BY p.id FOR UPDATE OF p
"""
_HEARING: Final = """
SELECT p.id FROM play p
JOIN play_version v ON v.tenant_id = p.tenant_id AND v.play_id = p.id AND v.version = p.version
WHERE p.tenant_id = $1 AND p.is_on = 1
    AND (v.terms->'trigger'->>'kind' = 'event') = ($2::text IS NOT NULL)
    AND ($2::text IS NULL OR v.terms->'trigger'->>'event' = $2)
"""
_STOP: Final = "UPDATE play SET is_on = 0 WHERE tenant_id = $1 AND id = $2"
_HOLD_CUSTOMERS: Final = """
SELECT FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""
_LAST: Final = """
SELECT customer_id, max(at) AS at FROM play_firing
WHERE tenant_id = $1 AND play_id = $2 AND customer_id = ANY($3::uuid[]) GROUP BY customer_id
"""
_FIRED: Final = """
SELECT key FROM play_firing WHERE tenant_id = $1 AND play_id = $2 AND key = ANY($3::text[])
"""
_PEOPLE: Final = """
SELECT u.id, u.team_id, u.role, u.scope, u.created_at AS since,
    (SELECT count(*) FROM task t
     WHERE t.tenant_id = u.tenant_id AND t.assignee_id = u.id AND t.done_at IS NULL
        AND t.cancelled_at IS NULL AND NOT t.deleted) AS open_tasks,
    (SELECT max(f.fired_at) FROM play_firing f
     WHERE f.tenant_id = u.tenant_id AND f.person_id = u.id) AS last_given_at
FROM user_account u
WHERE u.tenant_id = $1 AND u.disabled_at IS NULL AND u.role <> 'analyst' ORDER BY u.id
"""
_NOTE: Final = """
INSERT INTO play_firing (tenant_id, play_id, version, fired_at, key, customer_id, at, outcome,
    task_id, person_id, why)
SELECT $1, $2, $3, $4, w.key, w.customer_id, w.at, w.outcome, w.task_id, w.person_id, w.why
FROM UNNEST($5::text[], $6::uuid[], $7::timestamptz[], $8::text[], $9::uuid[], $10::uuid[],
    $11::jsonb[]) AS w(key, customer_id, at, outcome, task_id, person_id, why)
"""
log = structlog.get_logger()
_SEEN: Final = "UPDATE play SET seen_until = $3 WHERE tenant_id = $1 AND id = $2"


class Held(msgspec.Struct, frozen=True):
    """A play that acts, locked in the open transaction."""

    id: UUID
    version: int
    seen_until: datetime
    terms: PlayTerms


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one occurrence."""

    found: Occurrence
    outcome: FiringOutcome
    task_id: UUID | None = None
    person: Person | None = None
    reasons: tuple[ChoiceReason, ...] = ()


async def hear(
    tenant_id: UUID, event: str, customer_id: UUID, *, since: datetime, now: datetime
) -> int:
    """Let plays act on an event about a customer that was just kept, in the open transaction.

    :param since: a moment just before it.
    """
    listening = await db.connection().fetch(_HEARING, tenant_id, event)
    if not listening:
        return 0
    fired = 0
    # All of them at once and in one order, before any of them writes.
    for held in await _hold(tenant_id, [row["id"] for row in listening], now):
        found = await occurrences.between(
            tenant_id, held.terms, since, now, customer_id=customer_id, limit=AT_A_TIME
        )
        try:
            async with db.current().savepoint():
                fired += await _fire(tenant_id, held, found, now)
        except Refusal as refusal:
            _leave(held.id, refusal)
    return fired


async def run(tenant_id: UUID, *, now: datetime) -> int:
    """Let a company's plays act on what came about since they last looked; say how often.

    One that something is refused to begins again there the next time, and holds up no other.
    """
    async with db.tenant_transaction(tenant_id, readonly=True):
        waiting = await db.connection().fetch(_HEARING, tenant_id, None)
    fired = 0
    for row in waiting:
        try:
            fired += await _run_one(tenant_id, row["id"], now)
        except Refusal as refusal:
            _leave(row["id"], refusal)
    return fired


def _leave(play_id: UUID, refusal: Refusal) -> None:
    """Say which play something was refused to; what it had begun is undone."""
    log.warning("play.refused", subject_id=str(play_id), code=refusal.code)


async def _run_one(tenant_id: UUID, play_id: UUID, now: datetime) -> int:
    """Let one play act, some occurrences at a time; what was done is not done again.

    Each time it goes on behind the last occurrence, by moment and key: thousands may have come
    about at one moment, and what goes away meanwhile moves none of the others up.
    """
    fired = 0
    place: tuple[datetime, str] | None = None
    while True:
        async with db.tenant_transaction(tenant_id):
            held = next(iter(await _hold(tenant_id, [play_id], now)), None)
            if held is None:
                return fired
            since, after = place or (held.seen_until, occurrences.LAST)
            found = await occurrences.between(
                tenant_id, held.terms, since, now, after=after, limit=AT_A_TIME
            )
            fired += await _fire(tenant_id, held, found, now)
            if len(found) < AT_A_TIME:
                seen = max(now, held.seen_until)
                await db.connection().execute(_SEEN, tenant_id, play_id, seen)
                return fired
            place = found[-1].at, found[-1].key


async def _hold(tenant_id: UUID, play_ids: list[UUID], now: datetime) -> list[Held]:
    """Lock plays that act, in the order of their ids.

    One that hands customers over, and was let act by somebody who may not today, acts no more.
    """
    plays: list[Held] = []
    for row in await db.connection().fetch(_HOLD, tenant_id, play_ids):
        held = Held(
            id=row["id"],
            version=row["version"],
            seen_until=row["seen_until"],
            terms=msgspec.json.decode(row["terms"], type=PlayTerms),
        )
        role, scope = (Role(row["role"]), Scope(row["scope"])) if row["role"] else (None, None)
        if rules.is_answered_for(held.terms, role, scope):
            plays.append(held)
        else:
            await _stop(tenant_id, held, now)
    return plays


async def _stop(tenant_id: UUID, held: Held, now: datetime) -> None:
    """Switch a play off for which nobody answers, and tell who may let it act again."""
    await db.connection().execute(_STOP, tenant_id, held.id)
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    await audit.record(
        product, "play.switched_off", subject_id=held.id, now=now, why="nobody_answers"
    )
    await notifications.tell(
        tenant_id,
        _bosses(await _people(tenant_id, now)),
        Kind.PLAY_STOPPED,
        key=f"{Kind.PLAY_STOPPED}:{held.id}:{now.isoformat()}",
        subject=held.terms.name,
        page="/plays",
        subject_id=held.id,
        now=now,
    )


async def _fire(tenant_id: UUID, held: Held, found: Sequence[Occurrence], now: datetime) -> int:
    """Act on occurrences that are new and do not come too soon, in the open transaction."""
    if not found:
        return 0
    keys = [each.key for each in found]
    fired = {row["key"] for row in await db.connection().fetch(_FIRED, tenant_id, held.id, keys)}
    customer_ids = [each.customer_id for each in found]
    rows = await db.connection().fetch(_LAST, tenant_id, held.id, customer_ids)
    last = {row["customer_id"]: row["at"] for row in rows}
    fresh = [each for each in found if each.key not in fired]
    wanted = rules.spaced(fresh, last, timedelta(days=held.terms.again_days))
    if not wanted:
        return 0
    # All of them before the first write takes the tenant's clock, which is the last lock.
    await db.connection().execute(
        _HOLD_CUSTOMERS, tenant_id, sorted({each.customer_id for each in wanted})
    )
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    people = await _people(tenant_id, now)
    match held.terms.action:
        case MakeTask() as action:
            done = await _give(product, held, action, wanted, people, now)
        case Tell() as action:
            done = await _tell(tenant_id, held, action, wanted, people, now)
    await _note(tenant_id, held, done, now)
    return len(done)


async def _people(tenant_id: UUID, now: datetime) -> list[Person]:
    """Look up who may get something, how busy each is, and who is away."""
    away = await identity.absent_on(tenant_id, day_of(now))
    rows = await db.connection().fetch(_PEOPLE, tenant_id)
    return [
        Person(
            id=row["id"],
            team_id=row["team_id"],
            is_rep=row["role"] == Role.SALES_REP,
            sees_all=row["scope"] == Scope.TENANT,
            sees_team=row["scope"] == Scope.TEAM,
            since=row["since"],
            open_tasks=row["open_tasks"],
            last_given_at=row["last_given_at"],
            is_absent=row["id"] in away,
        )
        for row in rows
    ]


async def _give(
    product: Actor,
    held: Held,
    action: MakeTask,
    wanted: Sequence[Occurrence],
    people: list[Person],
    now: datetime,
) -> list[Done]:
    """Make a task of each occurrence, for whoever is chosen."""
    done: list[Done] = []
    by_id = {each.id: each for each in people}
    banned = await opt_outs.not_to_be_assigned(
        product.tenant_id, [each.customer_id for each in wanted]
    )
    for found in wanted:
        choice: Choice = rules.choose(action, found, list(by_id.values()), now)
        if choice.person and str(found.customer_id) in banned and not choice.person.sees(found):
            choice = Choice(None, (*choice.reasons, ChoiceReason(ChoiceStep.OPTED_OUT)))
        person = choice.person
        if person is None:
            done.append(Done(found=found, outcome=FiringOutcome.NOBODY, reasons=choice.reasons))
            continue
        busier = person.open_tasks + 1
        by_id[person.id] = msgspec.structs.replace(person, open_tasks=busier, last_given_at=now)
        task_id = uuid5(held.id, found.key)
        done.append(
            Done(
                found=found,
                outcome=FiringOutcome.TASK,
                task_id=task_id,
                person=person,
                reasons=choice.reasons,
            )
        )
        if not person.sees(found):
            change = CustomerEdit(owner_id=person.id)
            await customers.edit(product, found.customer_id, change, now=now)
    sla = await automation.sla_of(product.tenant_id)
    due_at = rules.due_at(action, sla.terms, now)
    tasks = [
        WantedTask(
            id=each.task_id,
            customer_id=each.found.customer_id,
            assignee_id=each.person.id,
            title=action.title,
            detail=action.detail or None,
            due_at=due_at,
            is_must_do=action.is_must_do,
            rule=(held.id, held.version),
        )
        for each in done
        if each.task_id is not None and each.person is not None
    ]
    await activities.make_tasks(product, tasks, now=now)
    await notifications.tell_all(
        product.tenant_id, _words_of_tasks(held, action, done, people), now=now
    )
    return done


def _words_of_tasks(
    held: Held, action: MakeTask, done: Sequence[Done], people: Sequence[Person]
) -> list[Word]:
    """Say who hears what: the assignee, whoever had the customer, the owners where nobody can."""
    words: list[Word] = []
    for each in done:
        found = each.found
        if each.person is None:
            words += [
                _word(held, boss, Kind.PLAY_UNSERVED, found, subject=held.terms.name)
                for boss in _bosses(people)
            ]
            continue
        words.append(
            _word(held, each.person.id, Kind.TASK_GIVEN, found, action.title, each.task_id)
        )
        if found.owner_id is not None and not each.person.sees(found):
            words.append(
                _word(held, found.owner_id, Kind.CUSTOMER_MOVED, found, found.customer_name)
            )
    return words


async def _tell(
    tenant_id: UUID,
    held: Held,
    action: Tell,
    wanted: Sequence[Occurrence],
    people: Sequence[Person],
    now: datetime,
) -> list[Done]:
    """Tell of each occurrence whom it concerns."""
    known = {each.id: each for each in people}
    owners = {found.owner_id for found in wanted} if action.to is Hearer.MANAGER else set()
    # One question a person, however many customers each has.
    above = {
        each: await identity.superiors(tenant_id, each) for each in sorted(known.keys() & owners)
    }
    done: list[Done] = []
    words: list[Word] = []
    for found in wanted:
        owner = known.get(found.owner_id) if found.owner_id else None
        if action.to is Hearer.OWNER and owner is not None:
            hearers = [owner.id]
        elif owner is not None:
            hearers = above[owner.id]
        else:
            hearers = _bosses(people)
        subject = f"{action.sentence} · {found.customer_name}"
        words += [_word(held, each, Kind.PLAY_TOLD, found, subject) for each in hearers]
        first = next((known[each] for each in hearers if each in known), None)
        done.append(Done(found=found, outcome=FiringOutcome.TOLD, person=first))
    await notifications.tell_all(tenant_id, words, now=now)
    return done


def _bosses(people: Sequence[Person]) -> list[UUID]:
    """Name who sees the whole company."""
    return [each.id for each in people if each.sees_all]


def _word(
    held: Held,
    user_id: UUID,
    kind: Kind,
    found: Occurrence,
    subject: str,
    task_id: UUID | None = None,
) -> Word:
    """Write a word, naming the play and its version."""
    return Word(
        user_id=user_id,
        kind=kind,
        key=f"{rules.PLAY}:{held.id}:{found.key}:{kind}",
        subject=subject,
        page="/tasks" if task_id else "/customers",
        subject_id=task_id or found.customer_id,
        rule=(rules.PLAY, held.version),
    )


async def _note(tenant_id: UUID, held: Held, done: Sequence[Done], now: datetime) -> None:
    """Note what was done."""
    rows: list[tuple[Any, ...]] = [
        (
            *(each.found.key, each.found.customer_id, each.found.at, str(each.outcome)),
            *(each.task_id, each.person.id if each.person else None),
            msgspec.json.encode(each.reasons).decode(),
        )
        for each in done
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    await db.connection().execute(_NOTE, tenant_id, held.id, held.version, now, *columns)
