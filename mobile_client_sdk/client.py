"""The client: what an app is written against. Everything works offline; ``sync`` does the rest.

with open_client("rep.db", "https://crm.example", clock_ms=..., random_bytes=...) as client:
    client.enrol("6WM-BR8-KXK", device_name="王芳的手机")
    ...

The store is encrypted wherever the extra ``protected`` is installed, and opens only while the lease
lasts that each contact with the server begins anew.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from os import urandom
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import httpx
import msgspec

from mobile_client_sdk import backup
from mobile_client_sdk.attachments import Lane, SendProgress, SendReport, Unsent
from mobile_client_sdk.conflicts import OpenConflict, Refusal, open_conflict, refusal
from mobile_client_sdk.engine import DEFAULT_PAGE, Fruitless, Response, SyncEngine
from mobile_client_sdk.keys import KeyKeeper
from mobile_client_sdk.lease import Lease, LeaseEnded, StoreWiped, uptime_ms
from mobile_client_sdk.outbox import MadeOp, Outbox
from mobile_client_sdk.protection import Protection, destroy_files, left_behind, save_words
from mobile_client_sdk.records import (
    RECORD_TYPES,
    Attachment,
    ConflictRecord,
    Contact,
    Customer,
    Note,
    Record,
    Tag,
)
from mobile_client_sdk.records import Store as StoreRecord
from mobile_client_sdk.replica import Progress, Replica
from mobile_client_sdk.session import (
    DeviceRevoked,
    ProtectionNeeded,
    Session,
    Sessions,
    SignedOut,
    Terms,
)
from mobile_client_sdk.store import CAN_ENCRYPT, Store, StoreUnusable, open_store
from mobile_client_sdk.transport import (
    Offline,
    RequestRefused,
    ServerTrouble,
    Transport,
    UpdateNeeded,
)
from mobile_client_sdk.views import Question, Views
from mobile_client_sdk.watch import Watch
from sync_protocol import codec
from sync_protocol.messages import (
    Create,
    Delete,
    Edit,
    Intent,
    OpGap,
    Outcome,
    PullResponse,
    PushRequest,
    SetChange,
)
from sync_protocol.schema import SCHEMA, FieldType, Policy, ValueRefused, check

R = TypeVar("R", bound=Record)
_TYPES: Final = {kind.KIND: kind for kind in RECORD_TYPES}
_ABOUT_CONTENT: Final = frozenset({400, 413, 422})
"""A push is refused as such; one op of it may be to blame."""
_SPECS: Final = {kind.KIND: tuple(SCHEMA.fields(kind.KIND).values()) for kind in RECORD_TYPES}


class SyncState(StrEnum):
    """How a sync ended."""

    COMPLETE = "complete"
    """Everything is pushed, and the replica shows the server's state."""
    OFFLINE = "offline"
    """The server could not be reached; all is kept for the next time."""
    TRY_LATER = "try_later"
    """The server cannot do it now; all is kept for the next time."""
    SIGNED_OUT = "signed_out"
    """The device must enrol again; all is kept."""
    UPDATE_NEEDED = "update_needed"
    """The app is too old for the server; all is kept."""
    PROTECTION_NEEDED = "protection_needed"
    """The company wants encrypted stores alone, and this one is not; all is kept."""
    WIPED = "wiped"
    """The device's right was taken away: its data are destroyed, its unsent words are saved."""


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did."""

    state: SyncState
    pushed: int = 0
    """Ops that the server settled."""
    merged: tuple[Outcome, ...] = ()
    """Ops that met a concurrent edit; see ``conflicts``."""
    refused: tuple[Outcome, ...] = ()
    """Ops that had no effect; see ``refusals``."""
    pending: int = 0
    """Ops that wait for the next sync."""
    pages: int = 0
    problem: str = ""
    """What went wrong, for a log."""
    saved_to: Path | None = None
    """Where a wipe has saved what the server had not settled."""

    @property
    def is_complete(self) -> bool:
        """Answer whether nothing is left to do."""
        return self.state is SyncState.COMPLETE


class SyncProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sync is, after each answer of the server."""

    is_first_load: bool
    """Nothing is shown yet but what was made here."""
    rows: int
    """Records that have come and are not shown yet; they appear all at once."""
    pushed: int
    """Ops that the server settled in this sync."""
    pending: int
    """Ops that still wait."""


