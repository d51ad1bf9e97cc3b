"""The compact form by sections 6 and 9 of docs/sync-protocol.md, and by nothing else.

Messages are those of the readable twin; what is read here has the same shape as what JSON brings.
"""

import base64
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from uuid import UUID

Message = dict[str, Any]
"""A message as the readable twin has it; the compact form is read into the same shape."""

ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STATUSES = ("applied", "merged", "rejected", "quarantined", "dependency_rejected")
KINDS: dict[int, str] = {
    1: "customer",
    2: "store",
    3: "contact",
    4: "note",
    5: "tag",
    6: "conflict",
    7: "attachment",
}
FIELDS: dict[str, tuple[str, ...]] = {
    "tag": ("name", "colour", "meaning", "owner_id", "expires_on"),
    "customer": (
        *("name", "uscc", "phone", "city", "district", "address", "industry", "status", "level"),
        *("source", "owner_id", "team_id", "expected_revenue_minor", "remark", "tags"),
    ),
    "store": ("customer_id", "name", "address", "city", "district", "lat", "lng", "phone"),
    "contact": (
        *("customer_id", "store_id", "name", "title", "phone", "email", "wechat", "remark"),
    ),
    "note": ("customer_id", "body", "author_id", "written_at"),
    "attachment": (
        *("customer_id", "subject_kind", "subject_id", "name", "media_type", "size", "sha256"),
        *("width", "height", "taken_at", "state"),
    ),
    "conflict": (
        *("customer_id", "kind", "record_id", "field", "kept", "other", "kept_by", "other_by"),
        *("happened_at", "state"),
    ),
}


