"""Read what a spreadsheet says as exact amounts, days and states, or say why it cannot be."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing.errors import BillingRefusal
from billing.money import MINOR_MAX
from billing.reconciliation.rules.lines import LineState

Cell = str | int | float | Decimal | date | None
"""What readers of spreadsheets give for a cell."""

SCALES: Final[Mapping[str, int]] = {"POINTS": 0, "JPY": 0, "KRW": 0, "VND": 0, "KWD": 3}
"""Decimals of a currency where they are not two."""
_SIGNS: Final[Mapping[str, frozenset[str]]] = {
    "¥": frozenset({"CNY", "JPY"}),
    "元": frozenset({"CNY"}),
    "$": frozenset({"USD", "HKD", "SGD", "AUD", "CAD", "TWD"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
}
_CODE: Final = re.compile(r"[A-Z]{3,8}")
_AMOUNT: Final = re.compile(
    r"(?P<before>[¥$€£]|[A-Z]{3,8})?(?P<minus>[-(])?(?P<whole>[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
    r"(?:\.(?P<part>[0-9]+))?\)?(?P<behind>元|[A-Z]{3,8})?"
)
_SHORTENED: Final = re.compile(r"-?[0-9](?:\.[0-9]+)?E[-+]?[0-9]+")
_MOMENT: Final = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?"
    r"(?:(?: +|T)(?P<hour>[0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?"
    r"(?P<zone> ?(?:Z|UTC|GMT|(?P<sign>[-+])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-5][0-9]))?))?)?",
    re.IGNORECASE,
)
"""A day, perhaps with a time, and with that perhaps a zone."""
_CHINA: Final = ZoneInfo("Asia/Shanghai")
_PACKED_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_SERIAL: Final = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How the platform's books write an id."""
_TOKEN: Final = re.compile(r"[0-9a-f]{32}")
"""By which the platform knows a customer: opaque."""
_NO_VALUES: Final = frozenset(
    ("#VALUE?", "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!")
)
"""What a formula says that has come to nothing."""
_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Letters without a shape, which come along where a text is copied."""
_FORMULA_OF_TEXT: Final = re.compile(r'="((?:[^"]|"")*)"')
_WORD_MAX: Final = 200
_DIGITS_MAX: Final = len(str(MINOR_MAX))
"""Python reads no number of thousands of digits."""
_EPOCH: Final = date(1899, 12, 30)
_DASHES: Final = str.maketrans({"−": "-", "–": "-", "—": "-", "，": ","})
STATE_WORDS: Final[Mapping[str, LineState]] = {
    **dict.fromkeys(
        ("", "active", "有效", "正常", "已发放", "已核销", "issued", "redeemed"), LineState.ACTIVE
    ),
    **dict.fromkeys(("expired", "过期", "已过期", "已失效", "失效"), LineState.EXPIRED),
    **dict.fromkeys(
        (
            "reversed",
            "voided",
            "撤销",
            "已撤销",
            "已作废",
            "作废",
            "已冲正",
            "冲正",
            "退回",
            "已退回",
        ),
        LineState.REVERSED,
    ),
}
"""What files call the states, beside what a column map says."""


class CellUnread(BillingRefusal):
    """A cell of a file is not what its column is for."""

    code = "cell_unread"


class AmountOffScale(CellUnread):
    """An amount has more decimals than its currency, or drifted where a spreadsheet computed it."""

    code = "amount_off_scale"


class AmountNegative(CellUnread):
    """An amount is below nothing; what was taken back is a state of its line."""

    code = "amount_negative"


class AmountTooLarge(CellUnread):
    """An amount is nothing, or larger than one movement may be."""

    code = "amount_too_large"


class DigitsLost(CellUnread):
    """A spreadsheet shortened a number, so that its last digits are gone."""

    code = "digits_lost"


class CurrencyUnexpected(CellUnread):
    """An amount is written in another currency than its line is of."""

    code = "currency_unexpected"


class WhoseUnsaid(CellUnread):
    """A row has no id, no customer and no name, though its file has a column for one of them."""

    code = "whose_unsaid"


class ProgramUnknown(CellUnread):
    """A file calls a program by a name that its map does not have."""

    code = "program_unknown"


def text(cell: Cell) -> str:
    """Give a cell as text, half-width, without spaces around and without what nobody sees.

    A formula that is one text, ``="019c"``, is that text: so CSV files write what a spreadsheet
    must not take for a number.
    """
    if cell is None:
        return ""
    if isinstance(cell, str) and cell.isascii():
        said = cell.strip()
    else:
        said = unicodedata.normalize("NFKC", _UNSEEN.sub("", str(cell))).strip()
    if said.startswith("=") and (match := _FORMULA_OF_TEXT.fullmatch(said)):
        return match[1].replace('""', '"').strip()
    return said


def figures(cell: Cell) -> str:
    """Give a cell with figures as text.

    :raises CellUnread: it has the number of a note (①, ²), which would become one of its digits.
    """
    is_plain = not isinstance(cell, str) or cell.isascii()
    if not is_plain and any(each.isnumeric() and not each.isdecimal() for each in str(cell)):
        raise CellUnread("Write figures alone, without the number of a note.")
    return text(cell)


def word(cell: Cell) -> str:
    """Read an id, a token or a name.

    :raises CellUnread: it is too long to be one, a formula without a value, or a number of which a
        spreadsheet lost digits.
    """
    said = text(cell)
    if len(said) > _WORD_MAX or "\0" in said:
        raise CellUnread(f"Write at most {_WORD_MAX} letters.")
    if said.startswith("#") and said.upper() in _NO_VALUES:
        raise CellUnread("A formula has no value here; save the workbook with its values.")
    if ("E+" in said or "e+" in said) and _SHORTENED.fullmatch(said.upper()):
        raise DigitsLost("The spreadsheet shortened this number; set the column to text first.")
    return said


def reference(cell: Cell) -> str:
    """Read what both sides call a benefit; an id of the platform's is small, however it is written.

    :raises CellUnread: as of a word.
    """
    return _small(word(cell), ID)


def token(cell: Cell) -> str:
    """Read by what the platform knows a customer, likewise; whatever else it is stays as it is.

    :raises CellUnread: as of a word.
    """
    return _small(word(cell), _TOKEN)


def is_token(cell: Cell) -> bool:
    """Say whether a cell is a token of the platform's, however it is written."""
    return bool(_TOKEN.fullmatch(text(cell).lower()))