class RequestState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of something that was asked of the server, such as a benefit."""

    id: str
    outcome: Outcome | None
    """None while it waits to be sent."""


class Client:
    """One person's records on one device."""

    def __init__(  # noqa: PLR0913 - here all parts of a client are put together
        self,
        store: Store,
        base_url: str,
        *,
        clock_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        http: httpx.BaseTransport | None = None,
        media: codec.MediaType = codec.MSGPACK,
        page: int = DEFAULT_PAGE,
        protection: Protection | None = None,
        app_version: str = "",
    ) -> None:
        self._store = store
        self._protection = protection
        self.base_url = base_url
        self._clock_ms = clock_ms
        self._random_bytes = random_bytes
        self._page = page
        self._app_version = app_version
        place = store if protection is None else protection.vault
        self._sessions = Sessions(place, on_terms=self._on_terms)
        self._outbox = Outbox(store)
        self._replica = Replica(store)
        self._views = Views(store)
        self._transport = Transport(base_url, self._sessions, clock_ms, http=http, media=media)
        self._lane = Lane(
            store, self._outbox, self._transport, clock_ms=clock_ms, random_bytes=random_bytes
        )
        self._seq = self._replica.progress.seq
        self._last_pending = self._outbox.pending_count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the store."""
        self._transport.close()
        if self._store.is_closed:
            return
        if self._protection is not None:
            self._protection.vault.pause()
        self._store.close()

    # ---------------------------------------------------------------------------- the device

    def enrol(self, code: str, *, device_name: str, platform: str = "python") -> Session:
        """Make this device known by a one-time code.

        :raises RequestRefused: if the code is not valid.
        :raises Offline: if the server cannot be reached.
        :raises ProtectionNeeded: if the company wants encrypted stores alone and this one is not.
        """
        session = self._transport.enrol(code, device_name=device_name, platform=platform)
        self._unlock()
        return session

    @property
    def session(self) -> Session | None:
        """Answer who this device is, or none before it is enrolled."""
        return self._sessions.current

    @property
    def sessions(self) -> Sessions:
        """Answer where the session is kept, for those who speak to the server beside ``sync``."""
        return self._sessions

    def shown_seq(self) -> int:
        """Answer the sequence that reads show."""
        return self._seq

    @property
    def is_protected(self) -> bool:
        """Answer whether the store is encrypted."""
        return self._store.is_protected

    @property
    def lease(self) -> Lease | None:
        """Answer how long the store opens without the server; none where it has no lease."""
        return None if self._protection is None else self._protection.vault.lease

    @property
    def is_loaded(self) -> bool:
        """Answer whether a first load has been completed."""
        return self._replica.is_loaded

    @property
    def progress(self) -> Progress:
        """Answer how far the replica is, also within a first load."""
        return self._replica.progress

    @property
    def pending_count(self) -> int:
        """Answer how many changes the server has not settled."""
        return self._outbox.pending_count()

    # ------------------------------------------------------------------------------- reading

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Answer one record, or none."""
        self._outbox.flush()
        return self._views.get(kind, record_id, self._seq)

    def find(self, kind: type[R], question: Question | None = None) -> Iterator[R]:
        """Answer records in order, read a page at a time."""
        self._outbox.flush()
        return self._views.find(kind, question or Question(), self._seq)

    def count(self, kind: type[Record]) -> int:
        """Answer how many records of a kind there are."""
        self._outbox.flush()
        return self._views.count(kind)

    def customer(self, customer_id: str) -> Customer | None:
        """Answer one customer, or none."""
        return self.get(Customer, customer_id)

    def customers(
        self, *, search: str = "", tag: Tag | str | None = None, **equal: object
    ) -> Iterator[Customer]:
        """Answer customers by name; ``customers(city="杭州", search="楼")`` narrows."""
        for name in equal:
            SCHEMA.field("customer", name)
        question = Question(
            equal=equal,
            search=search,
            search_in=("name", "phone", "uscc"),
            having={} if tag is None else {"tags": _id_of(tag)},
            order_by="name",
        )
        return self.find(Customer, question)

    def stores(self, customer: Customer | str) -> list[StoreRecord]:
        """Answer a customer's places."""
        return self._of_customer(StoreRecord, customer, "name")

    def contacts(self, customer: Customer | str) -> list[Contact]:
        """Answer the people at a customer."""
        return self._of_customer(Contact, customer, "name")

    def notes(self, customer: Customer | str) -> list[Note]:
        """Answer what was noted about a customer, the oldest first."""
        return self._of_customer(Note, customer, "written_at")

    def tags(self) -> list[Tag]:
        """Answer the tags of the tenant."""
        return list(self.find(Tag, Question(order_by="name")))

    def _of_customer(self, kind: type[R], customer: Customer | str, order_by: str) -> list[R]:
        question = Question(equal={"customer_id": _id_of(customer)}, order_by=order_by)
        return list(self.find(kind, question))

    # ------------------------------------------------------------------------------- writing

    @contextmanager
    def group(self, *, atomic: bool = False) -> Iterator[None]:
        """Save everything inside at once.

        An atomic group (at most 50 changes) is also accepted whole by the server, or not at all.
        """
        with self._outbox.group(atomic=atomic):
            yield

    @contextmanager
    def edit(self, record: R) -> Iterator[R]:
        """Change a record: ``with client.edit(customer) as c: c.phone = "+86..."``.

        What was changed inside is saved durably at the end; an error inside saves nothing.

        :raises ValueRefused: if a value is not of its field's form.
        """
        draft = _copy(record)
        yield draft
        self._save_changes(record, draft)

    def _save_changes(self, before: Record, after: Record) -> None:
        fields: dict[str, Any] = {}
        sets: dict[str, SetChange] = {}
        was: dict[str, str | None] = {}
        for spec in _SPECS[before.KIND]:
            old, new = getattr(before, spec.name), getattr(after, spec.name)
            if old == new:
                continue
            if spec.policy in (Policy.FIXED, Policy.APPEND):
                raise ValueRefused("field_fixed", f"{spec.name} is written once.", spec.name)
            check(spec, new)
            if spec.type is FieldType.SET:
                add, remove = tuple(sorted({*new} - {*old})), tuple(sorted({*old} - {*new}))
                sets[spec.name] = SetChange(add=add, remove=remove)
            else:
                fields[spec.name] = new
            if spec.policy is Policy.TEXT_MERGE:
                was[spec.name] = old
        if not (fields or sets):
            return
        self._outbox.add(
            Edit(
                number=self._outbox.next_number(),
                kind=before.KIND,
                id=before.id,
                fields=fields,
                sets=sets,
                was=was,
                at_ms=self._outbox.edit_time(self._clock_ms()),
                base=self._base(before),
            )
        )

    def create(self, kind: type[R], **fields: Any) -> R:
        """Make a record; it is there at once, and on the server with the next sync.

        :raises ValueRefused: if a value is missing or not of its field's form.
        """
        fields = {name: value for name, value in fields.items() if value is not None}
        for name in fields:
            if SCHEMA.field(kind.KIND, name).server_only:
                raise ValueRefused("field_server_only", f"{name} is filled in later.", name)
        for spec in _SPECS[kind.KIND]:
            check(spec, fields.get(spec.name))
        record = kind(id=self.new_id(), as_of=self._seq, **fields)
        self._outbox.add(
            Create(
                number=self._outbox.next_number(),
                kind=kind.KIND,
                id=record.id,
                fields=fields,
                at_ms=self._outbox.edit_time(self._clock_ms()),
                base=self._seq,
            )
        )
        return record

    def create_customer(self, *, name: str, **fields: Any) -> Customer:
        """Make a customer."""
        return self.create(Customer, name=name, **fields)

    def add_store(self, customer: Customer | str, **fields: Any) -> StoreRecord:
        """Add a place to a customer."""
        return self.create(StoreRecord, customer_id=_id_of(customer), **fields)

    def add_contact(self, customer: Customer | str, *, name: str, **fields: Any) -> Contact:
        """Add a person to a customer."""
        return self.create(Contact, customer_id=_id_of(customer), name=name, **fields)

    def add_note(self, customer: Customer | str, body: str) -> Note:
        """Note something about a customer."""
        now_ms = self._clock_ms()
        return self.create(Note, customer_id=_id_of(customer), body=body, written_at=now_ms)

    def create_tag(self, *, name: str, meaning: str, **fields: Any) -> Tag:
        """Make a tag."""
        return self.create(Tag, name=name, meaning=meaning, **fields)

    def tag(self, customer: Customer, tag: Tag | str) -> None:
        """Mark a customer with a tag."""
        with self.edit(self._fresh(customer)) as draft:
            draft.tags = sorted({*draft.tags, _id_of(tag)})

    def untag(self, customer: Customer, tag: Tag | str) -> None:
        """Take a tag off a customer."""
        with self.edit(self._fresh(customer)) as draft:
            draft.tags = sorted({*draft.tags} - {_id_of(tag)})

    def delete(self, record: Record) -> None:
        """Delete a record; if somebody edited it meanwhile, it stays and a conflict tells."""
        if not SCHEMA.record(record.KIND).deletable:
            raise ValueRefused("not_allowed", f"A {record.KIND} is not deleted.")
        self._outbox.add(
            Delete(
                number=self._outbox.next_number(),
                kind=record.KIND,
                id=record.id,
                at_ms=self._outbox.edit_time(self._clock_ms()),
                base=self._base(record),
            )
        )

    def _base(self, record: Record) -> int:
        """Answer what an edit builds on; a copy from before the server was restored on nothing."""
        return record.as_of if record.as_of <= self._seq else 0

    def _fresh(self, record: R) -> R:
        """Answer the record as it is shown now."""
        return self.get(type(record), record.id) or record

    # --------------------------------------------------------------------------- attachments

    def attach(
        self,
        customer: Customer | str,
        source: bytes | str | Path,
        *,
        name: str | None = None,
        subject: Record | None = None,
        **fields: Any,
    ) -> Attachment:
        """Attach a photo or file, from memory or from a path; it lies here durably at once.

        Its record goes with the next ``sync``, its bytes with ``send_attachments``.

        :param subject: the record that it shows, such as a note; else the customer.
        :raises NotAttachable: if it is no JPEG, PNG, WebP, HEIC or PDF, or too large.
        """
        identity, media_type = self._lane.keep(source)
        customer_id = _id_of(customer)
        with self.group():
            attachment = self.create(
                Attachment,
                customer_id=customer_id,
                subject_kind=Customer.KIND if subject is None else subject.KIND,
                subject_id=customer_id if subject is None else subject.id,
                name=name or (None if isinstance(source, bytes) else Path(source).name),
                media_type=media_type,
                size=identity.size,
                sha256=identity.sha256,
                **fields,
            )
            self._lane.add(attachment.id, identity)
        return attachment

    def attachments(self, customer: Customer | str) -> list[Attachment]:
        """Answer a customer's photos and files, the oldest first."""
        return self._of_customer(Attachment, customer, "id")

    def content(self, attachment: Attachment) -> bytes:
        """Answer the bytes of an attachment, fetched if they are not here.

        :raises Offline: if they are not here and the server cannot be reached.
        :raises RequestRefused: if the server has none.
        """
        return self._lane.content(attachment)

    def thumbnail(self, attachment: Attachment) -> bytes:
        """Answer a small JPEG of an attachment; raises as ``content`` does."""
        return self._lane.thumbnail(attachment)

    def send_attachments(
        self,
        *,
        may_send: Callable[[], bool] | None = None,
        on_progress: Callable[[SendProgress], None] | None = None,
    ) -> SendReport:
        """Send the bytes that wait, after the ops; a lane of its own, which holds nothing up.

        :param may_send: asked before each chunk, such as ``lambda: wifi.is_on``.
        :param on_progress: told after each chunk.
        """
        if may_send is None:
            return self._lane.send(on_progress=on_progress)
        return self._lane.send(may_send=may_send, on_progress=on_progress)

    def unsent_attachments(self) -> list[Unsent]:
        """Answer the files that are not at the server: what waits, and what was refused and why."""
        return self._lane.unsent()

    def give_up_attachment(self, attachment_id: str) -> None:
        """Let go of a file that will not be sent, or shall not."""
        self._lane.give_up(attachment_id)

    # ------------------------------------------------------------------------------- intents

    def intend(self, name: str, **args: Any) -> str:
        """Ask the server for something that it decides; answer the id of what is asked for."""
        request_id = self.new_id()
        self._outbox.add(
            Intent(
                number=self._outbox.next_number(),
                id=request_id,
                name=name,
                args=args,
                at_ms=self._outbox.edit_time(self._clock_ms()),
            )
        )
        return request_id

    def request_benefit(self, customer: Customer | str, *, program_id: str) -> str:
        """Ask for a benefit for a customer; until the server has decided it is a request."""
        return self.intend("benefits.request", customer_id=_id_of(customer), program_id=program_id)

    def request(self, request_id: str) -> RequestState | None:
        """Answer what is known of something that was asked for, while it is kept."""
        self._outbox.flush()
        made = self._outbox.by_record(request_id)
        return None if not made else RequestState(id=request_id, outcome=made[-1].outcome)

    # --------------------------------------------------------------- conflicts and refusals

    def conflicts(self, customer: Customer | str | None = None) -> list[OpenConflict]:
        """Answer the conflicts that nobody has looked at, the oldest first."""
        equal: dict[str, object] = {"state": "open"}
        if customer is not None:
            equal["customer_id"] = _id_of(customer)
        question = Question(equal=equal, order_by="happened_at")
        return [open_conflict(each) for each in self.find(ConflictRecord, question)]

    def restore(self, conflict: OpenConflict) -> None:
        """Bring back the value that was not held."""
        held = self.get(_TYPES[conflict.kind], conflict.record_id)
        if held is None:
            raise ValueRefused("not_found", "The record is not here any more.")
        with self.group(atomic=True):
            if conflict.field == "deleted":
                self.delete(held)
            else:
                with self.edit(held) as draft:
                    setattr(draft, conflict.field, conflict.other)
            self._close_conflict(conflict, "restored")

    def dismiss(self, conflict: OpenConflict) -> None:
        """Leave what is held."""
        self._close_conflict(conflict, "dismissed")

    def _close_conflict(self, conflict: OpenConflict, state: str) -> None:
        record = self.get(ConflictRecord, conflict.id)
        if record is not None:
            with self.edit(record) as draft:
                draft.state = state

    def refusals(self) -> list[Refusal]:
        """Answer what the server did not accept and nobody has looked at."""
        return [refusal(made) for made in self._outbox.refusals()]

    def forget_refusal(self, number: int) -> None:
        """Note that somebody has looked at a refusal."""
        self._outbox.mark_seen(number)

    def pending(self) -> list[MadeOp]:
        """Answer what waits for the server, the oldest first."""
        self._outbox.flush()
        return [
            MadeOp(kept.op, None) for kept in backup.words_of(self._store, self._outbox).pending
        ]

    def history(self, record: Record) -> list[MadeOp]:
        """Answer what was done to a record on this device, while it is kept."""
        self._outbox.flush()
        return self._outbox.by_record(record.id)

    # ------------------------------------------------------------------------------- syncing

    def sync(self, *, on_progress: Callable[[SyncProgress], None] | None = None) -> SyncReport:
        """Push what is pending and pull what is new. Whatever happens, nothing is lost.

        ``on_progress`` is called after each answer of the server.
        """
        engine = SyncEngine(
            self._store,
            self._outbox,
            self._replica,
            page=self._page,
            app_version=self._app_version,
            verifies=True,
        )
        state, problem, saved_to = SyncState.COMPLETE, "", None
        try:
            self._unlock()
            if not self._store.is_closed:
                self._outbox.belong_to(self._sessions.require().device_id)
            self._run(engine, on_progress)
            self._outbox.tidy(self._clock_ms())
        except Offline as error:
            state, problem = SyncState.OFFLINE, str(error)
        except DeviceRevoked as error:
            state, problem, saved_to = SyncState.WIPED, str(error), self._wipe()
        except StoreWiped as error:
            state, problem = SyncState.WIPED, str(error)
        except SignedOut as error:
            state, problem = SyncState.SIGNED_OUT, str(error)
        except UpdateNeeded as error:
            state, problem = SyncState.UPDATE_NEEDED, str(error)
        except ProtectionNeeded as error:
            state, problem = SyncState.PROTECTION_NEEDED, str(error)
        except (ServerTrouble, Fruitless, RequestRefused, LeaseEnded) as error:
            state, problem = SyncState.TRY_LATER, str(error)
        return SyncReport(
            state=state,
            pushed=engine.pushed,
            merged=tuple(engine.merged),
            refused=tuple(engine.refused),
            pending=self._pending_after(),
            pages=engine.pages,
            problem=problem,
            saved_to=saved_to,
        )

    def _pending_after(self) -> int:
        """Count what waits, as far as the store is open."""
        try:
            self._follow()
            self._last_pending = self._outbox.pending_count()
        except StoreUnusable:
            pass
        return self._last_pending

    def _follow(self) -> None:
        """Read on from what the replica shows now."""
        self._seq = self._replica.progress.seq

    def _run(self, engine: SyncEngine, on_progress: Callable[[SyncProgress], None] | None) -> None:
        while (request := engine.next_request(self._clock_ms())) is not None:
            try:
                response = self._transport.send(request)
            except RequestRefused as error:
                if error.code == DeviceRevoked.code:
                    raise DeviceRevoked(error.detail) from error
                if not isinstance(request, PushRequest):
                    raise
                self._take_refusal(engine, request, error)
                continue
            self._note_contact(response)
            engine.receive(request, response, self._clock_ms())
            self._follow()
            if on_progress is not None:
                on_progress(self._progress(engine))

    def _progress(self, engine: SyncEngine) -> SyncProgress:
        progress = self._replica.progress
        return SyncProgress(
            is_first_load=not self._replica.is_loaded,
            rows=progress.rows,
            pushed=engine.pushed,
            pending=self._outbox.pending_count(),
        )

    # ------------------------------------------------------------------- lease and revocation

    def _on_terms(self, terms: Terms) -> None:
        """Take what the server says with its tokens."""
        if self._protection is not None:
            self._protection.vault.contact(terms)
        elif terms.lease_only and not self.is_protected:
            raise ProtectionNeeded(
                "Your company wants encrypted stores; install the extra `protected`."
            )

    def _note_contact(self, response: Response) -> None:
        """Begin the lease anew: the server has answered."""
        if self._protection is not None:
            page = response if isinstance(response, PullResponse) else response.pull
            lease_ms = None if page is None else page.lease_ms
            self._protection.vault.contact(Terms(lease_ms=lease_ms))

    def _unlock(self) -> None:
        """Ask the server for the store's lease, where it has ended while the client was open."""
        if self._protection is None or self._protection.vault.is_gone:
            return
        try:
            self._protection.vault.ensure()
        except LeaseEnded:
            self._store.close()
            self._transport.renew()
        if self._store.is_closed:
            self._protection.reopen(self._store)

    def _wipe(self) -> Path | None:
        """Destroy what the server had sent here, after saving what it has not settled."""
        session, now_ms = self._sessions.current, self._clock_ms()
        if self._protection is not None:
            self._store.close()
            saved_to = self._protection.wipe()
        else:
            saved_to = left_behind(self._store.path)
            save_words(self._store, session, saved_to, now_ms=now_ms)
            self._store.close()
            destroy_files(self._store.path)
        self._store.guard = _refuse_wiped
        return saved_to if saved_to is not None and saved_to.exists() else None

    # --------------------------------------------------------------------------------- backup

    def export_outbox(self, path: str | Path, *, passphrase: str | None = None) -> backup.Head:
        """Write what the server has not settled into a file, for another device or for support.

        :raises SignedOut: before the device was enrolled.
        """
        self._outbox.flush()
        return backup.write(
            Path(path),
            backup.words_of(self._store, self._outbox),
            self._sessions.require(),
            now_ms=self._clock_ms(),
            passphrase=passphrase,
            random_bytes=self._random_bytes,
        )

    def import_outbox(self, path: str | Path, *, passphrase: str | None = None) -> backup.Import:
        """Take the changes of such a file into this device's outbox; twice is once.

        They are sent as this device's person.

        :raises BackupUnusable: if the file is damaged, sealed, or of another company.
        """
        head, words = backup.read(Path(path), passphrase=passphrase)
        return backup.take_in(self._store, self._outbox, head, words, self._sessions.require())

    # -------------------------------------------------------------------------------- watching

    def watch(self, kind: type[R], *, order_by: str = "", **equal: object) -> Watch[R]:
        """Follow the records of a question: ``client.watch(Customer, city="杭州")``.

        The watch tells exactly when its result has changed: by an edit here, or by a sync.
        """
        for name in equal:
            SCHEMA.field(kind.KIND, name)
        named = "name" if "name" in SCHEMA.fields(kind.KIND) else "id"
        question = Question(equal=equal, order_by=order_by or named)

        def read() -> list[R]:
            self._follow()
            return list(self.find(kind, question))

        return Watch(self._store, read)

    def _take_refusal(
        self, engine: SyncEngine, request: PushRequest, error: RequestRefused
    ) -> None:
        if error.code == OpGap.code and error.acknowledged is not None:
            engine.fill_gap(error.acknowledged)
        elif error.status in _ABOUT_CONTENT:
            engine.refuse(request, error.detail, self._clock_ms())
        else:
            raise error

    def new_id(self) -> str:
        """Make an id in the layout of UUIDv7: ids of one device sort by time."""
        noise = int.from_bytes(self._random_bytes(10))
        value = (self._clock_ms() & (2**48 - 1)) << 80 | noise
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        return str(UUID(int=value))


