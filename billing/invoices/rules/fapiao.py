"""The number of a fully digital e-invoice (全电发票): its shape. It is issued elsewhere."""

import re
from typing import Final

from billing.errors import BillingRefusal

_SHAPE: Final = re.compile(r"(?P<year>[0-9]{2})(?P<region>[0-9]{2})[0-9](?P<sequence>[0-9]{15})")
_FIRST_YEAR: Final = 21
"""The first ones were issued in December 2021."""


class FapiaoMalformed(BillingRefusal):
    """A number is not one of a fully digital e-invoice."""

    code = "fapiao_malformed"
    field = "number"


def ensure_number(number: str, year: int) -> None:
    """Refuse what is no such number: 20 digits, that begin with year and region.

    :param year: the present one; none is of a later one.
    :raises FapiaoMalformed: it says why.
    """
    found = _SHAPE.fullmatch(number)
    if found is None:
        raise FapiaoMalformed("The number of a fully digital e-invoice has 20 digits.")
    if not _FIRST_YEAR <= int(found["year"]) <= year % 100:
        raise FapiaoMalformed("Its first two digits are a year from 2021 to this one.")
    if found["region"] < "11" or int(found["sequence"]) == 0:
        raise FapiaoMalformed("Its digits 3 and 4 are a region, its last 15 count from 1.")
