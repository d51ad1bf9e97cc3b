"""Photos on a phone: there at once, sent after the ops, cut and resumed, fetched and kept.

The stories are told twice: around the real application, and around the server in memory.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from mobile_client_sdk.aio import AsyncClient
from mobile_client_sdk.attachments import LaneState, NotAttachable, SendProgress, kept
from mobile_client_sdk.attachments.files import folder_of
from mobile_client_sdk.client import Client, SyncState, open_client
from mobile_client_sdk.records import Attachment
from mobile_client_sdk.transport import Offline, RequestRefused
from sync_protocol.attachments import CHUNK_BYTES, identify
from tests.mobile_client_sdk.people import in_thread, only
from tests.server.attachments.files import document, photo, photo_of

PHOTO_BYTES = 5 * 1024 * 1024


class Killed(BaseException):
    """The app is gone from one moment to the next: nothing of it tidies up."""


class Cable(httpx.BaseTransport):
    """A way to a server on which an app can be killed, and whose photos are weighed."""

    def __init__(self, server: httpx.BaseTransport) -> None:
        self._server = server
        self.bytes_put = 0
        self.requests: list[str] = []
        self.is_down = False
        self.too_many: list[str] = []
        """So many seconds the server asks for at the next requests that send bytes."""
        self.kill_before_answer: Callable[[httpx.Request], bool] = lambda _: False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, and kill who sent it if that is the plan."""
        if self.is_down:
            raise httpx.ConnectError("no network", request=request)
        body = request.read()
        self.requests.append(f"{request.method} {request.url.path.rsplit('/', 1)[-1]}")
        if request.method == "PUT" and self.too_many:
            return httpx.Response(429, headers={"Retry-After": self.too_many.pop(0)})
        if request.method == "PUT":
            self.bytes_put += len(body)
        is_killed = self.kill_before_answer(request)
        answer = self._server.handle_request(request)
        if is_killed:
            raise Killed
        return answer


class Field(ABC):
    """Phones of one company."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cables: dict[str, Cable] = {}
        self._open: list[Client] = []

    @abstractmethod
    async def code(self, name: str) -> str:
        """Give somebody an enrolment code: the ``rep`` or the ``boss``."""

    @abstractmethod
    def way(self) -> httpx.BaseTransport:
        """Answer a way to the server."""

    @abstractmethod
    async def revoke(self, device_id: str) -> None:
        """Take a device's right away."""

    def open(self, name: str) -> Client:
        """Open somebody's app, as after it was killed."""
        client = open_client(self.file(name), "http://tonglu.test", http=self.cables[name])
        self._open.append(client)
        return client

    async def enrol(self, name: str) -> Client:
        """Give somebody a phone and let it load."""
        self.cables[name] = Cable(self.way())
        code = await self.code(name)

        def start() -> Client:
            client = self.open(name)
            client.enrol(code, device_name=name)
            assert client.sync().is_complete
            return client

        return await asyncio.to_thread(start)

    def file(self, name: str) -> Path:
        """Answer where somebody's store is."""
        return self._folder / f"{name}.db"

    def files(self, name: str) -> list[Path]:
        """List the files beside somebody's store."""
        return sorted(folder_of(self.file(name)).iterdir())

    def close(self) -> None:
        """Close all apps."""
        for client in self._open:
            client.close()


async def test_a_photo_follows_its_visit_and_reaches_a_colleague(field: Field) -> None:
    rep, boss = await field.enrol("rep"), await field.enrol("boss")
    taken = photo(400, 300)

    def story() -> None:
        field.cables["rep"].is_down = True
        shop = rep.create_customer(name="福满楼")
        visit = rep.add_note(shop, "要两箱")
        made = rep.attach(shop, taken, name="门头.jpg", subject=visit)
        assert rep.content(made) == taken
        assert rep.send_attachments().state is LaneState.WAITING

        field.cables["rep"].is_down = False
        assert rep.sync().is_complete
        assert boss.sync().is_complete
        (theirs,) = boss.attachments(only(boss))
        assert (theirs.name, theirs.subject_id, theirs.state) == ("门头.jpg", visit.id, "expected")
        with pytest.raises(RequestRefused):
            boss.content(theirs)

        told: list[SendProgress] = []
        report = rep.send_attachments(on_progress=told.append)
        assert (report.state, report.stored, report.pending) == (LaneState.COMPLETE, 1, 0)
        assert [each.sent for each in told] == [0, len(taken)]
        boss.sync()
        rep.sync()
        assert only_photo(boss).state == only_photo(rep).state == "stored"
        fetched = boss.content(only_photo(boss))
        assert fetched.startswith(b"\xff\xd8\xff")
        assert boss.thumbnail(only_photo(boss)).startswith(b"\xff\xd8\xff")
        field.cables["boss"].is_down = True
        assert boss.content(only_photo(boss)) == fetched
        assert rep.content(only_photo(rep)) == taken
        field.close()

    await in_thread(story)


