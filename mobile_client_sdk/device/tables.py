"""Text for a terminal: columns that line up also where characters are two cells wide."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

import msgspec

ZONE: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""In which times are told and read; without summer time, so that no device needs a zone table."""
_WIDE: Final = frozenset("WF")
_GAP: Final = "  "


class Column(msgspec.Struct, frozen=True):
    """A column: what stands above it, and how many cells it may take."""

    title: str
    most: int = 24
    is_number: bool = False


def width(text: str) -> int:
    """Answer how many cells a text takes."""
    return sum(
        0
        if unicodedata.combining(each)
        else 2
        if unicodedata.east_asian_width(each) in _WIDE
        else 1
        for each in text
    )


def cut(text: str, most: int) -> str:
    """Shorten a text to a number of cells; a cut one ends with three dots."""
    text = " ".join(text.split())
    if width(text) <= most:
        return text
    kept, cells = "", 0
    for each in text:
        cells += width(each)
        if cells > most - 3:
            break
        kept += each
    return kept + "..."


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, is_bold: bool) -> str:
    """Answer rows in columns as wide as they need to be, no wider than they may."""
    cells = [
        [cut(text, column.most) for column, text in zip(columns, row, strict=True)] for row in rows
    ]
    widths = [
        max([width(column.title), *(width(row[position]) for row in cells)])
        for position, column in enumerate(columns)
    ]
    head = _line(columns, [column.title for column in columns], widths)
    return "\n".join(
        [bold(head) if is_bold else head, *(_line(columns, row, widths) for row in cells)]
    )


def _line(columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for column, text, wide in zip(columns, texts, widths, strict=True):
        room = " " * (wide - width(text))
        parts.append(room + text if column.is_number else text + room)
    return _GAP.join(parts).rstrip()


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Answer names and values, the values below each other."""
    shown = [(name, value) for name, value in rows if value]
    most = max((width(name) for name, _ in shown), default=0)
    return "\n".join(
        name + " " * (most - width(name)) + _GAP + value.replace("\n", "\n" + " " * (most + 2))
        for name, value in shown
    )


def bold(text: str) -> str:
    """Make a text stand out."""
    return f"\033[1m{text}\033[0m"


def when(at_ms: int | None) -> str:
    """Answer a time by Shanghai's clock, as the pages do, wherever this machine stands."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, ZONE).strftime("%Y-%m-%d %H:%M")
