"""Credit notes: the only way to void an invoice, or a part of it."""

from billing.errors import BillingRefusal, Sort


class CreditTooLarge(BillingRefusal):
    """More would be credited than the invoice has."""

    code = "credit_above_invoice"
    sort = Sort.CLASH
    field = "amount_minor"


def credited_tax(total_minor: int, tax_minor: int, before: int, amount: int) -> int:
    """Give the tax in a credit note; those of a whole invoice have its tax together.

    :param before: what was credited before.
    :raises CreditTooLarge: more would be credited than there is.
    """
    if not 0 < amount <= total_minor - before:
        raise CreditTooLarge(f"At most {total_minor - before} minor units are left to credit.")
    return tax_minor * (before + amount) // total_minor - tax_minor * before // total_minor