async def test_what_arrived_is_not_sent_again_though_its_answer_was_lost(field: Field) -> None:
    await field.enrol("rep")
    cable, taken = field.cables["rep"], photo_of(4 * CHUNK_BYTES)
    put: list[int] = []

    def kill_once(request: httpx.Request) -> bool:
        """Kill the app at each chunk: the server has it, and the app never hears of it."""
        number = int(request.url.path.rsplit("/", 1)[-1]) if request.method == "PUT" else -1
        is_first = number >= 0 and number not in put
        put.extend([number] * (number >= 0))
        return is_first

    def story() -> int:
        client = field.open("rep")
        client.attach(client.create_customer(name="福满楼"), taken)
        assert client.sync().is_complete
        cable.kill_before_answer = kill_once
        kills = 0
        while True:
            # An app that was killed is not closed: another one opens what lies on the disk.
            client = field.open("rep")
            try:
                report = client.send_attachments()
            except Killed:
                kills += 1
                continue
            assert (report.state, report.stored) == (LaneState.COMPLETE, 1)
            return kills

    kills = await in_thread(story)

    assert kills == 4
    assert cable.bytes_put == len(taken)
    field.close()


async def test_photos_are_sent_beside_the_loop_of_an_app(field: Field) -> None:
    app = AsyncClient(await field.enrol("rep"))

    shop = await app.create_customer(name="福满楼")
    made = await app.attach(shop, photo(), name="门头.jpg")
    assert (await app.sync()).is_complete
    report, _ = await asyncio.gather(app.send_attachments(), app.customers())

    assert report.stored == 1
    assert await app.content(made)
    await app.close()


async def test_a_chunk_that_is_cut_on_its_way_is_all_that_is_sent_again(field: Field) -> None:
    rep = await field.enrol("rep")
    cable, taken = field.cables["rep"], photo_of(4 * CHUNK_BYTES)

    def story() -> None:
        rep.attach(rep.create_customer(name="福满楼"), taken)
        rep.sync()
        cable.kill_before_answer = lambda request: _cut(cable, request, at=2)
        assert rep.send_attachments().state is LaneState.OFFLINE
        cable.kill_before_answer, cable.is_down = (lambda _: False), False
        (waiting,) = rep.unsent_attachments()
        assert waiting.sent == 2 * CHUNK_BYTES
        assert rep.send_attachments().stored == 1

    await in_thread(story)

    assert 0 < cable.bytes_put - len(taken) <= CHUNK_BYTES


