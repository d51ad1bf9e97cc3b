"""Money: whole minor units with their currency, split without losing any."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from billing.errors import CurrencyMismatch

MINOR_MAX: Final = 2**53 - 1
"""The largest amount of one movement: what readers of JSON in every language hold exactly."""

Currency = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3,8}\Z")]
"""An ISO 4217 code, or the code of a unit of our own such as POINTS."""

_DECIMALS: Final = {"POINTS": 0, "JPY": 0, "KRW": 0, "VND": 0, "KWD": 3}


def decimals(currency: str) -> int:
    """Say how many decimals an amount of a currency is written with: two, but for a few."""
    return _DECIMALS.get(currency, 2)


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units (fen for CNY) of one currency."""

    amount_minor: int
    currency: Currency

    def __add__(self, other: "Money") -> "Money":
        self._ensure_same(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._ensure_same(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount_minor * times, self.currency)

    def allocate(self, weights: Sequence[int]) -> "list[Money]":
        """Split in proportion to the weights so that the parts sum to the whole.

        The units that are left over go to the largest remainders; among equals to the first.
        A negative amount is split like its opposite, so that undoing a split undoes each part.
        """
        assert weights, "money is split among somebody"
        assert min(weights) >= 0, "a share is not negative"
        total = sum(weights)
        assert total > 0, "somebody has a share"
        sign = -1 if self.amount_minor < 0 else 1
        shares = [divmod(abs(self.amount_minor) * weight, total) for weight in weights]
        left = abs(self.amount_minor) - sum(whole for whole, _ in shares)
        by_remainder = sorted(range(len(shares)), key=lambda index: (-shares[index][1], index))
        favoured = set(by_remainder[:left])
        return [
            Money(sign * (whole + (index in favoured)), self.currency)
            for index, (whole, _) in enumerate(shares)
        ]

    def _ensure_same(self, other: "Money") -> None:
        """Refuse to mix currencies."""
        if self.currency != other.currency:
            raise CurrencyMismatch(self.currency, other.currency)
