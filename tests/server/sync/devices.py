"""A device as the server meets it: ops in, pages out, a replica of just what it was told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from server.access import Actor, Role, Scope
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import Enrolment, EnrolmentView, NewUser
from server.kit import clock
from server.settings import Settings
from server.sync import service as sync
from sync_protocol.messages import (
    Create,
    Delete,
    Edit,
    Outcome,
    PullRequest,
    PullResponse,
    PushResponse,
    ReceivedOp,
    ReceivedPush,
    SetChange,
)
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION
from tests.factories import NOW, Tenant, new_id

Replica = dict[tuple[str, str], dict[str, Any]]


async def make_device(
    settings: Settings,
    tenant: Tenant,
    *,
    role: Role = Role.SALES_REP,
    scope: Scope = Scope.TEAM,
    team_id: UUID | None = None,
) -> "Device":
    """Invite a person and enrol the person's phone, by the services."""
    enrolled = await _enrol(settings, tenant, role=role, scope=scope, team_id=team_id)
    actor = Actor(
        user_id=enrolled.user_id,
        tenant_id=tenant.tenant_id,
        role=role,
        scope=scope,
        team_id=team_id or tenant.team_id,
        device_id=enrolled.device_id,
    )
    return Device(actor)


async def make_phone_session(settings: Settings, tenant: Tenant) -> str:
    """Give the access token of a rep's enrolled phone."""
    enrolled = await _enrol(
        settings, tenant, role=Role.SALES_REP, scope=Scope.TEAM, now=clock.now()
    )
    return enrolled.access_token


async def _enrol(
    settings: Settings,
    tenant: Tenant,
    *,
    role: Role,
    scope: Scope,
    team_id: UUID | None = None,
    now: datetime = NOW,
) -> EnrolmentView:
    """Invite a person and enrol the person's phone."""
    keys.open_keys(settings)
    user_id = new_id()
    person = NewUser(
        login=f"p{user_id.hex}",
        name="外勤",
        role=role,
        id=user_id,
        team_id=team_id or tenant.team_id,
        scope=scope,
    )
    await identity.invite(tenant.owner, person, now=now)
    code = await identity.new_enrolment_code(tenant.owner, user_id=user_id, now=now)
    request = Enrolment(code=code.code, device_name="手机", platform="test", id=new_id())
    return await identity.enrol(request, address=user_id.hex, now=now)


class Device:
    """A phone: numbers its ops, keeps a replica of what it pulled."""

    def __init__(self, actor: Actor, now: datetime = NOW) -> None:
        self.actor = actor
        self.now = now
        self.number = 0
        self.cursor: str | None = None
        self.seq = 0
        self.replica: Replica = {}

    def later(self, seconds: float = 1.0) -> datetime:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def create(self, kind: str, record_id: UUID | str, **fields: Any) -> Create:
        """Make a record offline."""
        return Create(kind=kind, id=str(record_id), fields=fields, **self._head())

    def edit(self, kind: str, record_id: UUID | str, **fields: Any) -> Edit:
        """Write fields offline."""
        return Edit(kind=kind, id=str(record_id), fields=fields, **self._head())

    def tag(
        self, record_id: UUID | str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Edit:
        """Add and remove tags offline."""
        change = SetChange(add=tuple(add), remove=tuple(remove))
        return Edit(kind="customer", id=str(record_id), sets={"tags": change}, **self._head())

    def delete(self, kind: str, record_id: UUID | str) -> Delete:
        """Delete a record offline."""
        return Delete(kind=kind, id=str(record_id), **self._head())

    def _head(self) -> dict[str, Any]:
        """Number an op."""
        self.number += 1
        return {"number": self.number, "at_ms": clock.to_ms(self.now), "base": self.seq}

    async def push(self, *ops: ReceivedOp) -> PushResponse:
        """Send ops."""
        now = self.later()
        return await sync.push(self.actor, frame(ops, now), now=now)

    async def outcome(self, op: ReceivedOp) -> Outcome:
        """Send one op and give what became of it."""
        return (await self.push(op)).outcomes[0]

    async def pull(self, *, limit: int = 2000) -> PullResponse:
        """Pull page after page, then show them at once, as a device does."""
        staged, cursor = dict(self.replica), self.cursor
        while True:
            page = await sync.pull(
                self.actor, PullRequest(cursor=cursor, limit=limit), now=self.later()
            )
            assert page.from_cursor == cursor
            if page.reset:
                staged, cursor = {}, None
                continue
            take(staged, page)
            cursor = page.cursor
            if not page.more:
                self.replica, self.cursor, self.seq = staged, cursor, page.seq
                return page

    async def snapshot(self) -> Replica:
        """Give what a device of the same person would hold if it started now."""
        fresh = Device(self.actor, self.now)
        await fresh.pull()
        return fresh.replica


def frame(ops: Sequence[ReceivedOp], now: datetime) -> ReceivedPush:
    """Put ops into a push whose device has the right time."""
    return ReceivedPush(
        protocol=PROTOCOL_VERSION,
        schema=SCHEMA_VERSION,
        device_time_ms=clock.to_ms(now),
        ops=list(ops),
        forgotten=0,
        epoch=0,
        pull=None,
    )


def take(replica: Replica, page: PullResponse) -> None:
    """Put a page into a replica."""
    for batch in page.batches:
        for position, record_id in enumerate(batch.ids):
            values = [column[position] for column in batch.columns]
            replica[batch.kind, record_id] = dict(zip(batch.fields, values, strict=True))
    for patch in page.patches:
        if patch.deleted:
            drop(replica, patch.id)
        elif (patch.kind, patch.id) in replica:
            replica[patch.kind, patch.id] = {**replica[patch.kind, patch.id], **patch.fields}
        else:
            raise AssertionError(f"a patch of {patch.kind} {patch.id}, which was never sent whole")
    for customer_id in page.drops:
        drop(replica, customer_id)


def drop(replica: Replica, record_id: str) -> None:
    """Take a record out, with what belongs to it."""
    for key in [
        key
        for key, fields in replica.items()
        if key[1] == record_id or fields.get("customer_id") == record_id
    ]:
        del replica[key]
