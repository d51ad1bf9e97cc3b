"""Cells that a spreadsheet program only shows: text is never taken for a formula."""

import re
from typing import Final

MARK: Final = "'"
"""What makes a cell text in every spreadsheet program."""

_BLANK: Final = "[\\s\u00a0\u200b\ufeff]*"
_DANGER: Final = "[=+\\-@|%＝＋－＠'\t\r\n]"
_AT_START: Final = re.compile(f"{_BLANK}{_DANGER}|[\t\r\n]")
_INSIDE: Final = re.compile(f"([\r\n]{_BLANK})(?={_DANGER})")
_MARKED_INSIDE: Final = re.compile(f"([\r\n]{_BLANK}){MARK}(?={_DANGER})")


def harmless(text: str) -> str:
    """Put a mark before what could begin a formula, at the beginning and behind line breaks."""
    begun = MARK + text if _AT_START.match(text) else text
    return _INSIDE.sub(rf"\1{MARK}", begun)


def plain(text: str) -> str:
    """Take the marks off again: the inverse of `harmless`; other text stays as it is."""
    bare = text.removeprefix(MARK) if _AT_START.match(text.removeprefix(MARK)) else text
    return _MARKED_INSIDE.sub(r"\1", bare)
