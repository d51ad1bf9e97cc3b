"""Tell people things, note what they have read, and send what leaves the product."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.identity import queries as identity
from server.kit import db, ids, outbox
from server.kit.errors import NotFound
from server.kit.text import tidy
from server.notifications import queries, rules
from server.notifications.channels import Sender
from server.notifications.rules import Kind, Reach
from server.notifications.schemas import SettingView

TOPIC: Final = "notifications.deliver"
_TELL: Final = """
INSERT INTO notification (tenant_id, id, user_id, key, kind, subject, page, subject_id, rule,
    rule_version, told_at)
SELECT $1, w.id, w.user_id, w.key, w.kind, w.subject, w.page, w.subject_id, w.rule,
    w.rule_version, $2
FROM UNNEST($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[],
    $10::text[], $11::bigint[])
    AS w(id, user_id, key, kind, subject, page, subject_id, rule, rule_version)
WHERE EXISTS (
    SELECT FROM user_account WHERE tenant_id = $1 AND id = w.user_id AND disabled_at IS NULL
        AND role <> 'analyst'
)
ORDER BY w.user_id, w.key
ON CONFLICT (tenant_id, user_id, key) DO NOTHING RETURNING id, user_id
"""
_READ: Final = """
UPDATE notification SET read_at = coalesce(read_at, $4)
WHERE tenant_id = $1 AND user_id = $2 AND id = $3
RETURNING page || coalesce('/' || subject_id, '')
"""
_READ_ALL: Final = """
UPDATE notification SET read_at = $3 WHERE tenant_id = $1 AND user_id = $2 AND read_at IS NULL
"""
_KEEP: Final = """
INSERT INTO notification_setting
    (tenant_id, user_id, channels, quiet_from_minute, quiet_until_minute, shows_subject)
VALUES ($1, $2, $3::jsonb, $4, $5, $6)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET channels = excluded.channels,
    quiet_from_minute = excluded.quiet_from_minute,
    quiet_until_minute = excluded.quiet_until_minute, shows_subject = excluded.shows_subject
"""
_WAITING: Final = """
SELECT n.kind, n.subject, s.channels, s.quiet_from_minute AS quiet_from,
    s.quiet_until_minute AS quiet_until, s.shows_subject,
    ARRAY(SELECT d.channel || ':' || d.reach FROM notification_delivery d
          WHERE d.tenant_id = n.tenant_id AND d.notification_id = n.id) AS sent
FROM notification n
JOIN notification_setting s ON s.tenant_id = n.tenant_id AND s.user_id = n.user_id
JOIN user_account u ON u.tenant_id = n.tenant_id AND u.id = n.user_id AND u.role <> 'analyst'
    AND u.disabled_at IS NULL
