"""What the writers share: amounts, columns for what lines are counted for, characters."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from billing.accounting_vouchers.schemas import Line, Replaced, Volume
from billing.errors import BillingRefusal, Sort
from billing.journal.rules import amount
from billing.ledger.schemas import Dimension

BASE: Final = "CNY"
"""The currency that the books are kept in (本位币)."""
GETA: Final = "〓"
"""What Chinese printers set where they have no type."""


class ExportForeignCurrency(BillingRefusal):
    """A package's file wants amounts in the books' own currency."""

    code = "export_foreign_currency"
    field = "currency"


class ExportDimensionUnknown(BillingRefusal):
    """A package's file has no column for what a line is counted for."""

    code = "export_dimension_unknown"
    sort = Sort.CLASH
    field = "format"


def ensure_base(volume: Volume) -> None:
    """Refuse what is not in the books' own currency.

    :raises ExportForeignCurrency: naming the currency.
    """
    if volume.currency != BASE:
        raise ExportForeignCurrency(
            f"This format takes {BASE} alone, not {volume.currency}: write csv or xlsx."
        )


def ensure_columns(volume: Volume, columns: Mapping[Dimension, object], name: str) -> None:
    """Refuse lines that are counted for what a file has no column for.

    :raises ExportDimensionUnknown: naming account and dimension.
    """
    for line in (line for voucher in volume.vouchers for line in voucher.lines):
        for dimension in line.dims:
            if dimension not in columns:
                raise ExportDimensionUnknown(
                    f"Account {line.account_code} is counted by {dimension}, for which a file for "
                    f"{name} has no column: write csv or xlsx."
                )


def sides(line: Line, currency: str) -> tuple[str, str]:
    """Write debit and credit; the one that is nothing is left empty."""
    debit, credit = line.debit_minor, line.credit_minor
    return amount(debit, currency) if debit else "", amount(credit, currency) if credit else ""


class Charset:
    """Texts for a charset: what it lacks is replaced, and told."""

    def __init__(self, charset: str, *, also: Mapping[str, str]) -> None:
        self._charset = charset
        self._also = also
        self._seen: Counter[tuple[str, str]] = Counter()
        self._known: dict[str, str] = {}

    def fit(self, text: str) -> str:
        """Give a text that can be written."""
        return "".join(self._fit(character) for character in text)

    def replaced(self) -> list[Replaced]:
        """Tell what was replaced, by the order of the characters."""
        return [
            Replaced(character=character, by=by, times=times)
            for (character, by), times in sorted(self._seen.items())
        ]

    def _fit(self, character: str) -> str:
        """Give what is written for a character."""
        by = self._known.get(character)
        if by is None:
            by = self._known[character] = self._also.get(character) or self._held(character)
        if by != character:
            self._seen[character, by] += 1
        return by

    def _held(self, character: str) -> str:
        """Give the character, or what stands for one that the charset lacks."""
        try:
            character.encode(self._charset)
        except UnicodeEncodeError:
            return GETA
        return character
