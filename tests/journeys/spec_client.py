"""Sync with a server by what docs/sync-protocol.md says, and by nothing else.

A second reader of the specification: it shares no code with the product, so that what the document
does not say cannot work here by chance.
"""

import hashlib
import time
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import zstandard

from tests.journeys.spec_wire import READ, WRITE, Message

SCHEMA = 3


class Refused(Exception):
    """The server answered with a problem document."""

    def __init__(self, answer: httpx.Response) -> None:
        """Keep the answer."""
        super().__init__(f"{answer.status_code} {answer.text[:300]}")
        self.status = answer.status_code
        self.problem = answer.json()
        self.code = self.problem["code"]


async def enrol(http: httpx.AsyncClient, code: str, *, compact: bool = False) -> "Device":
    """Enrol a device by a code that is good once."""
    answer = await http.post(
        "/v1/devices/enrolment",
        json={"code": code, "device_name": "reader of the specification", "platform": "linux"},
    )
    if answer.is_error:
        raise Refused(answer)
    return Device(http, answer.json(), compact=compact)


class Device:
    """One device: an outbox of numbered ops over a replica, and how both meet the server."""

    def __init__(self, http: httpx.AsyncClient, grant: Message, *, compact: bool = False) -> None:
        """Begin with nothing, speaking JSON or the compact form."""
        self.http, self.compact, self.grant = http, compact, grant
        self.cursor: str | None = None
        self.seq, self.epoch, self.last_number = 0, 1, 0
        self.records: dict[tuple[str, str], Message] = {}
        self.staged: list[Message] = []
        self.is_snapshot = True
        self.outbox: list[Message] = []
        self.outcomes: dict[int, Message] = {}
        self.page_limit = 2000

    async def renew(self) -> None:
        """Exchange the refresh token for an access token and its own successor."""
        answer = await self.http.post(
            "/v1/auth/token", json={"refresh_token": self.grant["refresh_token"]}
        )
        if answer.is_error:
            raise Refused(answer)
        self.grant |= answer.json()

    def headers(self) -> dict[str, str]:
        """Show the access token."""
        return {"Authorization": f"Bearer {self.grant['access_token']}"}

    async def send(self, what: str, message: Message) -> Message:
        """Send one message in this device's encoding and read the answer."""
        if self.compact:
            body = msgspec.msgpack.encode(WRITE[what](message))
            answer = await self.send_bytes(what, body, "application/msgpack")
            return dict(READ[what](msgspec.msgpack.decode(answer.content, strict=False)))
        answer = await self.send_bytes(what, msgspec.json.encode(message), "application/json")
        return dict(answer.json())

    async def send_bytes(self, what: str, body: bytes, media_type: str) -> httpx.Response:
        """Send bytes, compressed, and refuse to read anything but a clear answer."""
        answer = await self.http.post(
            f"/v1/sync/{what}",
            content=zstandard.compress(body),
            headers={
                **self.headers(),
                "Content-Type": media_type,
                "Content-Encoding": "zstd",
                "Accept-Encoding": "zstd",
            },
        )
        if answer.is_error:
            raise Refused(answer)
        return answer

    # edits, offline

    def write(self, op: str, **rest: Any) -> Message:
        """Put one op into the outbox, under the next number."""
        self.last_number += 1
        made = {"op": op, "number": self.last_number, **rest}
        made.setdefault("at_ms", time.time_ns() // 1_000_000)
        if op != "intent":
            made.setdefault("base", self.seq)
        self.outbox.append(made)
        return made

    def create(self, kind: str, /, **fields: Any) -> str:
        """Make a record."""
        name = str(uuid4())
        self.write("create", kind=kind, id=name, fields=fields)
        return name

    def edit(self, kind: str, record: str, /, *, by_handle: bool = False, **fields: Any) -> int:
        """Change fields of a record; a merged text says what it was."""
        shown = self.shown(kind, record)
        was = {"remark": shown.get("remark") or ""} if "remark" in fields else {}
        who = {"handle": self.records[kind, record]["handle"]} if by_handle else {"id": record}
        more = {"was": was} if was else {}
        return int(self.write("edit", kind=kind, **who, fields=fields, **more)["number"])

    def group(self, count: int) -> None:
        """Make one atomic group of the last ops of the outbox."""
        ops = self.outbox[-count:]
        for op in ops:
            op["group"] = [ops[0]["number"], ops[-1]["number"]]

    # what the person sees

    def shown(self, kind: str, name: str) -> Message:
        """Give a record's fields, with what was done here over them."""
        fields = dict(self.records.get((kind, name), {}).get("fields", {}))
        for op in self.outbox:
            same = op.get("id") == name or (
                "handle" in op and self.records.get((kind, name), {}).get("handle") == op["handle"]
            )
            if op.get("kind") == kind and same and op["op"] in ("create", "edit"):
                fields |= op["fields"]
        return fields

    def held(self) -> dict[tuple[str, str], Message]:
        """Give all records without their handles, to compare two devices."""
        return {
            key: {n: v for n, v in one["fields"].items() if v not in (None, [])}
            for key, one in self.records.items()
        }

    def conflicts(self, name: str) -> list[Message]:
        """Give the conflicts of one record."""
        return [
            one["fields"] | {"id": key}
            for (kind, key), one in self.records.items()
            if kind == "conflict" and one["fields"]["record_id"] == name
        ]

    # sync

    async def push(self, *, pull: bool = True, most: int = 500) -> Message:
        """Send what waits, and take the outcomes and the page that come back."""
        ops = [op for op in self.outbox if op["number"] not in self.outcomes][:most]
        message = {
            "protocol": 2,
            "schema": SCHEMA,
            "device_time_ms": time.time_ns() // 1_000_000,
            "ops": ops,
            "epoch": self.epoch,
        }
        if pull:
            message["pull"] = self.pull_request()
        answer = await self.send("push", message)
        if ops and not answer["outcomes"]:
            for op in ops:
                if "handle" in op:
                    op["id"] = self.id_of(op["kind"], op.pop("handle"))
        known = [one for one in answer["outcomes"] if one["code"] != "number_reused"]
        self.outcomes |= {one["number"]: one for one in known}
        if len(known) < len(answer["outcomes"]):
            self.renumber(answer["acknowledged"])
        if answer.get("pull"):
            self.take(answer["pull"])
        self.uncover()
        return answer

    def id_of(self, kind: str, handle: int) -> str:
        """Find a record by its handle."""
        return next(
            name for (k, name), one in self.records.items() if k == kind and one["handle"] == handle
        )

    def pull_request(self) -> Message:
        """Ask for what is newer, or for a snapshot."""
        asked = {"limit": self.page_limit}
        return asked | ({"cursor": self.cursor} if self.cursor else {})

    async def pull(self) -> int:
        """Pull until there is no more; answer how many pages it took."""
        pages = 0
        while True:
            page = await self.send("pull", self.pull_request())
            pages += 1
            self.take(page)
            if not page.get("more") and not page.get("reset"):
                self.uncover()
                return pages

    def take(self, page: Message) -> None:
        """Stage a page, and show all pages with the last one."""
        if page["from_cursor"] != self.cursor:
            return
        self.is_snapshot |= self.cursor is None
        self.cursor = page["cursor"]
        if page.get("reset"):
            self.staged = []
            return
        self.staged.append(page)
        if page.get("more"):
            return
        if self.is_snapshot:
            self.records = {}
        for one in self.staged:
            self.apply(one)
        self.staged, self.is_snapshot = [], False
        self.seq, self.epoch = page["seq"], page["epoch"]
        if page["acknowledged"] > self.last_number:
            self.renumber(page["acknowledged"])

    def renumber(self, acknowledged: int) -> None:
        """Go on above the numbers that this device used before it was restored."""
        waiting = [op for op in self.outbox if op["number"] not in self.outcomes]
        for number, op in enumerate(waiting, acknowledged + 1):
            if "group" in op:
                op["group"] = [end + number - op["number"] for end in op["group"]]
            op["number"] = number
        self.last_number = acknowledged + len(waiting)

    def apply(self, page: Message) -> None:
        """Apply drops, batches, patches, in this order."""
        for name in page.get("drops", []):
            self.forget("customer", name)
        for batch in page.get("batches", []):
            self.put(batch)
        for patch in page.get("patches", []):
            if patch.get("deleted"):
                self.forget(patch["kind"], patch["id"])
                continue
            held = self.records[patch["kind"], patch["id"]]
            held["fields"] |= patch.get("fields", {})
            held["seq"] = patch["seq"]

    def put(self, batch: Message) -> None:
        """Replace what is held of the records of a batch."""
        handles = batch.get("handles") or [None] * len(batch["ids"])
        for at, name in enumerate(batch["ids"]):
            self.records[batch["kind"], name] = {
                "seq": batch["seqs"][at],
                "handle": handles[at],
                "fields": {
                    field: batch["columns"][place][at]
                    for place, field in enumerate(batch["fields"])
                },
            }

    def forget(self, kind: str, name: str) -> None:
        """End a record, and with a customer all that belongs to it."""
        self.records.pop((kind, name), None)
        if kind == "customer":
            for key in [
                k for k, r in self.records.items() if r["fields"].get("customer_id") == name
            ]:
                del self.records[key]

    def uncover(self) -> None:
        """Take away what lies over the replica and is shown by it, or had no effect."""
        self.outbox = [op for op in self.outbox if not self.over(op["number"])]

    def over(self, number: int) -> bool:
        """Tell whether an op needs to be shown no longer."""
        outcome = self.outcomes.get(number)
        if outcome is None:
            return False
        return (
            outcome["status"] not in ("applied", "merged") or (outcome.get("seq") or 0) <= self.seq
        )

    async def sync(self) -> None:
        """Push and pull until nothing is left."""
        while any(op["number"] not in self.outcomes for op in self.outbox):
            await self.push()
        await self.pull()

    # digests

    def hash_of(self, kind: str, name: str) -> bytes:
        """Hash one record."""
        held = self.records[kind, name]
        fields = {n: v for n, v in sorted(held["fields"].items()) if v is not None and v != []}
        told = [kind, name, held["seq"], fields]
        told += [] if held["handle"] is None else [held["handle"]]
        return hashlib.blake2b(msgspec.msgpack.encode(told), digest_size=16).digest()

    def digest(self, kind: str, suffix: str) -> str:
        """Add up the hashes of a range."""
        total = sum(
            int.from_bytes(self.hash_of(k, name), "big")
            for k, name in self.records
            if k == kind and name.endswith(suffix)
        )
        return (total % 2**128).to_bytes(16, "big")[:8].hex()

    async def verify(self) -> int:
        """Compare with the server and repair what differs; answer the round trips."""
        trips = 0
        branches: list[Message] = []
        leaves: list[Message] = []
        while True:
            asked = {"pull": self.pull_request(), "branches": branches, "leaves": leaves}
            answer = await self.send("digest", asked)
            trips += 1
            self.take(answer["pull"])
            repaired = bool(answer.get("batches") or answer.get("strange"))
            for strange in answer.get("strange", []):
                for key in [k for k in self.records if self.hash_of(*k).hex()[:16] == strange]:
                    del self.records[key]
            for batch in answer.get("batches", []):
                self.put(batch)
            branches, leaves = [], []
            for branch in answer.get("branches", []):
                for digit, theirs in zip("0123456789abcdef", branch["digests"], strict=True):
                    self.compare(
                        branch["kind"], digit + branch.get("suffix", ""), theirs, branches, leaves
                    )
            if not branches and not leaves and not repaired:
                return trips
            assert trips < 12, "comparing comes to an end"

    def compare(
        self, kind: str, suffix: str, theirs: str, branches: list[Message], leaves: list[Message]
    ) -> None:
        """Ask deeper where a digest is not this device's own."""
        if self.digest(kind, suffix) == theirs:
            return
        hashes = [
            self.hash_of(*key).hex()[:16]
            for key in self.records
            if key[0] == kind and key[1].endswith(suffix)
        ]
        if len(hashes) <= 256:
            leaves.append({"kind": kind, "suffix": suffix, "hashes": hashes})
        else:
            branches.append({"kind": kind, "suffix": suffix})
