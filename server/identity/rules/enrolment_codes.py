"""Enrolment codes: short, typed from one screen into another, good for one device.

31**8 codes are 8.5e11: with a life of 15 minutes and few tries allowed an address, guessing is
hopeless.
"""

from datetime import timedelta
from typing import Final

from server.identity.rules.codes import Kind
from server.kit.errors import Invalid

LIFE: Final = timedelta(minutes=15)


class EnrolmentCodeMistyped(Invalid):
    """The check symbol does not fit: a symbol is wrong or two are swapped."""

    code = "enrolment_code_mistyped"


class EnrolmentCodeRefused(Invalid):
    """No such code, or it is used or over."""

    code = "enrolment_code_refused"


CODES: Final = Kind(
    name="enrolment code",
    symbols=8,
    group=3,
    page="enrol",
    mistyped=EnrolmentCodeMistyped,
    refused=EnrolmentCodeRefused,
)
