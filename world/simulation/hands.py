"""A person's hands on a device: what reps do with records, through the calls that apps make.

Every text that is written is new in the world, so that whoever finds it knows who wrote it. What
was on the screen is kept in the diary before anything is saved.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final

import msgspec

from mobile_client_sdk.client import Client
from mobile_client_sdk.records import (
    ConflictRecord,
    Contact,
    Customer,
    CustomRecord,
    Record,
    Tag,
    custom_of,
)
from server.sync.merging import MERGE
from sync_protocol.conflicts import DELETED
from sync_protocol.merge import Key
from sync_protocol.messages import Create, Delete, Edit, Intent, Op
from sync_protocol.schema import (
    CUSTOMER_LEVELS,
    SCHEMA,
    Schema,
    ValueRefused,
)
from world.simulation import asking, customs
from world.simulation.diary import Diary, Entry
from world.simulation.phone import Phone
from world.simulation.written import CHILDREN, TEXTS, WRITTEN, is_free

GRANT: Final = "simulation.grant"
"""An intent that the simulated server does."""
REFUSE: Final = "simulation.refuse"
"""An intent that it declines after having begun."""

POISON: Final = "simulation.poison"
"""An intent on which it fails."""
_EDITED: Final[tuple[type[Record], ...]] = (Customer, *(kind for kind in CHILDREN if TEXTS[kind]))
_DELETED: Final[tuple[type[Record], ...]] = tuple(
    kind for kind in CHILDREN if SCHEMA.record(kind.KIND).deletable
)
_MOST_COPIES: Final = 3

Seen = dict[tuple[str, str], tuple[Any, ...]]
"""For each record and field, the values that a person could see."""


Sound = Callable[[Phone], Mapping[Key, Mapping[str, Any]]]
"""Tells what a device would hold of the rows that are damaged on it."""


class Copy(msgspec.Struct, frozen=True):
    """A record as it was on the screen, and what lay beneath what was done here."""

    record: Record
    beneath: Mapping[str, Any]
    sound: Mapping[str, Any] = {}
    """Where the disk is damaged: what it would have shown."""


class Hands:
    """The hands of the person to whom a device belongs."""

    def __init__(
        self, phone: Phone, diary: Diary, words: "Iterator[str]", sound: Sound | None = None
    ) -> None:
        self.phone = phone
        self._sound: Sound = sound or (lambda _: {})
        self._diary = diary
        self._words = words
        self._copies: list[Copy] = []
        self._unsure: tuple[int, tuple[int, int], Seen] | None = None
        phone.on_boot = self._begin_anew
        self.done = 0

    # ------------------------------------------------------------------------------- doing

    def act(self, salt: int, *, kinds: tuple[str, ...] = ()) -> list[Entry]:
        """Do one thing; answer what was saved. The same salt does the same on the same screen."""
        if self.phone.client is None:
            return []
        self.own_up()
        rng = random.Random(salt)
        name = rng.choice(kinds or USUAL)
        seen: Seen = {}
        client = self.phone.client
        before = self.phone.guarded(lambda: _standing(client))
        if before is None:
            return []
        self._unsure = (*before, seen)
        did = self.phone.guarded(lambda: self._do(name, client, rng, seen))
        if did is None:
            return []
        return self.own_up()

    def _do(self, name: str, client: Client, rng: random.Random, seen: Seen) -> bool:
        try:
            _ACTIONS[name](self, client, rng, seen)
        except ValueRefused:
            # The client itself said no: nothing was saved, and the person knows.
            return True
        return True

    def own_up(self) -> list[Entry]:
        """Write down what the last call saved; after a power cut, what is found on the disk."""
        if self._unsure is None or self.phone.client is None:
            return []
        (first, stood, seen), self._unsure = self._unsure, None
        entries = [self._entry(op, stood, seen) for op in self.phone.disk.ops_from(first)]
        for entry in entries:
            self._diary.note(entry)
        self.done += len(entries)
        return entries

    def _entry(self, op: Op, stood: tuple[int, int], seen: Seen) -> Entry:
        phone = self.phone
        return Entry(
            device_id=phone.device_id,
            user_id=str(phone.user_id),
            op=op,
            at_ms=phone.scheduler.now_ms,
            offset_ms=phone.offset_ms,
            last_contact_ms=phone.last_contact_ms,
            epoch=stood[0],
            seq=stood[1],
            incarnation=phone.incarnation,
            seen={field: seen.get((op.id, field), ()) for field in _fields_of(op)},
            beneath=seen if isinstance(op, Delete) else {},
            unknown=_unknown(op, phone.schema),
            clock_jumps=phone.clock_jumps,
        )

    # ----------------------------------------------------------------------------- looking

    def _look(self, client: Client, record: Record, seen: Seen) -> Copy:
        """Take a record in as it is on the screen."""
        base = client._views._base(record.KIND, record.id) or {}  # noqa: SLF001 - the diary looks beneath
        copy = Copy(record, base, self._sound(self.phone).get((record.KIND, record.id), {}))
        _see(copy, seen)
        return copy

    def _look_at_all_of(self, client: Client, record: Record, seen: Seen) -> None:
        """Take a record in, and all that belongs to it."""
        self._look(client, record, seen)
        for kind in CHILDREN if isinstance(record, Customer) else ():
            for each in client.find(kind):
                if getattr(each, "customer_id", None) == record.id:
                    self._look(client, each, seen)
        for (_, record_id), fields in self._sound(self.phone).items():
            if fields.get("customer_id") == record.id:
                for name, value in fields.items():
                    seen[record_id, name] = (*seen.get((record_id, name), ()), value)

    def _look_before_deleting(self, client: Client, record: Record, seen: Seen) -> None:
        """Take a record in, all that belongs to it, and what stands in conflicts alone."""
        self._look_at_all_of(client, record, seen)
        for each in client.find(ConflictRecord):
            if record.id in (each.customer_id, each.record_id):
                about = str(each.record_id), str(each.field)
                seen[about] = (*seen.get(about, ()), each.kept, each.other)

    def _pick(self, client: Client, kind: type[Record], rng: random.Random) -> Record | None:
        """Choose one of the records that are shown."""
        shown: list[Record] = list(client.find(kind))
        return rng.choice(shown) if shown else None

    # ----------------------------------------------------------------------------- actions

    def _edit(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Write one or two texts of a record."""
        record = self._pick(client, rng.choice(_EDITED), rng) or self._pick(client, Customer, rng)
        if record is not None:
            self._write(client, self._look(client, record, seen), rng)

    def _write(self, client: Client, copy: Copy, rng: random.Random) -> None:
        known = self.phone.schema.fields(copy.record.KIND)
        names = [name for name in TEXTS[type(copy.record)] if name in known]
        with client.edit(copy.record) as draft:
            for name in rng.sample(names, min(rng.choice((1, 1, 2)), len(names))):
                setattr(draft, name, next(self._words))

    def _empty(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Take a text out on purpose: that it is empty is then somebody's word."""
        record = self._pick(client, Customer, rng)
        known = self.phone.schema.fields("customer")
        names = [name for name in TEXTS[Customer] if name in known and name != "name"]
        filled = [name for name in names if record and getattr(record, name) is not None]
        if record is not None and filled:
            self._look(client, record, seen)
            with client.edit(record) as draft:
                setattr(draft, rng.choice(filled), None)

    def _edit_stale(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Open a record now, or write into one that was opened long ago."""
        if len(self._copies) < _MOST_COPIES and rng.random() < 0.5:  # noqa: PLR2004 - one of two
            record = self._pick(client, Customer, rng)
            if record is not None:
                self._copies.append(self._look(client, record, {}))
            return
        if not self._copies:
            return
        copy = self._copies.pop(rng.randrange(len(self._copies)))
        if client.get(type(copy.record), copy.record.id) is None:
            return
        _see(copy, seen)
        self._write(client, copy, rng)

    def _begin_anew(self) -> None:
        """Close every form that is open, and look what was saved: the app started anew."""
        self._copies.clear()
        self.own_up()

    def _remark(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Add a word to a text that several people write."""
        record = self._pick(client, Customer, rng)
        if record is None:
            return
        self._look(client, record, seen)
        with client.edit(record) as draft:
            assert isinstance(draft, Customer), "it was picked as one"
            lines = (draft.remark or "").split("\n") if draft.remark else []
            lines.insert(rng.randint(0, len(lines)), next(self._words))
            draft.remark = "\n".join(lines[:8])

    def _fill(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Write into a field that the company gave its records, or take out what it says."""
        kind = rng.choice((Customer, Customer, Contact, CustomRecord))
        record, name = self._pick(client, kind, rng), customs.CUSTOM[kind.KIND]
        if record is None or not self.phone.schema.record(kind.KIND).extensible:
            return
        self._look(client, record, seen)
        is_emptied = customs.value_of(record, name) is not None and rng.random() < 0.2  # noqa: PLR2004 - one of five
        with client.edit(record) as draft:
            custom_of(draft)[name] = None if is_emptied else next(self._words)

    def _choose(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Set a level, which many share."""
        record = self._pick(client, Customer, rng)
        if record is not None and "level" in self.phone.schema.fields("customer"):
            self._look(client, record, seen)
            with client.edit(record) as draft:
                assert isinstance(draft, Customer), "it was picked as one"
                draft.level = rng.choice(CUSTOMER_LEVELS)

    def _create_customer(self, client: Client, rng: random.Random, seen: Seen) -> None:
        del rng, seen
        client.create_customer(name=next(self._words), address=next(self._words))

    def _create_child(self, client: Client, rng: random.Random, seen: Seen) -> None:
        del seen
        customer = self._pick(client, Customer, rng)
        if customer is None:
            return
        # However many kinds there are: what can be deleted is half of what is made.
        kind = rng.choice(rng.choice((CHILDREN, _DELETED)))
        fields = [each for each in SCHEMA.record(kind.KIND).fields if is_free(each)]
        first = next((each for each in fields if each.required), fields[0])
        needed = customs.needed(kind.KIND)
        client.create(kind, customer_id=customer.id, **needed, **{first.name: next(self._words)})

    def _create_tag(self, client: Client, rng: random.Random, seen: Seen) -> None:
        del rng, seen
        client.create_tag(name=next(self._words), meaning=next(self._words))

    def _reword(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Write what a tag means, whosever it is."""
        tag = self._pick(client, Tag, rng)
        if tag is not None:
            self._look(client, tag, seen)
            with client.edit(tag) as draft:
                assert isinstance(draft, Tag), "it was picked as one"
                draft.meaning = next(self._words)

    def _mark(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Put a tag on a customer, or take one off."""
        customer, tag = self._pick(client, Customer, rng), self._pick(client, Tag, rng)
        if not isinstance(customer, Customer) or not isinstance(tag, Tag):
            return
        if (customer.id, "tags") in seen:
            # To mark twice in one breath is no other deed than to mark once.
            return
        self._look(client, customer, seen)
        if tag.id in customer.tags:
            client.untag(customer, tag)
        else:
            client.tag(customer, tag)

    def _delete(self, client: Client, rng: random.Random, seen: Seen) -> None:
        kind = Customer if rng.randrange(len(_DELETED) + 1) == 0 else rng.choice(_DELETED)
        record = self._pick(client, kind, rng)
        if record is None:
            return
        self._look_before_deleting(client, record, seen)
        client.delete(record)

    def _group(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Do several things that stand or fall together."""
        with client.group(atomic=True):
            for _ in range(rng.randint(2, 4)):
                action = rng.choice((Hands._edit, Hands._create_child, Hands._mark, Hands._delete))
                action(self, client, rng, seen)

    def _together(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Save several things at once."""
        with client.group():
            for _ in range(rng.randint(2, 5)):
                rng.choice((Hands._edit, Hands._create_child))(self, client, rng, seen)

    def _settle(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Look at a conflict and decide."""
        conflicts = client.conflicts()
        if not conflicts:
            self._edit(client, rng, seen)
            return
        conflict = rng.choice(conflicts)
        record = client.get(ConflictRecord, conflict.id)
        if record is not None:
            self._look(client, record, seen)
        kind = next((each for each in WRITTEN if conflict.kind == each.KIND), None)
        held = client.get(kind, conflict.record_id) if kind else None
        if held is not None and conflict.field == DELETED:
            self._look_before_deleting(client, held, seen)
        elif held is not None:
            self._look_at_all_of(client, held, seen)
        is_known = conflict.field in (DELETED, *self.phone.schema.fields(conflict.kind))
        if held is not None and is_known and rng.random() < 0.6:  # noqa: PLR2004 - more than one of two
            client.restore(conflict)
        else:
            client.dismiss(conflict)

    def _ask(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Ask for something that the server decides."""
        del seen
        client.intend(rng.choice((GRANT, GRANT, REFUSE, "simulation.unknown")))

    def _merge(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Ask for two customers to be one."""
        del seen
        shown = list(client.find(Customer))
        if len(shown) > 1:
            old, into = rng.sample(shown, 2)
            client.intend(MERGE, customer_id=old.id, into_id=into.id)

    def _ask_a_room(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Ask a room for what it decides."""
        del seen
        asking.ask(client, rng, self._words)

    def _poison(self, client: Client, rng: random.Random, seen: Seen) -> None:
        """Ask for something on which the server fails."""
        del rng, seen
        client.intend(POISON)


def _unknown(op: Op, schema: Schema) -> frozenset[str]:
    if isinstance(op, Intent) or schema is SCHEMA:
        return frozenset()
    # With a customer all goes that belongs to it.
    kinds = SCHEMA.kinds() if isinstance(op, Delete) else (op.kind,)
    unknown = (set(customs.names_of(kind)) - set(schema.fields(kind)) for kind in kinds)
    return frozenset().union(*unknown)


def _standing(client: Client) -> tuple[int, tuple[int, int]]:
    """Answer the number of the next op, and the epoch and sequence of what is shown."""
    progress = client.progress
    return client._outbox.next_number(), (progress.epoch, progress.seq)  # noqa: SLF001 - the diary looks beneath


def _see(copy: Copy, seen: Seen) -> None:
    for name in customs.names_of(copy.record.KIND):
        values = [customs.value_of(copy.record, name)]
        values += [customs.beneath(copy.beneath, name)] if copy.beneath else []
        # That nothing is damaged is not to have seen an empty field.
        values += [copy.sound[name]] if name in copy.sound else []
        seen[copy.record.id, name] = (*seen.get((copy.record.id, name), ()), *values)


def _fields_of(op: Op) -> list[str]:
    """Answer what an op writes; a deletion writes everything."""
    match op:
        case Create():
            return list(op.fields)
        case Edit():
            return [*op.fields, *op.sets]
        case Delete():
            return list(customs.names_of(op.kind))
        case Intent():
            return []


def words() -> Iterator[str]:
    """Make texts of which each is unlike all others, also when it stands within another."""
    return (f"w{number:05d}" for number in count(1))


_Action = Callable[[Hands, Client, random.Random, Seen], None]
_ACTIONS: Final[Mapping[str, _Action]] = {
    "edit": Hands._edit,  # noqa: SLF001 - the table of the class's own actions
    "empty": Hands._empty,  # noqa: SLF001 - as above
    "edit_stale": Hands._edit_stale,  # noqa: SLF001 - as above
    "remark": Hands._remark,  # noqa: SLF001 - as above
    customs.FILL: Hands._fill,  # noqa: SLF001 - as above
    "choose": Hands._choose,  # noqa: SLF001 - as above
    "create_customer": Hands._create_customer,  # noqa: SLF001 - as above
    "create_child": Hands._create_child,  # noqa: SLF001 - as above
    "create_tag": Hands._create_tag,  # noqa: SLF001 - as above
    "reword": Hands._reword,  # noqa: SLF001 - as above
    "mark": Hands._mark,  # noqa: SLF001 - as above
    "delete": Hands._delete,  # noqa: SLF001 - as above
    "group": Hands._group,  # noqa: SLF001 - as above
    "together": Hands._together,  # noqa: SLF001 - as above
    "settle": Hands._settle,  # noqa: SLF001 - as above
    "ask": Hands._ask,  # noqa: SLF001 - as above
    "merge": Hands._merge,  # noqa: SLF001 - as above
    "ask_a_room": Hands._ask_a_room,  # noqa: SLF001 - as above
    "poison": Hands._poison,  # noqa: SLF001 - as above
}
USUAL: Final = (
    *("edit",) * 8,
    *("edit_stale",) * 2,
    *("remark",) * 2,
    *("choose",) * 2,
    "create_customer",
    *("create_child",) * 3,
    "create_tag",
    *("mark",) * 2,
    *("delete",) * 2,
    *("group",) * 2,
    "together",
    *("settle",) * 2,
    *("ask",) * 2,
    *("empty",) * 2,
)
"""What people do, each as often as it stands here."""
