"""Which year of commission somebody looks at."""

from datetime import date
from typing import Final

from partner_portal import forms
from partner_portal.rendering import AnyRequest

_FIRST: Final = 2000
_LAST: Final = 2099
_OFFERED: Final = 5


def asked(request: AnyRequest, today: date) -> int:
    """Read the year that an address names; nonsense is this one."""
    year = forms.whole(request.query_params.get("year", "")) or today.year
    return min(max(year, _FIRST), _LAST)


def offered(today: date) -> range:
    """Give the years that a page offers, this one first."""
    return range(today.year, today.year - _OFFERED, -1)