def open_client(  # noqa: PLR0913 - an app says here all that is its own
    path: str | Path,
    base_url: str,
    *,
    key: bytes | None = None,
    keeper: KeyKeeper | None = None,
    passphrase: str | None = None,
    protect: bool | None = None,
    clock_ms: Callable[[], int] | None = None,
    uptime_ms: Callable[[], int] = uptime_ms,
    random_bytes: Callable[[int], bytes] = urandom,
    http: httpx.BaseTransport | None = None,
    media: codec.MediaType = codec.MSGPACK,
    page: int = DEFAULT_PAGE,
    app_version: str = "",
) -> Client:
    """Open a client on a store file; the clock and the randomness are the system's by default.

    The store is encrypted where the extra ``protected`` is installed, with a key that ``keeper``
    keeps (a file beside the store by default, with a ``passphrase`` where one is given) and under a
    lease. ``protect=False`` leaves it readable; ``protect=True`` refuses to. An app that keeps a
    ``key`` of 32 bytes itself gets an encrypted store without a lease. ``app_version`` is what the
    company's list of devices shows.

    :raises LeaseEnded: if the device was without its server for too long; see ``renew_lease``.
    :raises WrongKey: if the key or the passphrase is another one.
    """
    now = clock_ms or _system_clock_ms
    protection = None
    wanted = CAN_ENCRYPT if protect is None else protect
    if key is not None:
        store = open_store(path, key=key)
    elif wanted or keeper is not None or passphrase is not None:
        if not CAN_ENCRYPT:
            raise StoreUnusable("Nothing here can encrypt; install the extra `protected`.")
        protection = Protection(
            path,
            keeper=keeper,
            passphrase=passphrase,
            clock_ms=now,
            uptime_ms=uptime_ms,
            random_bytes=random_bytes,
        )
        store = protection.open()
    else:
        store = open_store(path)
    return Client(
        store,
        base_url,
        clock_ms=now,
        random_bytes=random_bytes,
        http=http,
        media=media,
        page=page,
        protection=protection,
        app_version=app_version,
    )


