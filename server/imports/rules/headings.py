"""Where the column names of a sheet stand: in one row, or in two, the first of groups. Pure."""

from collections.abc import Sequence

from server.imports.rules.columns import Vocabulary


def found(rows: Sequence[Sequence[str]], vocabulary: Vocabulary) -> tuple[int, int, list[str]]:
    """Find the column names among the first rows of a sheet.

    Two rows are the names together (联系人 above 姓名 and 电话) where more of them are known so
    than of either row alone.

    :returns: the first and the last row of the names, which are one mostly, and the names.
    """
    known = [vocabulary.known(row) for row in rows]
    at = known.index(max(known))
    best, names = (at, at), list(rows[at])
    most = known[at]
    for first in (at - 1, at):
        if first < 0 or first + 1 >= len(rows):
            continue
        both = _joined(rows[first], rows[first + 1], vocabulary)
        if vocabulary.known(both) > most:
            best, names, most = (first, first + 1), both, vocabulary.known(both)
    return *best, names


def _joined(upper: Sequence[str], lower: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Name each column by two rows; what stands above several columns is said of each of them."""
    names: list[str] = []
    group = ""
    for column in range(max(len(upper), len(lower))):
        above = upper[column] if column < len(upper) else ""
        own = lower[column] if column < len(lower) else ""
        group = above or group
        if not own or own == above:
            names.append(above)
        else:
            is_known = vocabulary.field_of(group + own) is not None
            names.append(group + own if is_known else own)
    return names