def _small(said: str, form: re.Pattern[str]) -> str:
    """Give a text small where it has this form then."""
    small = said.lower()
    return small if form.fullmatch(small) else said


def currency(cell: Cell) -> str:
    """Read a currency's code; people write 人民币 and RMB for CNY.

    :raises CellUnread: it is none.
    """
    said = text(cell).upper()
    said = {"RMB": "CNY", "人民币": "CNY", "元": "CNY", "¥": "CNY", "积分": "POINTS"}.get(
        said, said
    )
    if not _CODE.fullmatch(said):
        raise CellUnread("Write a currency as its code, such as CNY.")
    return said


def program(cell: Cell, words: Mapping[str, str]) -> str:
    """Read a program's id, or its name as the one that it is called by; nothing stays nothing.

    :param words: by what this file calls programs, small, their ids.
    :raises CellUnread: the name is not known: compared with an id it would differ on every line.
    """
    said = word(cell).casefold()
    found = words.get(said, said)
    if found and not ID.fullmatch(found):
        raise ProgramUnknown("Say in the column map which program this is.")
    return found


def amount_minor(cell: Cell, currency_code: str) -> int:
    """Read an amount as whole minor units, or refuse it: nothing is ever rounded.

    A number that a spreadsheet keeps as a float is taken by its shortest decimal form; one that
    was computed there and drifted (0.1 + 0.2) does not fit the scale and is refused.

    :raises CellUnread: by one of its kinds, saying what is wrong.
    """
    if isinstance(cell, bool) or cell is None:
        raise CellUnread("Write an amount, such as 12000.50.")
    written = figures(cell).translate(_DASHES).replace(" ", "").upper()
    if isinstance(cell, float):
        written = format(Decimal(str(cell)), "f")
    if _SHORTENED.fullmatch(written):
        raise DigitsLost("The spreadsheet shortened this number; set the column to text first.")
    match = _AMOUNT.fullmatch(written)
    if match is None or (match["minus"] == "(") != written.rstrip("元").endswith(")"):
        raise CellUnread("Write an amount, such as 12000.50 or 12,000.50.")
    _ensure_currency(match["before"], currency_code)
    _ensure_currency(match["behind"], currency_code)
    if match["minus"]:
        raise AmountNegative("Write what was taken back as a state of its line, not below nothing.")
    scale = SCALES.get(currency_code, 2)
    part = (match["part"] or "").rstrip("0")
    if len(part) > scale:
        raise AmountOffScale(f"An amount in {currency_code} has {scale} decimals at most.")
    digits = (match["whole"].replace(",", "") + part.ljust(scale, "0")).lstrip("0")
    if not digits or len(digits) > _DIGITS_MAX or int(digits) > MINOR_MAX:
        raise AmountTooLarge(f"An amount is from 1 to {MINOR_MAX} minor units.")
    return int(digits)


