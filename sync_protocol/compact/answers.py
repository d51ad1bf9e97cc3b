"""What a push is answered: the outcomes by column, and the page that came along."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sync_protocol.columns import Cells, pack_column, pack_ints, read_column, read_ints
from sync_protocol.compact.pages import pack_page, read_page
from sync_protocol.compact.places import FORMAT, Reader, cut, opened, read_time, refusal_of
from sync_protocol.compact.sections import pack_numbers, read_numbers
from sync_protocol.messages import DecodeError, Outcome, PushResponse, Status

_STATUSES: Final = tuple(Status)
MAX_OUTCOMES: Final = 100_000
"""An answer has no more outcomes."""
_OUTCOME_REST: Final[tuple[tuple[str, object], ...]] = (
    ("seq", None),
    ("conflicts", ()),
    ("detail", ""),
    ("field", None),
    ("told", {}),
)


def lay_out(answer: PushResponse) -> list[Any]:
    """Answer an answer to a push as an array."""
    outcomes = answer.outcomes
    head = [
        FORMAT,
        answer.acknowledged,
        answer.server_time_ms,
        None if answer.pull is None else pack_page(answer.pull),
    ]
    if not outcomes:
        return cut(head, None)
    return cut(
        [
            *head,
            pack_numbers([each.number for each in outcomes]),
            pack_ints([_STATUSES.index(each.status) for each in outcomes]),
            pack_column([str(each.code) for each in outcomes]),
            *(
                _pack_default([getattr(each, name) for each in outcomes], default)
                for name, default in _OUTCOME_REST
            ),
        ],
        None,
        None,
        None,
        None,
        None,
    )


def _pack_default(values: list[Any], default: object) -> object:
    """Answer a column, or nothing where all have the default."""
    return None if all(value == default for value in values) else pack_column(values)


def take_in(values: object, cells: Cells) -> PushResponse:
    """Read an answer to a push."""
    reader = opened(values)
    pull = reader.take(3, "pull", object, None)
    numbers = read_numbers(reader.take(4, "outcomes", object, []), MAX_OUTCOMES, "outcomes")
    return PushResponse(
        outcomes=_read_outcomes(reader, numbers, cells) if numbers else [],
        acknowledged=reader.take(1, "acknowledged", int),
        server_time_ms=read_time(reader.take(2, "server_time_ms", int), "server_time_ms"),
        pull=None if pull is None else read_page(pull, "pull", cells),
    )


def _read_outcomes(reader: Reader, numbers: Sequence[int], cells: Cells) -> list[Outcome]:
    count = len(numbers)
    statuses = read_ints(reader.take(5, "status", object), count, "outcomes.status", cells)
    if not 0 <= min(statuses) <= max(statuses) < len(_STATUSES):
        raise DecodeError("There is no such status.", "outcomes.status")
    codes = read_column(reader.take(6, "code", object), count, "outcomes.code", cells)
    rest = []
    for place, (name, default) in enumerate(_OUTCOME_REST, 7):
        packed = reader.take(place, name, object, None)
        rest.append(
            [default] * count
            if packed is None
            else read_column(packed, count, f"outcomes.{name}", cells)
        )
    rows = zip(numbers, statuses, codes, *rest, strict=True)
    try:
        return [
            msgspec.convert(
                {
                    "number": number,
                    "status": _STATUSES[status],
                    "code": code,
                    "seq": seq,
                    "conflicts": conflicts,
                    "detail": detail,
                    "field": field,
                    "told": told,
                },
                Outcome,
            )
            for number, status, code, seq, conflicts, detail, field, told in rows
        ]
    except msgspec.ValidationError as error:
        raise refusal_of(error, "outcomes") from error