async def test_a_photo_of_5_mb_killed_at_every_chunk_sends_256_kb_again_in_all(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    await field.enrol("rep")
    cable, taken = field.cables["rep"], photo_of(PHOTO_BYTES)
    cut: set[str] = set()

    def kill_within(request: httpx.Request) -> bool:
        """Kill the app once within each chunk: what was under way does not arrive."""
        if request.method == "PUT" and request.url.path not in cut:
            cut.add(request.url.path)
            raise Killed
        return False

    def story() -> None:
        client = field.open("rep")
        client.attach(client.create_customer(name="福满楼"), taken)
        assert client.sync().is_complete
        cable.kill_before_answer = kill_within
        while True:
            client = field.open("rep")
            try:
                assert client.send_attachments().stored == 1
            except Killed:
                continue
            return

    await in_thread(story)

    again = cable.bytes_put - len(taken)
    puts = sum(request.startswith("PUT") for request in cable.requests)
    with capsys.disabled():
        print(f"\n{len(taken)} bytes, {len(cut)} cuts: {again} bytes again in {puts} requests")  # noqa: T201 - the counts are the result
    assert len(cut) == PHOTO_BYTES // CHUNK_BYTES
    assert 0 < again <= CHUNK_BYTES
    field.close()


def _cut(cable: Cable, request: httpx.Request, *, at: int) -> bool:
    """Lose the network within a chunk: it was sent, and did not arrive whole."""
    if request.method == "PUT" and request.url.path.endswith(f"/{at}"):
        cable.is_down = True
        raise httpx.WriteError("cut", request=request)
    return False


async def test_a_device_that_is_too_quick_pauses_as_long_as_it_is_asked_and_goes_on(
    field: Field,
) -> None:
    rep = await field.enrol("rep")
    cable, taken = field.cables["rep"], photo_of(2 * CHUNK_BYTES)
    paused: list[float] = []

    def story() -> None:
        rep.attach(rep.create_customer(name="福满楼"), taken)
        rep.sync()
        rep._lane.wire.pause = paused.append
        cable.too_many = ["2", "3"]
        assert rep.send_attachments().stored == 1
        assert paused == [2, 3]

        rep.attach(rep.create_customer(name="得月楼"), photo_of(CHUNK_BYTES + 7))
        rep.sync()
        cable.too_many = ["60"]
        report = rep.send_attachments()
        assert (report.state, report.pending) == (LaneState.TRY_LATER, 1)
        assert paused == [2, 3], "nobody waits for so long within a turn"

    await in_thread(story)


async def test_what_the_company_has_is_not_sent_again(field: Field) -> None:
    rep = await field.enrol("rep")
    cable, taken = field.cables["rep"], photo_of(CHUNK_BYTES + 5)

    def story() -> None:
        shop = rep.create_customer(name="福满楼")
        rep.attach(shop, taken)
        rep.sync()
        assert rep.send_attachments().bytes_sent == len(taken)
        rep.attach(shop, taken, name="again.jpg")
        assert len(field.files("rep")) == 1
        rep.sync()
        report = rep.send_attachments()
        assert (report.stored, report.bytes_sent) == (1, 0)
        rep.sync()
        assert [each.state for each in rep.attachments(shop)] == ["stored"] * 2

    await in_thread(story)

    assert cable.bytes_put == len(taken)


async def test_nothing_is_sent_against_the_policy_or_before_the_ops(field: Field) -> None:
    rep = await field.enrol("rep")
    cable, taken = field.cables["rep"], photo_of(3 * CHUNK_BYTES)

    def story() -> None:
        rep.attach(rep.create_customer(name="福满楼"), taken)
        cable.requests.clear()
        assert rep.send_attachments().state is LaneState.WAITING
        assert cable.requests == []

        rep.sync()
        cable.requests.clear()
        assert rep.send_attachments(may_send=lambda: False).state is LaneState.WAITING
        assert cable.requests == []
        # The Wi-Fi ends within the first chunk.
        report = rep.send_attachments(may_send=lambda: "PUT 0" not in cable.requests)
        assert report.state is LaneState.WAITING
        assert 0 < report.bytes_sent < CHUNK_BYTES
        assert rep.send_attachments().bytes_sent == 3 * CHUNK_BYTES - report.bytes_sent

    await in_thread(story)


async def test_a_file_that_is_refused_says_why_and_holds_nobody_up(field: Field) -> None:
    rep = await field.enrol("rep")

    def story() -> None:
        shop = rep.create_customer(name="福满楼")
        bad = rep.attach(shop, b"\xff\xd8\xff\xe0 no photo at all", name="bad.jpg")
        rep.attach(shop, document(), name="合同.pdf")
        rep.sync()

        report = rep.send_attachments()

        assert (report.state, report.stored) == (LaneState.COMPLETE, 1)
        (unsent,) = rep.unsent_attachments()
        assert (unsent.attachment_id, unsent.code) == (bad.id, "not_readable")
        rep.give_up_attachment(bad.id)
        assert rep.unsent_attachments() == []

    await in_thread(story)


async def test_a_record_that_was_refused_keeps_its_file_here(field: Field) -> None:
    rep = await field.enrol("rep")
    boss = await field.enrol("boss")

    def story() -> None:
        shop = rep.create_customer(name="福满楼")
        rep.sync()
        boss.sync()
        boss.delete(only(boss))
        boss.sync()
        made = rep.attach(shop, photo())
        rep.sync()

        assert rep.send_attachments().pending == 0
        (unsent,) = rep.unsent_attachments()
        assert (unsent.attachment_id, unsent.code) == (made.id, "parent_missing")
        assert rep.content(made)

    await in_thread(story)


async def test_what_may_not_be_attached_leaves_nothing(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    rep = await field.enrol("rep")

    def story() -> None:
        shop = rep.create_customer(name="福满楼")
        monkeypatch.setattr(kept, "MAX_BYTES", 1_000)
        for content in (b"", b"<html>", photo(400, 400)):
            with pytest.raises(NotAttachable):
                rep.attach(shop, content)
        assert rep.attachments(shop) == []
        assert rep.unsent_attachments() == []
        assert field.files("rep") == []

    await in_thread(story)


async def test_a_group_that_fails_attaches_nothing(field: Field) -> None:
    rep = await field.enrol("rep")

    def story() -> None:
        shop = rep.create_customer(name="福满楼")
        with pytest.raises(RuntimeError), rep.group():  # noqa: PT012 - what is inside is undone
            rep.attach(shop, photo())
            raise RuntimeError
        assert rep.attachments(shop) == []
        assert rep.unsent_attachments() == []

    await in_thread(story)


async def test_files_beside_an_encrypted_store_are_noise(field: Field) -> None:
    rep = await field.enrol("rep")
    taken = photo_of(2 * CHUNK_BYTES + 100)

    def story() -> None:
        assert rep.is_protected
        made = rep.attach(rep.create_customer(name="福满楼"), taken)
        (file,) = field.files("rep")
        sealed = file.read_bytes()
        assert b"\xff\xd8\xff" not in sealed[:64]
        assert taken[:64] not in sealed
        assert file.stat().st_mode & 0o077 == 0
        rep.close()

        again = field.open("rep")
        assert again.content(made) == taken
        file.write_bytes(sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:])
        with pytest.raises(Exception, match="changed"):
            again.content(made)

    await in_thread(story)


async def test_a_wiped_phone_keeps_no_photo(field: Field) -> None:
    rep = await field.enrol("rep")

    def attach() -> None:
        rep.attach(rep.create_customer(name="福满楼"), photo())
        assert len(field.files("rep")) == 1

    await in_thread(attach)
    assert rep.session is not None
    await field.revoke(rep.session.device_id)
    report = await in_thread(rep.sync)

    assert report.state is SyncState.WIPED
    assert not folder_of(field.file("rep")).exists()


async def test_fetched_files_make_room_and_unsent_ones_stay(field: Field) -> None:
    rep = await field.enrol("rep")
    first, second = photo(300, 300), photo(301, 301)

    def story() -> None:
        shop = rep.create_customer(name="福满楼")
        older, newer = rep.attach(shop, first), rep.attach(shop, second)
        rep._lane.kept.cache_bytes = len(second) + 10
        rep.sync()
        rep.send_attachments(may_send=lambda: False)
        assert len(field.files("rep")) == 2
        rep.send_attachments()
        assert len(field.files("rep")) == 1
        assert rep.content(newer) == second
        # What made room is fetched again, as the server wrote it.
        rep._lane.kept.cache_bytes = 10**9
        assert identify(rep.content(older)).sha256 != older.sha256
        field.cables["rep"].is_down = True
        assert rep.content(older)
        with pytest.raises(Offline):
            rep.thumbnail(older)

    await in_thread(story)


async def test_a_lost_answer_of_the_completion_is_asked_for_again(field: Field) -> None:
    rep = await field.enrol("rep")
    cable = field.cables["rep"]

    def story() -> None:
        rep.attach(rep.create_customer(name="福满楼"), photo())
        rep.sync()
        cable.kill_before_answer = lambda request: (
            request.url.path.endswith("completion") and cable.requests.count("PUT 0") == 1
        )
        with pytest.raises(Killed):
            rep.send_attachments()
        cable.kill_before_answer = lambda _: False
        report = field.open("rep").send_attachments()
        assert (report.stored, report.bytes_sent) == (1, 0)

    await in_thread(story)


def only_photo(client: Client) -> Attachment:
    """Answer the one photo of the one customer there is."""
    (attachment,) = client.attachments(only(client))
    return attachment