# --- section 9: ints and columns ------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Write seven bits a byte, the lowest first, with the sign in the lowest bit."""
    rest = value * 2 if value >= 0 else -value * 2 - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Answer the number and the place behind it."""
    raw = shift = 0
    while True:
        byte = data[at]
        at += 1
        raw |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (raw >> 1) ^ -(raw & 1), at


def planes(cells: list[bytes]) -> bytes:
    """Put the first bytes of all, then the second bytes of all, and so on."""
    return b"".join(bytes(column) for column in zip(*cells, strict=True))


def unplanes(data: bytes, width: int) -> list[bytes]:
    """Undo `planes`."""
    count = len(data) // width if width else 0
    return [bytes(data[at::count]) for at in range(count)]


def packed(numbers: list[int], *, steps: bool = False) -> bytes:
    """Write whole numbers as a byte string."""
    head = b""
    cells = numbers
    if steps:
        head = varint(numbers[0])
        cells = [after - before for before, after in pairwise(numbers)]
    least = min(cells, default=0)
    most = max(cells, default=0) - least
    width = next(w for w in (0, 1, 2, 4, 8) if most < 256**w)
    body = planes([(cell - least).to_bytes(width, "little") for cell in cells]) if width else b""
    return bytes([width + 16 * steps]) + head + varint(least) + body


def read_packed(data: bytes, count: int) -> list[int]:
    """Read whole numbers from a byte string."""
    width, steps, at, first = data[0] & 15, data[0] & 16, 1, 0
    if steps:
        first, at = read_varint(data, at)
        count -= 1
    added, at = read_varint(data, at)
    cells = [added + int.from_bytes(cell, "little") for cell in unplanes(data[at:], width)]
    cells = cells if width else [added] * count
    assert len(cells) == count, "a byte string has as many numbers as are expected"
    if not steps:
        return cells
    numbers = [first]
    for step in cells:
        numbers.append(numbers[-1] + step)
    return numbers


def ints(numbers: list[int]) -> Any:
    """Write whole numbers in one of the three ways, by their look."""
    if numbers and len(set(numbers)) == 1:
        return numbers[0]
    if len(numbers) > 3:
        return packed(numbers, steps=sorted(numbers) == numbers)
    return numbers


def read_ints(wire: Any, count: int) -> list[int]:
    """Read whole numbers in any of the three ways."""
    if isinstance(wire, int):
        return [wire] * count
    return read_packed(wire, count) if isinstance(wire, bytes) else list(wire)


def id_planes(ids: list[str]) -> bytes:
    """Write ids as one byte string."""
    return planes([UUID(name).bytes for name in ids])


def id_column(ids: list[str]) -> Any:
    """Write ids as a column; a text that is no id stands as it is."""
    regular = all(re.fullmatch(ID, name) for name in ids)
    return {2: id_planes(ids)} if regular else ids


def read_ids(wire: Any) -> list[str]:
    """Read ids from a byte string in planes, or from an array of texts."""
    if isinstance(wire, bytes):
        return [str(UUID(bytes=cell)) for cell in unplanes(wire, 16)]
    return list(wire)


def column(values: list[Any]) -> Any:
    """Write values as a column, in the form that its look proposes."""
    if len(values) > 1 and all(value == values[0] for value in values):
        return {0: values[0]}
    if len(values) > 3 and all(type(value) is int for value in values):
        return {3: packed(values)}
    if len(values) > 2 and None in values:
        bits = sum((value is not None) << at for at, value in enumerate(values))
        held = [value for value in values if value is not None]
        return {4: [bits.to_bytes((len(values) + 7) // 8, "little"), column(held)]}
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        flat = [element for value in values for element in value]
        return {5: [ints([len(value) for value in values]), column(flat)]}
    return values


def read_column(wire: Any, count: int) -> list[Any]:
    """Read a column in any of its forms."""
    if not isinstance(wire, dict):
        assert len(wire) == count, "a plain column has all its values"
        return list(wire)
    ((form, inside),) = wire.items()
    return _UNFOLD[form](inside, count)


def _equal(inside: Any, count: int) -> list[Any]:
    return [inside] * count


def _distinct(inside: Any, count: int) -> list[Any]:
    places = read_ints(inside[1], count)
    values = read_column(inside[0], max(places, default=-1) + 1)
    return [values[place] for place in places]


def _sparse(inside: Any, count: int) -> list[Any]:
    bits = [inside[0][at // 8] >> at % 8 & 1 for at in range(count)]
    values = iter(read_column(inside[1], sum(bits)))
    return [next(values) if bit else None for bit in bits]


def _lists(inside: Any, count: int) -> list[Any]:
    lengths = read_ints(inside[0], count)
    elements = iter(read_column(inside[1], sum(lengths)))
    return [[next(elements) for _ in range(length)] for length in lengths]


_UNFOLD: dict[int, Callable[[Any, int], list[Any]]] = {
    0: _equal,
    1: _distinct,
    2: lambda inside, _: read_ids(inside),
    3: read_packed,
    4: _sparse,
    5: _lists,
}


def field_number(kind: str | None, name: str) -> int | str:
    """Name a field by its number, where it has one."""
    known = FIELDS.get(kind or "", ())
    return known.index(name) + 1 if name in known else name


def field_name(kind: str, wire: int | str) -> str:
    """Undo `field_number`; a number that is not known stands for a name of its own."""
    known = FIELDS.get(kind, ())
    if isinstance(wire, str):
        return wire
    return known[wire - 1] if 0 < wire <= len(known) else f"#{wire}"


def fields_of(kind: str | None, records: list[Message]) -> list[Any]:
    """Write the fields of several records by column, with shapes where they differ."""
    names = list(dict.fromkeys(name for record in records for name in record))
    wire: list[Any] = []
    for name in names:
        wire += [
            field_number(kind, name),
            column([record[name] for record in records if name in record]),
        ]
    shapes = [[at for at, name in enumerate(names) if name in record] for record in records]
    if any(shape != list(range(len(names))) for shape in shapes):
        distinct = [list(one) for one in dict.fromkeys(map(tuple, shapes))]
        wire.append([distinct, ints([distinct.index(shape) for shape in shapes])])
    return wire


def read_fields(kind: str, wire: list[Any], count: int) -> list[Message]:
    """Read the fields of several records."""
    width = len(wire) // 2
    shapes = [list(range(width))] * count
    if len(wire) % 2:
        shapes = [wire[-1][0][place] for place in read_ints(wire[-1][1], count)]
    records: list[Message] = [{} for _ in range(count)]
    for at in range(width):
        having = [record for record, shape in zip(records, shapes, strict=True) if at in shape]
        values = read_column(wire[2 * at + 1], len(having))
        for record, value in zip(having, values, strict=True):
            record[field_name(kind, wire[2 * at])] = value
    return records


# --- section 9: messages --------------------------------------------------------------------------

SORTS = {"edit": 0, "create": 1, "delete": 2, "intent": 3}


def cursor_bytes(cursor: str | None) -> bytes | str | None:
    """Give the bytes of which the text is the base64; the text, if it is none."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return cursor
    return raw if cursor_text(raw) == cursor else cursor


