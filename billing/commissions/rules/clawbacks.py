"""What a refund takes back of a commission, however many refunds there are, to the fen."""

from billing.errors import BillingRefusal, Sort


class RefundTooLarge(BillingRefusal):
    """More was refunded than was sold."""

    code = "refund_too_large"
    sort = Sort.CLASH
    field = "refunded"


def ensure_refundable(sold: int, refunded: int) -> None:
    """Refuse a refund of more than was sold, also where the sale has paid nobody.

    :raises RefundTooLarge: more was refunded than was sold.
    """
    if refunded > sold:
        raise RefundTooLarge("No more can be refunded than was sold.")


def net_minor(commission_minor: int, sold_minor: int, refunded_minor: int) -> int:
    """Give what is left of a commission: its part for what was not refunded, rounded down.

    :raises RefundTooLarge: more was refunded than was sold.
    """
    assert sold_minor > 0, "something was sold"
    assert refunded_minor >= 0, "a refund is not below nothing"
    ensure_refundable(sold_minor, refunded_minor)
    return commission_minor * (sold_minor - refunded_minor) // sold_minor


def clawback_minor(
    commission_minor: int, sold_minor: int, refunded_before_minor: int, refund_minor: int
) -> int:
    """Give what one more refund takes back; all refunds together take what one would have.

    :raises RefundTooLarge: more was refunded than was sold.
    """
    before = net_minor(commission_minor, sold_minor, refunded_before_minor)
    return before - net_minor(commission_minor, sold_minor, refunded_before_minor + refund_minor)
