"""What the books say no to: facts with stable codes. The caller knows what a person is told."""

from enum import StrEnum
from typing import ClassVar


class Sort(StrEnum):
    """Why the books decline something, roughly: an edge knows how it answers each."""

    UNSOUND = "unsound"
    """What is asked contradicts itself or what it is about."""
    ABSENT = "absent"
    """What it is about is not there, or not for who asks."""
    CLASH = "clash"
    """It does not fit what stands in the books by now."""
    BARRED = "barred"
    """Somebody else has to do it."""


class BillingRefusal(Exception):
    """A request that the books decline, with a stable code and a sentence."""

    code: ClassVar[str] = "billing_refused"
    sort: ClassVar[Sort] = Sort.UNSOUND
    field: ClassVar[str | None] = None
    """What of a request is at fault, where it is always the same."""

    about: str = ""
    """What is named in it, where words of another language have to name it too."""

    def __init__(self, detail: str, *, about: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        if about:
            self.about = about


class CurrencyMismatch(BillingRefusal):
    """Amounts of two currencies were put together."""

    code = "wrong_currency"

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} cannot be put together.")


class AccountDiffers(BillingRefusal):
    """An account was opened again with other terms."""

    code = "account_differs"
    sort = Sort.CLASH


class AmountOutOfRange(BillingRefusal):
    """An amount is not a whole number of minor units from 1 to MINOR_MAX."""

    code = "amount_out_of_range"
    field = "amount_minor"


class NotYetHappened(BillingRefusal):
    """Something was to be booked for a time that lies ahead."""

    code = "not_yet_happened"


class MakerIsChecker(BillingRefusal):
    """Who made something cannot be the one who lets it go."""

    code = "maker_is_checker"
    sort = Sort.BARRED