def renew_lease(
    path: str | Path,
    base_url: str,
    *,
    code: str | None = None,
    device_name: str = "",
    keeper: KeyKeeper | None = None,
    passphrase: str | None = None,
    clock_ms: Callable[[], int] | None = None,
    http: httpx.BaseTransport | None = None,
) -> Session:
    """Ask the server to let a store be opened again whose lease has ended.

    A device that has been signed out meanwhile gives a new enrolment ``code`` of the same person.

    :raises Offline: if the server cannot be reached.
    :raises SignedOut: if a code is needed.
    :raises StoreWiped: if the device's right was taken away; its store is destroyed.
    """
    now = clock_ms or _system_clock_ms
    protection = Protection(path, keeper=keeper, passphrase=passphrase, clock_ms=now)
    sessions = Sessions(protection.vault, on_terms=protection.vault.contact)
    transport = Transport(base_url, sessions, now, http=http)
    try:
        if code is not None:
            return transport.enrol(code, device_name=device_name, platform="python")
        return transport.renew()
    except DeviceRevoked as error:
        protection.wipe()
        raise StoreWiped("This device was signed out and its store was destroyed.") from error
    finally:
        transport.close()


def _refuse_wiped() -> None:
    raise StoreWiped("This device was signed out and its store was destroyed.")


def _system_clock_ms() -> int:
    """Tell the time of this device; the server knows how far it is off."""
    return time.time_ns() // 1_000_000


def _id_of(record: Record | str) -> str:
    return record if isinstance(record, str) else record.id


def _copy(record: R) -> R:
    """Copy a record so that its lists are its own."""
    draft = msgspec.structs.replace(record)
    if isinstance(draft, Customer):
        draft.tags = list(draft.tags)
    return draft