def cursor_text(wire: bytes | str | None) -> str | None:
    """Undo `cursor_bytes`."""
    if isinstance(wire, bytes):
        return base64.urlsafe_b64encode(wire).decode().rstrip("=")
    return wire


def number_runs(numbers: list[int]) -> Any:
    """Write op numbers as runs."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    if len(runs) > 1:
        return runs
    return [] if not runs else runs[0][0] if runs[0][1] == 1 else runs[0]


def read_numbers(wire: Any) -> list[int]:
    """Read op numbers: one, a run, several runs, or none."""
    if isinstance(wire, int):
        return [wire]
    runs = [wire] if wire and isinstance(wire[0], int) else wire
    return [first + at for first, count in runs for at in range(count)]


def section_key(op: Message) -> tuple[int, str]:
    """Say which section an op belongs into: its sort, and its kind or the intent's name."""
    sort = SORTS.get(op["op"], 7)
    return sort + 4 * ("handle" in op), op["name"] if sort == SORTS["intent"] else op["kind"]


def section(key: tuple[int, str], ops: list[Message]) -> list[Any]:
    """Write the ops of one sort on one kind."""
    sort, word = key
    numbers = {name: number for number, name in KINDS.items()}
    kind = None if sort == SORTS["intent"] else word
    head = [sort + 8 * numbers[word]] if kind in numbers else [sort, word]
    target = ints([o["handle"] for o in ops]) if sort & 4 else id_column([o["id"] for o in ops])
    wire = [*head, target]
    if sort == SORTS["intent"]:
        return [*wire, fields_of(None, [op["args"] for op in ops])]
    if sort & 3 == SORTS["delete"]:
        return wire
    wire.append(fields_of(kind, [op.get("fields", {}) for op in ops]))
    sets = [op.get("sets", {}) for op in ops]
    was = [op.get("was", {}) for op in ops]
    if any(sets) or any(was):
        sides = [
            [{n: d.get(side, []) for n, d in one.items()} for one in sets]
            for side in ("add", "remove")
        ]
        wire.append([fields_of(kind, side) for side in sides] if any(sets) else [])
        wire.append(fields_of(kind, was) if any(was) else [])
    return wire


def push_array(message: Message) -> list[Any]:
    """Write a PushRequest."""
    ops = message["ops"]
    now = message["device_time_ms"]
    keys = list(dict.fromkeys(section_key(op) for op in ops))
    sections: list[Any] = [section(key, [o for o in ops if section_key(o) == key]) for key in keys]
    if len(keys) > 1:
        sections.insert(0, ints([keys.index(section_key(op)) for op in ops]))
    groups = None
    ends = list(dict.fromkeys(tuple(op["group"]) for op in ops if "group" in op))
    if ends:
        first = ops[0]["number"]
        marks = [ends.index(tuple(op["group"])) + 1 if "group" in op else 0 for op in ops]
        groups = [[at - first for end in ends for at in end], ints(marks)]
    pull = message.get("pull")
    return [
        *(2, message["schema"], now, number_runs([op["number"] for op in ops]), sections),
        ints([op["at_ms"] - now for op in ops]),
        ints([op.get("base", 0) for op in ops]),
        *(message.get("epoch", 1), pull_pair(pull) if pull else None, groups),
        *(message.get("forgotten", 0), message.get("pending", 0), message.get("app_version", "")),
        message["protocol"],
    ]


def pull_pair(message: Message) -> list[Any]:
    """Write a pull within another message."""
    return [cursor_bytes(message.get("cursor")), message.get("limit", 2000)]


def digest_array(message: Message) -> list[Any]:
    """Write a DigestRequest."""
    branches = [[kind_number(b["kind"]), b["suffix"]] for b in message.get("branches", [])]
    leaves = [
        [kind_number(leaf["kind"]), leaf["suffix"], bytes.fromhex("".join(leaf["hashes"]))]
        for leaf in message.get("leaves", [])
    ]
    return [2, pull_pair(message["pull"]), branches, leaves]


def kind_number(kind: str) -> int | str:
    """Name a kind by its number, where it has one."""
    return next((number for number, name in KINDS.items() if name == kind), kind)


def kind_name(wire: int | str) -> str:
    """Undo `kind_number`."""
    return wire if isinstance(wire, str) else KINDS.get(wire, f"#{wire}")


def filled(wire: list[Any], *defaults: Any) -> list[Any]:
    """Put back the defaults that were left out at the end of an array."""
    return [*wire, *defaults[len(wire) :]]


