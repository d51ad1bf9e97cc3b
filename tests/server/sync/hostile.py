"""Pushes as a broken or hostile device writes them: most of each is right, so that it gets far.

Numbers and groups are written as distances from the next number that the server waits for, and the
people of a company by words; `fitted` puts the real ones in. Ids come from a small pool, so that
ops meet each other's records.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from sync_protocol.schema import SCHEMA, FieldSpec, FieldType

REP: Final = "@rep"
TEAM: Final = "@team"
STRANGER: Final = str(UUID(int=0xBAD))
POOL: Final = {
    kind: tuple(f"00000000-0000-7000-8000-{100 * nth + n:012d}" for n in range(3))
    for nth, kind in enumerate(SCHEMA.kinds())
}
"""The ids of each kind's records, so that ops meet."""
_FIT: Final = "fit"

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.sampled_from(["\x00", "x" * 36, POOL["tag"][0], "9" * 400, "啊" * 201]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside),
    max_leaves=5,
)
"""Any value that JSON can say, and some that a database cannot hold."""
_of_any_kind = st.sampled_from([each for ids in POOL.values() for each in ids])
_phones = st.integers(0, 99).map(lambda n: f"+8613800138{n:03d}")
_SPECIAL: Final = {"email": "li@example.com", "uscc": "91350100M000100Y43"}


def _seldom(
    right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any] = anything, *, one_in: int = 60
) -> st.SearchStrategy[Any]:
    """Give what is right, and now and then something else."""
    return st.integers(1, one_in).flatmap(lambda dice: wrong if dice == one_in // 2 else right)


def _ids_of(kind: str) -> st.SearchStrategy[str]:
    """Give ids of a kind, and sometimes those of another."""
    return st.sampled_from(POOL[kind]) | st.sampled_from(POOL[kind]) | _of_any_kind


def _values_of(spec: FieldSpec) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line a form of field
    """Give values of a field."""
    if spec.name in ("owner_id", "team_id"):
        own = REP if spec.name == "owner_id" else TEAM
        return _seldom(st.just(own), st.sampled_from([STRANGER, None]), one_in=4)
    if spec.choices:
        return st.sampled_from(spec.choices)
    if spec.name == "phone":
        return _phones
    if spec.name in _SPECIAL:
        return st.just(_SPECIAL[spec.name])
    match spec.type:
        case FieldType.UUID:
            return _ids_of(spec.references or "customer")
        case FieldType.INT | FieldType.TIME:
            return st.integers(max(spec.minimum, 0), min(spec.maximum, 10**12))
        case FieldType.DATE:
            return st.dates().map(str)
        case FieldType.SET:
            return st.lists(st.sampled_from(POOL["tag"]), max_size=3, unique=True)
        case _:
            return st.text(min_size=1, max_size=12)


def _fields_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Give fields of a record: what it must have, and some of the others."""
    specs = [spec for spec in SCHEMA.fields(kind).values() if not spec.server_only]
    return st.fixed_dictionaries(
        {spec.name: _seldom(_values_of(spec), one_in=12) for spec in specs if spec.required},
        optional={
            spec.name: _seldom(_values_of(spec), one_in=12) for spec in specs if not spec.required
        },
    )


_BASES: Final = _seldom(st.integers(0, 60), st.sampled_from([2**53 - 1, 2**53, -1]), one_in=12)
_TIMES: Final = _seldom(st.integers(0, 2**41), st.sampled_from([-(2**53), 2**53 - 1]), one_in=12)
_sets = st.fixed_dictionaries(
    {},
    optional={
        "add": _seldom(st.lists(_ids_of("tag"), max_size=2)),
        "remove": _seldom(st.lists(_ids_of("tag"), max_size=2)),
    },
)
_groups = st.tuples(st.integers(0, 3), st.integers(0, 4))


def _op(op: str, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Give an op on a record."""
    right: dict[str, st.SearchStrategy[Any]] = {
        "op": _seldom(st.just(op)),
        "number": _seldom(st.just(_FIT)),
        "kind": _seldom(st.just(kind)),
        "id": _seldom(_ids_of(kind)),
        "at_ms": _seldom(_TIMES),
        "base": _seldom(_BASES),
    }
    right["group"] = _seldom(st.none() | st.none() | st.none() | st.none() | st.none() | _groups)
    optional: dict[str, st.SearchStrategy[Any]] = {}
    if op != "delete":
        right["fields"] = _seldom(_fields_of(kind))
    if op == "edit" and kind == "customer":
        optional["sets"] = _seldom(st.dictionaries(st.just("tags"), _seldom(_sets), max_size=1))
    return st.fixed_dictionaries(right, optional=optional)


def _intents() -> st.SearchStrategy[dict[str, Any]]:
    """Give intents, known and unknown."""
    return st.fixed_dictionaries(
        {
            "op": st.just("intent"),
            "number": st.just(_FIT),
            "id": _seldom(_of_any_kind),
            "name": _seldom(st.sampled_from(["benefits.request", "customers.merge", "void"])),
            "at_ms": _seldom(_TIMES),
        },
        optional={
            "args": _seldom(
                st.dictionaries(
                    st.sampled_from(["customer_id", "program_id", "into_id"]), _seldom(_of_any_kind)
                )
            )
        },
    )


_record_ops = st.tuples(
    st.sampled_from(["create", "create", "edit", "edit", "edit", "delete"]),
    st.sampled_from([*SCHEMA.kinds(), "customer"]),
).flatmap(lambda pair: _op(*pair))
ops = st.lists(_seldom(_record_ops, _intents(), one_in=8), min_size=4, max_size=12)
"""The ops of one push."""
forgotten = _seldom(st.just(0), one_in=30)
"""How far a device says that it no longer keeps its ops."""


def first_ops() -> list[dict[str, Any]]:
    """Make a record of each id that may be made, so that what follows has something to meet."""
    customer_id = POOL["customer"][0]
    given = {
        "customer": {"name": "江阴海澜配送"},
        "store": {"customer_id": customer_id, "name": "一店"},
        "contact": {"customer_id": customer_id, "name": "李店长"},
        "note": {"customer_id": customer_id, "body": "约好周三"},
        "tag": {"name": "重点", "meaning": "每周拜访"},
    }
    return [
        {"op": "create", "number": _FIT, "kind": kind, "id": record_id, "fields": fields}
        | {"at_ms": 0, "base": 0}
        for kind, fields in given.items()
        for record_id in POOL[kind][:2]
    ]


def fitted(
    given: Sequence[Mapping[str, Any]], acknowledged: int, words: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Number ops from what the server waits for, and name the company's people."""
    fit = []
    for position, op in enumerate(given):
        own = _named(op, words)
        if own["number"] == _FIT:
            own["number"] = acknowledged + 1 + position
        if isinstance(own.get("group"), tuple):
            first = acknowledged + 1 + min(own["group"])
            own["group"] = (first, first + abs(own["group"][1] - own["group"][0]))
        fit.append(own)
    return fit


def _named(value: Any, words: Mapping[str, str]) -> Any:
    """Put the people's ids in the place of their words."""
    if isinstance(value, dict):
        return {key: _named(inside, words) for key, inside in value.items()}
    return words.get(value, value) if isinstance(value, str) else value