WHERE n.tenant_id = $1 AND n.id = $2 AND n.read_at IS NULL
"""
_SENT: Final = """
INSERT INTO notification_delivery (tenant_id, notification_id, channel, reach, sent_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What one person is told."""

    user_id: UUID
    kind: Kind
    key: str
    """Whoever was told something under this key is not told again."""
    subject: str
    """What it is about, as people called it."""
    page: str
    """The page that shows it, or those like it where `subject_id` says which."""
    subject_id: UUID | None = None
    rule: tuple[str, int] | None = None
    """The rule that has it told, and its version."""


async def tell(
    tenant_id: UUID,
    people: Iterable[UUID],
    kind: Kind,
    *,
    key: str,
    subject: str,
    page: str,
    subject_id: UUID | None = None,
    now: datetime,
) -> int:
    """Tell people of a company the same, in the open transaction; say how many had not heard it."""
    words = [
        Word(
            user_id=user_id,
            kind=kind,
            key=key,
            subject=subject,
            page=page,
            subject_id=subject_id,
        )
        for user_id in set(people)
    ]
    return await tell_all(tenant_id, words, now=now)


async def tell_all(tenant_id: UUID, words: Sequence[Word], *, now: datetime) -> int:
    """Tell people of a company things, in the open transaction; say how many are new to them.

    The number of statements does not grow with the words.
    """
    if not words:
        return 0
    rows = [
        (
            *(ids.new_id(now), word.user_id, word.key, str(word.kind), tidy(word.subject)),
            *(word.page, word.subject_id, *(word.rule or (None, None))),
        )
        for word in words
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    async with db.tenant_transaction(tenant_id):
        told = await db.connection().fetch(_TELL, tenant_id, now, *columns)
        people = sorted({row["user_id"] for row in told})
        wanted = await queries.settings_for(tenant_id, people) if people else {}
        jobs = [
            _delivery(tenant_id, row["id"], wanted[row["user_id"]], now)
            for row in told
            if row["user_id"] in wanted and wanted[row["user_id"]].channels
        ]
        if jobs:
            await db.connection().executemany(jobs[0][0], [values for _, values in jobs])
    return len(told)


def _delivery(
    tenant_id: UUID, notification_id: UUID, wanted: SettingView, now: datetime
) -> tuple[str, tuple[Any, ...]]:
    """Say what leaves something for the worker, for after the quiet hours."""
    quiet = rules.quiet(wanted.quiet_from, wanted.quiet_until)
    return outbox.adding(
        TOPIC,
        {"id": str(notification_id)},
        tenant_id=tenant_id,
        now=now,
        key=f"{TOPIC}:{notification_id}",
        run_at=quiet.first_after(now) if quiet else now,
    )


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A quote or contract about which somebody else decides, as people are told of it."""

    id: UUID
    name: str
    page: str
    event_id: UUID
    """What was done with it; of one thing people hear once."""


async def ask_for_approval(actor: Actor, paper: Paper, *, now: datetime) -> None:
    """Tell who answers for the actor that a paper waits for them, in the open transaction."""
    judges = await identity.superiors(actor.tenant_id, actor.user_id)
    await _tell_of(actor, paper, judges, Kind.APPROVAL_ASKED, now=now)


async def tell_of_approval(
    actor: Actor, paper: Paper, author_id: str | None, *, now: datetime
) -> None:
    """Tell who submitted a paper that somebody has decided about it, in the open transaction."""
    people = [] if author_id is None else [UUID(author_id)]
    await _tell_of(actor, paper, people, Kind.APPROVAL_DECIDED, now=now)


async def _tell_of(
    actor: Actor, paper: Paper, people: Iterable[UUID], kind: Kind, *, now: datetime
) -> None:
    """Tell others than the actor of a paper."""
    await tell(
        actor.tenant_id,
        set(people) - {actor.user_id},
        kind,
        key=f"{kind}:{paper.event_id}",
        subject=paper.name,
        page=paper.page,
        subject_id=paper.id,
        now=now,
    )


async def read(actor: Actor, notification_id: UUID, *, now: datetime) -> str:
    """Note that the actor has looked at something; give the page that it leads to.

    :raises NotFound: the actor was told no such thing.
    """
    async with db.tenant_transaction(actor.tenant_id):
        link: str | None = await db.connection().fetchval(
            _READ, actor.tenant_id, actor.user_id, notification_id, now
        )
    if link is None:
        raise NotFound
    return link


async def read_all(actor: Actor, *, now: datetime) -> None:
    """Note that the actor has looked at everything."""
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(_READ_ALL, actor.tenant_id, actor.user_id, now)


async def change_setting(actor: Actor, wanted: SettingView) -> SettingView:
    """Decide how one is told outside of the product.

    :raises BadChannel: an address is none of its channel's.
    :raises BadQuietHours: one end of the quiet hours is missing.
    """
    rules.quiet(wanted.quiet_from, wanted.quiet_until)
    for each in wanted.channels:
        rules.ensure_reaches(Reach(each.channel, each.address))
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(
            _KEEP,
            actor.tenant_id,
            actor.user_id,
            msgspec.json.encode(wanted.channels).decode(),
            wanted.quiet_from,
            wanted.quiet_until,
            wanted.shows_subject,
        )
        return await queries.setting(actor)


async def deliver(tenant_id: UUID, notification_id: UUID, *, sender: Sender, now: datetime) -> None:
    """Send a notification through the channels that its reader wants; what was read is not sent.

    Each address takes it once, but for a crash between its sending and its note.

    :raises ChannelAway: an address did not take it; the others were tried.
    """
    async with db.tenant_transaction(tenant_id, readonly=True):
        row = await db.connection().fetchrow(_WAITING, tenant_id, notification_id)
    if row is None:
        return
    wanted = queries.setting_of(row)
    text = rules.outside(Kind(row["kind"]), row["subject"], shows_subject=wanted.shows_subject)
    failures: list[Exception] = []
    for each in wanted.channels:
        reach = Reach(each.channel, each.address)
        if not {f"{reach.channel}:{reach.mark}", f"{reach.channel}:"}.intersection(row["sent"]):
            failures += await _sent(tenant_id, notification_id, reach, text, sender, now)
    if failures:
        raise failures[0]


async def _sent(
    tenant_id: UUID,
    notification_id: UUID,
    reach: Reach,
    text: str,
    sender: Sender,
    now: datetime,
) -> list[Exception]:
    """Send to one address and note it; give what went wrong."""
    try:
        await sender.send(reach, text)
    # Whatever an address does, the others are tried; the job is tried again.
    except Exception as error:  # noqa: BLE001 - see above
        return [error]
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(
            _SENT, tenant_id, notification_id, reach.channel, reach.mark, now
        )
    return []
