"""What the books say no to: facts with stable codes. The caller knows what a person is told."""

from typing import ClassVar


class BillingRefusal(Exception):
    """A request that the books decline, with a stable code and a sentence."""

    code: ClassVar[str] = "billing_refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class CurrencyMismatch(BillingRefusal):
    """Amounts of two currencies were put together."""

    code = "wrong_currency"

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} cannot be put together.")


class AccountDiffers(BillingRefusal):
    """An account was opened again with other terms."""

    code = "account_differs"


class AmountOutOfRange(BillingRefusal):
    """An amount is not a whole number of minor units from 1 to MINOR_MAX."""

    code = "amount_out_of_range"


class NotYetHappened(BillingRefusal):
    """Something was to be booked for a time that lies ahead."""

    code = "not_yet_happened"
