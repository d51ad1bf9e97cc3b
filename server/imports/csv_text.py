"""Read CSV as it comes: find the encoding with certainty or not at all, find the delimiter."""

import codecs
import csv
import io
from collections import Counter
from itertools import chain
from typing import Final

from server.imports.sheets import CELL_CHARS_MAX, FileRefused, Rows, Sheet

ENCODINGS: Final = ("utf-8", "utf-8-sig", "gb18030", "utf-16")
_DELIMITERS: Final = ",\t;|"
_LOOKED_AT: Final = 30
_CERTAIN_SHARE: Final = 0.7
"""Of the Chinese characters so many are everyday ones (level 1 of GB 2312) in real Chinese text."""
_LEVEL_1: Final = range(0xB0, 0xD8)
_END: Final = "\ufdd0"
"""Read behind the last line; no text has this character."""
_QUOTE_OPEN: Final = (
    'A quotation mark (") opens in row {} and closes nowhere, so that all rows below would be one'
    " cell; close it or take it out."
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(content: bytes, encoding: str | None = None) -> Sheet:
    """Read a CSV; the encoding is found unless it is given.

    :raises FileRefused: it is no text, its encoding is not certain, or it passes a limit.
    """
    name = encoding or sniff_encoding(content)
    if name not in ENCODINGS:
        raise FileRefused("encoding_unknown", f"The encoding is one of {', '.join(ENCODINGS)}.")
    rows = Rows()
    # Far more than the limit of a cell: a long one is refused in words, not by the parser.
    csv.field_size_limit(10 * CELL_CHARS_MAX)
    try:
        delimiter = sniff_delimiter(_text(content, name).read(4 * CELL_CHARS_MAX))
        lines = chain(_text(content, name), [_END])
        for number, cells in enumerate(csv.reader(lines, delimiter=delimiter), 1):
            if cells and cells[-1].endswith(_END):
                # Inside quotation marks it is no line of its own.
                if cells != [_END]:
                    raise FileRefused("quote_open", _QUOTE_OPEN.format(number))
                break
            rows.add(number, [cell.strip() for cell in cells])
    except UnicodeError as error:
        raise FileRefused("encoding_wrong", f"The file is not in {name}.") from error
    except csv.Error as error:
        raise FileRefused("csv_broken", f"The file is no CSV that can be read: {error}.") from error
    return Sheet(format="csv", rows=rows, encoding=name, delimiter=delimiter)


def _text(content: bytes, encoding: str) -> io.TextIOWrapper:
    """Decode a file bit by bit: all of it at once takes several times its size."""
    return io.TextIOWrapper(io.BytesIO(content), encoding, newline="")


def sniff_encoding(content: bytes) -> str:
    """Find the encoding: a mark, or valid UTF-8, or GB 18030 that reads like Chinese.

    :raises FileRefused: nothing of that is certain.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    if b"\0" in content:
        raise FileRefused("not_text", "This is no text file; save it as CSV or as XLSX.")
    if _is(content, "utf-8"):
        return "utf-8"
    if _is(content, "gb18030") and _reads_like_chinese(content.decode("gb18030")):
        return "gb18030"
    raise FileRefused(
        "encoding_uncertain",
        "The encoding of this file is not certain; save it as CSV UTF-8, or say which it is.",
    )


def _is(content: bytes, encoding: str) -> bool:
    """Say whether the bytes are valid in an encoding."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _reads_like_chinese(text: str) -> bool:
    """Say whether the Chinese characters are mostly everyday ones, and nothing else is strange.

    Big5, Shift JIS and Latin-1 are often valid GB 18030, but give rare characters.
    """
    everyday = rare = 0
    for character in set(text):
        if character.isascii():
            continue
        try:
            lead = character.encode("gb2312")[0]
        except UnicodeEncodeError:
            rare += 1
            continue
        # Signs and full-width forms are in the rows before the characters.
        if lead in _LEVEL_1 or lead < _LEVEL_1.start:
            everyday += 1
        else:
            rare += 1
    return everyday >= _CERTAIN_SHARE * (everyday + rare)


def sniff_delimiter(head: str) -> str:
    """Find the delimiter: the one that cuts the first rows into the most columns, most evenly."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        try:
            widths = [len(row) for row, _ in zip(reader, range(_LOOKED_AT), strict=False) if row]
        except csv.Error:
            continue
        usual, times = Counter(widths).most_common(1)[0] if widths else (1, 1)
        score = (0.0, 0) if usual == 1 else (times / len(widths), usual)
        if score > best_score:
            best, best_score = delimiter, score
    return best