def read_page(wire: list[Any]) -> Message:
    """Read a page."""
    head, content = wire[:7], wire[7:]
    at_ms, seq, came_from, cursor, epoch, acknowledged, lease = filled(
        head, 0, 0, None, None, 1, None, None
    )
    flags, batches, patches, drops = filled(content, 0, [], [], b"")
    return {
        "server_time_ms": at_ms,
        "seq": seq,
        "from_cursor": cursor_text(came_from),
        "cursor": cursor_text(came_from if cursor is True else cursor),
        "epoch": epoch,
        "acknowledged": acknowledged,
        "lease_ms": lease,
        "more": bool(flags & 1),
        "reset": bool(flags & 2),
        "batches": [read_batch(one) for one in batches],
        "patches": read_patches(patches),
        "drops": read_ids(drops),
    }


def read_patches(wire: list[Any]) -> list[Message]:
    """Read the patches of a page, in their order."""
    order, sections = (None, wire) if len(wire) < 2 else (wire[0], wire[1:])
    queues = [iter(read_patch_section(one)) for one in sections]
    if order is None:
        return [patch for queue in queues for patch in queue]
    count = sum(len(read_ids(one[1])) for one in sections)
    return [next(queues[place]) for place in read_ints(order, count)]


def read_patch_section(wire: list[Any]) -> list[Message]:
    """Read the patches of one kind."""
    number, ids, seqs, fields, deleted = filled(wire, None, None, None, [], 0)
    kind, names = kind_name(number), read_ids(ids)
    rows = read_fields(kind, fields, len(names))
    told = zip(
        *(names, read_ints(seqs, len(names)), rows, read_ints(deleted, len(names))), strict=True
    )
    return [
        {"kind": kind, "id": name, "seq": seq, "fields": row, "deleted": bool(gone)}
        for name, seq, row, gone in told
    ]


def read_batch(wire: list[Any]) -> Message:
    """Read a batch."""
    kind, ids, seqs, fields, columns, handles = filled(wire, *[None] * 6)
    names = read_ids(ids)
    return {
        "kind": kind_name(kind),
        "ids": names,
        "seqs": read_ints(seqs, len(names)),
        "fields": [field_name(kind_name(kind), one) for one in fields],
        "columns": [read_column(one, len(names)) for one in columns],
        "handles": [] if handles is None else read_ints(handles, len(names)),
    }


def read_push_answer(wire: list[Any]) -> Message:
    """Read a PushResponse."""
    _, acknowledged, at_ms, page, numbers, status, *columns = filled(wire, *[None] * 11)
    named = read_numbers(numbers or [])
    defaults: tuple[Any, ...] = ("", None, [], "", None)
    count = len(named)
    values = [
        [default] * count if one is None else read_column(one, count)
        for one, default in zip(columns, defaults, strict=True)
    ]
    outcomes = [
        {
            "number": number,
            "status": STATUSES[place],
            **dict(zip(("code", "seq", "conflicts", "detail", "field"), row, strict=True)),
        }
        for number, place, *row in zip(named, read_ints(status or 0, count), *values, strict=True)
    ]
    return {
        "acknowledged": acknowledged,
        "server_time_ms": at_ms,
        "pull": None if page is None else read_page(page),
        "outcomes": outcomes,
    }


def read_digest_answer(wire: list[Any]) -> Message:
    """Read a DigestResponse."""
    _, page, branches, batches, strange = filled(wire, 2, None, [], [], b"")
    return {
        "pull": read_page(page),
        "branches": [
            {"kind": kind_name(kind), "suffix": suffix, "digests": read_hashes(digests)}
            for kind, suffix, digests in branches
        ],
        "batches": [read_batch(one) for one in batches],
        "strange": read_hashes(strange),
    }


def read_hashes(wire: bytes | list[str]) -> list[str]:
    """Read hashes of 8 bytes each, one behind the other."""
    if isinstance(wire, bytes):
        return [wire[at : at + 8].hex() for at in range(0, len(wire), 8)]
    return list(wire)


WRITE: dict[str, Callable[[Message], list[Any]]] = {
    "push": push_array,
    "pull": lambda message: [2, *pull_pair(message)],
    "digest": digest_array,
}
READ: dict[str, Callable[[list[Any]], Message]] = {
    "push": read_push_answer,
    "pull": lambda wire: read_page(wire[1:]),
    "digest": read_digest_answer,
}
