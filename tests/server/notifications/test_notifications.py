"""People are told once, where and when they want, and nobody's numbers leave the product."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor
from server.identity import service as identity
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from server.notifications import queries, rules, service
from server.notifications.channels import AppriseSender, ChannelAway, NullSender, Sender
from server.notifications.rules import BadChannel, BadQuietHours, Channel, Kind, Quiet, Reach
from server.notifications.schemas import ReachView, SettingView
from tests.factories import NOW, Tenant

ROBOT = "robot-of-the-tests"


class Receiver:
    """A robot's server on this machine: keeps what it is sent, and may be down."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self.is_down = False
        here = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if not here.is_down:
                    here.received.append({"path": self.path, **json.loads(body)})
                self.send_response(503 if here.is_down else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        """Give the Apprise address of this robot."""
        return f"json://127.0.0.1:{self.server.server_port}/{{address}}"

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def robot() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
async def reader(tenant: Tenant) -> Actor:
    """Somebody who is told things by a robot too."""
    wanted = SettingView(channels=[ReachView(Channel.WECOM, ROBOT)])
    await service.change_setting(tenant.rep, wanted)
    return tenant.rep


async def tell(
    tenant: Tenant,
    *people: Actor,
    key: str = "task:1",
    subject: str = "联系陈老板 13800000000",
    now: datetime = NOW,
) -> int:
    """Tell people of a task."""
    users = [person.user_id for person in people]
    return await service.tell(
        tenant.tenant_id,
        users,
        Kind.TASK_GIVEN,
        key=key,
        subject=subject,
        page="/tasks",
        now=now,
    )


async def waiting(tenant: Tenant) -> list[tuple[UUID, datetime]]:
    """List what waits to leave, and from when on."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT payload, run_at FROM outbox WHERE tenant_id = $1 AND topic = $2",
            tenant.tenant_id,
            service.TOPIC,
        )
    return [(UUID(msgspec.json.decode(row["payload"])["id"]), row["run_at"]) for row in rows]


async def deliver(tenant: Tenant, sender: Sender) -> None:
    """Send what waits."""
    for notification_id, _ in await waiting(tenant):
        await service.deliver(tenant.tenant_id, notification_id, sender=sender, now=NOW)


async def test_what_is_told_twice_is_one_notification(tenant: Tenant) -> None:
    assert await tell(tenant, tenant.rep, tenant.manager) == 2
    assert await tell(tenant, tenant.rep, tenant.manager) == 0
    assert await tell(tenant, tenant.rep, key="task:2") == 1

    assert (await queries.unread(tenant.rep)).unread == 2
    assert (await queries.unread(tenant.manager)).unread == 1
    assert (await queries.unread(tenant.owner)).unread == 0


async def test_one_reads_what_one_was_told_and_nothing_else(tenant: Tenant, rival: Tenant) -> None:
    await tell(tenant, tenant.rep)
    await tell(tenant, tenant.rep, key="task:2")
    [newest, oldest] = (await queries.notifications(tenant.rep)).items

    await service.read(tenant.rep, newest.id, now=NOW)
    for stranger in (tenant.manager, rival.owner):
        with pytest.raises(NotFound):
            await service.read(stranger, oldest.id, now=NOW)
    left = (await queries.notifications(tenant.rep, is_unread=True)).items
    assert [each.id for each in left] == [oldest.id]
    await service.read_all(tenant.rep, now=NOW)

    assert (await queries.unread(tenant.rep)).unread == 0
    assert (await queries.notifications(rival.owner)).items == []


async def test_the_list_comes_in_pages(tenant: Tenant) -> None:
    for number in range(5):
        await tell(tenant, tenant.rep, key=str(number), now=NOW + timedelta(seconds=number))

    first = await queries.notifications(tenant.rep, limit=3)
    second = await queries.notifications(tenant.rep, limit=3, cursor=first.next_cursor)

    assert len({each.id for each in (*first.items, *second.items)}) == 5
    assert second.next_cursor is None


async def test_who_was_let_go_is_told_nothing(
    tenant: Tenant, reader: Actor, robot: Receiver
) -> None:
    await tell(tenant, reader)
    await identity.disable_user(tenant.owner, reader.user_id, now=NOW)
    await deliver(tenant, AppriseSender({Channel.WECOM: robot.address}))

    assert robot.received == [], "what waited for the morning does not leave either"
    assert await tell(tenant, reader, key="task:2") == 0


async def test_a_notification_leaves_through_the_channel_once(
    tenant: Tenant, reader: Actor, robot: Receiver
) -> None:
    sender = AppriseSender({Channel.WECOM: robot.address})
    await tell(tenant, reader)

    await deliver(tenant, sender)
    await deliver(tenant, sender)

    [sent] = robot.received
    assert sent["path"] == f"/{ROBOT}"
    assert sent["message"].startswith("您有一项新任务：联系陈老板")


async def test_nobodys_number_leaves(tenant: Tenant, reader: Actor, robot: Receiver) -> None:
    await tell(tenant, reader, subject="回访 138 0000 0000，chen@example.com")
    await deliver(tenant, AppriseSender({Channel.WECOM: robot.address}))

    text = json.dumps(robot.received, ensure_ascii=False)
    assert "0000" not in text
    assert "chen@" not in text


async def test_who_wants_no_subject_outside_sends_none(
    tenant: Tenant, reader: Actor, robot: Receiver
) -> None:
    wanted = SettingView(channels=[ReachView(Channel.WECOM, ROBOT)], shows_subject=False)
    await service.change_setting(reader, wanted)
    await tell(tenant, reader)
    await deliver(tenant, AppriseSender({Channel.WECOM: robot.address}))

    assert [each["message"] for each in robot.received] == ["您有一项新任务"]


async def test_what_was_read_does_not_leave(tenant: Tenant, reader: Actor, robot: Receiver) -> None:
    await tell(tenant, reader)
    await service.read_all(reader, now=NOW)
    await deliver(tenant, AppriseSender({Channel.WECOM: robot.address}))

    assert robot.received == []


async def test_a_channel_that_is_down_is_tried_again_and_the_others_are_not(
    tenant: Tenant, reader: Actor, robot: Receiver
) -> None:
    other = Receiver()
    wanted = [ReachView(Channel.WECOM, ROBOT), ReachView(Channel.FEISHU, ROBOT)]
    await service.change_setting(reader, SettingView(channels=wanted))
    sender = AppriseSender({Channel.WECOM: robot.address, Channel.FEISHU: other.address})
    await tell(tenant, reader)
    robot.is_down = True
    with pytest.raises(ChannelAway):
        await deliver(tenant, sender)
    robot.is_down = False

    await deliver(tenant, sender)
    other.close()

    assert (len(robot.received), len(other.received)) == (1, 1)


async def test_of_two_addresses_of_a_channel_each_takes_it_once(
    tenant: Tenant, reader: Actor
) -> None:
    wanted = [ReachView(Channel.WECOM, f"{ROBOT}-{name}") for name in ("first", "second")]
    await service.change_setting(reader, SettingView(channels=wanted))
    await tell(tenant, reader)
    taken: list[str] = []
    down = {f"{ROBOT}-second"}

    class Robots:
        async def send(self, reach: Reach, text: str) -> None:
            if reach.address in down:
                raise ChannelAway(text)
            taken.append(reach.address)

    with pytest.raises(ChannelAway):
        await deliver(tenant, Robots())
    down.clear()
    for _ in range(2):
        await deliver(tenant, Robots())

    assert taken == [f"{ROBOT}-first", f"{ROBOT}-second"]


async def test_without_a_channel_nothing_waits_to_leave(tenant: Tenant) -> None:
    await tell(tenant, tenant.rep)

    assert await waiting(tenant) == []
    await NullSender().send(Reach(Channel.WECOM, ROBOT), "x")


async def test_quiet_hours_put_off_what_leaves(tenant: Tenant) -> None:
    night = SettingView(
        channels=[ReachView(Channel.WECOM, ROBOT)], quiet_from=22 * 60, quiet_until=8 * 60
    )
    await service.change_setting(tenant.rep, night)
    late = datetime(2026, 3, 2, 23, 30, tzinfo=ZONE).astimezone(UTC)
    await tell(tenant, tenant.rep, now=late)

    [(_, run_at)] = await waiting(tenant)

    assert run_at == datetime(2026, 3, 3, 8, 0, tzinfo=ZONE)
    assert (await queries.unread(tenant.rep)).unread == 1, "in the product it is there at once"


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.WECOM, "key/../../elsewhere"),
        (Channel.WECOM, "key@evil.example"),
        (Channel.DINGTALK, "token?x=1"),
        (Channel.EMAIL, "nobody-at-all"),
        (Channel.EMAIL, "a@b.example&to=c@d.example"),
    ],
)
async def test_an_address_leads_to_its_channel_and_nowhere_else(
    tenant: Tenant, channel: Channel, address: str
) -> None:
    with pytest.raises(BadChannel):
        await service.change_setting(
            tenant.rep, SettingView(channels=[ReachView(channel, address)])
        )

    assert await queries.setting(tenant.rep) == SettingView()


async def test_quiet_hours_have_two_ends(tenant: Tenant) -> None:
    with pytest.raises(BadQuietHours):
        await service.change_setting(tenant.rep, SettingView(quiet_from=60))


minutes = st.integers(0, 1439)


@given(minutes, minutes, st.integers(0, 10 * 1440))
def test_quiet_hours_end_at_their_end_and_change_nothing_outside(
    begin: int, end: int, passed: int
) -> None:
    if begin == end:
        return
    moment = datetime(2026, 3, 2, tzinfo=ZONE) + timedelta(minutes=passed)

    free = Quiet(begin, end).first_after(moment.astimezone(UTC))

    of_day = [begin, *((begin + more) % 1440 for more in range(1, (end - begin) % 1440))]
    if passed % 1440 in of_day:
        local = free.astimezone(ZONE)
        assert local.hour * 60 + local.minute == end
        assert timedelta() < free - moment <= timedelta(days=1)
    else:
        assert free == moment


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_said_in_both_languages(kind: Kind) -> None:
    assert rules.sentence(kind, is_chinese=True) != rules.sentence(kind, is_chinese=False)
