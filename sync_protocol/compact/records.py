"""The records of a page: whole ones by column, patches by kind."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sync_protocol.columns import Cells, pack_column, pack_ints, parted, read_column, read_ints
from sync_protocol.compact.maps import pack_maps, read_maps
from sync_protocol.compact.names import field_numbers, field_of, kind_key, kind_of
from sync_protocol.compact.places import Reader, cut
from sync_protocol.compact.sections import in_sections, parted_sections
from sync_protocol.compact.texts import pack_counted_ids, read_counted_ids
from sync_protocol.messages import DecodeError, Patch, RecordBatch

_IS_GONE: Final = 1


def pack_batch(batch: RecordBatch) -> list[Any]:
    """Answer whole records as an array of columns."""
    numbers = field_numbers(batch.kind)
    return cut(
        [
            kind_key(batch.kind),
            pack_counted_ids(batch.ids),
            pack_ints(batch.seqs),
            [numbers.get(name, name) for name in batch.fields],
            [pack_column(column) for column in batch.columns],
            pack_ints(batch.handles) if batch.handles else None,
        ],
        None,
    )


def read_batch(packed: object, field: str, cells: Cells) -> RecordBatch:
    """Answer whole records."""
    reader = Reader(packed, field)
    kind = kind_of(reader.take(0, "kind", object), reader.name("kind"))
    ids = read_counted_ids(reader.take(1, "ids", object), reader.name("ids"), cells)
    keys = reader.take(3, "fields", list)
    columns = reader.take(4, "columns", list)
    if len(keys) != len(columns):
        raise DecodeError("Each field has a column.", reader.name("columns"))
    names = [field_of(kind, key, reader.name("fields")) for key in keys]
    handles = reader.take(5, "handles", object, None)
    return RecordBatch(
        kind=kind,
        fields=names,
        ids=ids,
        seqs=list(read_ints(reader.take(2, "seqs", object), len(ids), reader.name("seqs"), cells)),
        columns=[
            read_column(column, len(ids), reader.name(name), cells)
            for name, column in zip(names, columns, strict=True)
        ],
        handles=(
            []
            if handles is None
            else list(read_ints(handles, len(ids), reader.name("handles"), cells))
        ),
    )


def pack_patches(patches: Sequence[Patch]) -> list[Any]:
    """Answer patches by kind; a record that has ended has no fields."""
    if not patches:
        return []
    keys, order = parted((patch.kind, patch.deleted) for patch in patches)
    groups: list[list[Patch]] = [[] for _ in keys]
    for patch, place in zip(patches, order, strict=True):
        groups[place].append(patch)
    sections = []
    for (kind, deleted), group in zip(keys, groups, strict=True):
        sections.append(
            cut(
                [
                    kind_key(kind),
                    pack_counted_ids([patch.id for patch in group]),
                    pack_ints([patch.seq for patch in group]),
                    pack_maps(kind, [patch.fields for patch in group]),
                    _IS_GONE * deleted,
                ],
                [],
                0,
            )
        )
    return in_sections(sections, order)


def read_patches(packed: list[Any], field: str, cells: Cells) -> list[Patch]:
    """Answer patches in their order."""
    if not packed:
        return []
    sections = packed if len(packed) == 1 else packed[1:]
    taken = [
        _read_patch_section(section, f"{field}[{place}]", cells)
        for place, section in enumerate(sections)
    ]
    if len(taken) == 1:
        return taken[0]
    _, order = parted_sections(packed, sum(map(len, taken)), field, cells)
    sizes = Counter(order)
    if any(sizes[place] != len(group) for place, group in enumerate(taken)):
        raise DecodeError("The order does not fit the sections.", field)
    groups = [iter(group) for group in taken]
    return [next(groups[place]) for place in order]


def _read_patch_section(packed: object, field: str, cells: Cells) -> list[Patch]:
    reader = Reader(packed, field)
    kind = kind_of(reader.take(0, "kind", object), reader.name("kind"))
    ids = read_counted_ids(reader.take(1, "ids", object), reader.name("ids"), cells)
    seqs = read_ints(reader.take(2, "seqs", object), len(ids), reader.name("seqs"), cells)
    maps = read_maps(
        kind, reader.take(3, "fields", object, []), len(ids), reader.name("fields"), cells
    )
    deleted = bool(reader.take(4, "deleted", int, 0))
    return [
        Patch(kind=kind, id=each, seq=seq, fields=fields, deleted=deleted)
        for each, seq, fields in zip(ids, seqs, maps, strict=True)
    ]