def _ensure_currency(sign: str | None, currency_code: str) -> None:
    """Refuse a sign or code of another currency."""
    if sign is None:
        return
    said = {"RMB": "CNY"}.get(sign, sign)
    if currency_code not in _SIGNS.get(said, {said}):
        raise CurrencyUnexpected(f"This line is in {currency_code}, its amount is not.")


def day(cell: Cell) -> date:
    """Read a day, as people and spreadsheets write it: 2026-03-02, 2026/3/2, 2026年3月2日, 46083.

    With a time it is the day in China, where a time is from that says no zone.

    :raises CellUnread: it is none.
    """
    if isinstance(cell, datetime):
        return cell.astimezone(_CHINA).date() if cell.tzinfo else cell.date()
    if isinstance(cell, date):
        return cell
    written = figures(cell)
    try:
        if match := _MOMENT.fullmatch(written):
            return _day_in_china(match)
        if match := _PACKED_DAY.fullmatch(written):
            return date(*map(int, match.groups()))
        if _SERIAL.fullmatch(written):
            return _EPOCH + timedelta(days=int(float(written)))
    except (ValueError, OverflowError) as error:
        raise CellUnread("There is no such day.") from error
    raise CellUnread("Write a day, such as 2026-03-02.")


def _day_in_china(moment: re.Match[str]) -> date:
    """Give the day of a moment."""
    year, month, day_ = map(int, moment.groups()[:3])
    if moment["hour"] is None:
        return date(year, month, day_)
    hour, minute, second = (int(each or 0) for each in moment.groups()[3:6])
    zone: tzinfo = _CHINA
    if moment["zone"]:
        ahead = timedelta(hours=int(moment["hours"] or 0), minutes=int(moment["minutes"] or 0))
        zone = timezone(-ahead if moment["sign"] == "-" else ahead)
    at = datetime(year, month, day_, hour, minute, second, tzinfo=zone)
    return at.astimezone(_CHINA).date()


def state(cell: Cell, words: Mapping[str, LineState]) -> LineState:
    """Read whether a line counts.

    :param words: what this file calls the states, besides what files usually do.
    :raises CellUnread: the word is not known; it is not guessed, since it decides about money.
    """
    said = text(cell).casefold()
    found = words.get(said) or STATE_WORDS.get(said)
    if found is None:
        raise CellUnread("Say in the column map what this state means.")
    return found
