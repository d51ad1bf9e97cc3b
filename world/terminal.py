"""Lay out text for a terminal: tables whose columns stand, also with Chinese in them."""

import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

_WIDE: Final = "WF"
_GAP: Final = "  "
_BOLD: Final = "1"
_DIM: Final = "2"
_GREEN: Final = "32"
_RED: Final = "31"


class Paint:
    """Colours for a terminal that has them; plain text for a file, a pipe and NO_COLOR."""

    def __init__(self, stream: TextIO | None = None) -> None:
        target = stream or sys.stdout
        self.is_on = target.isatty() and "NO_COLOR" not in os.environ

    def bold(self, text: str) -> str:
        """Make a heading stand out."""
        return self._wrapped(text, _BOLD)

    def dim(self, text: str) -> str:
        """Step back."""
        return self._wrapped(text, _DIM)

    def good(self, text: str) -> str:
        """Say that something is as it should be."""
        return self._wrapped(text, _GREEN)

    def bad(self, text: str) -> str:
        """Say that something is not."""
        return self._wrapped(text, _RED)

    def _wrapped(self, text: str, code: str) -> str:
        """Put the colour's start and end around the text."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_on and text else text


def width(text: str) -> int:
    """Count the columns that a text takes: two for each Chinese character."""
    return sum(
        0
        if unicodedata.combining(sign)
        else 2
        if unicodedata.east_asian_width(sign) in _WIDE
        else 1
        for sign in text
    )


def padded(text: str, columns: int) -> str:
    """Fill a text up with spaces to so many columns."""
    return text + " " * max(0, columns - width(text))


def table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], paint: Paint | None = None
) -> list[str]:
    """Lay out rows under headers, a rule between them, no trailing spaces."""
    paint = paint or Paint()
    body = [list(row) for row in rows]
    columns = [max(width(text) for text in column) for column in zip(headers, *body, strict=True)]
    head = _GAP.join(padded(text, size) for text, size in zip(headers, columns, strict=True))
    rule = _GAP.join("─" * size for size in columns)
    lines = [paint.bold(head.rstrip()), paint.dim(rule)]
    for row in body:
        cells = (padded(text, size) for text, size in zip(row, columns, strict=True))
        lines.append(_GAP.join(cells).rstrip())
    return lines


def yuan(fen: int) -> str:
    """Write an amount for people."""
    return f"¥{fen // 100:,}.{fen % 100:02d}"


def wrapped(text: str, columns: int) -> list[str]:
    """Break a text at its ` · ` so that no line is longer than so many columns."""
    lines: list[str] = []
    line = ""
    for part in text.split(" · "):
        longer = f"{line} · {part}" if line else part
        if line and width(longer) > columns:
            lines.append(line)
            line = part
        else:
            line = longer
    return [*lines, line]
