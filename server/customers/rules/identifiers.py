"""The identities of a company and a person in one normal form each: credit code, phone, e-mail.

What is written in a normal form compares equal byte for byte, on every device and in every search.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat
from stdnum.cn import uscc as credit_code
from stdnum.exceptions import ValidationError

from server.kit.errors import Invalid
from server.kit.text import clean

_REGION: Final = "CN"
_SEPARATORS: Final = re.compile(r"[\s\-‐-―−.·_()\[\]/]+")
_EXTENSION: Final = re.compile(r"(?i)(?:转|分机|ext\.?|x|#)\s*\d{1,6}\s*$")
_EMAIL: Final = re.compile(r"[^@\s,;<>()\"]{1,64}@[^@\s,;<>()\"]{1,180}\.[^@\s.,;<>()\"]{2,30}")
_COUNTRY_CODE: Final = re.compile(r"\+86|0086|86")
_PHONE_TEXT_MAX: Final = 40
_TYPED_MAX: Final = 64
"""A code or number with all its separators; what is longer is neither read nor remembered."""
_EMAIL_MAX: Final = 320
_REMEMBERED: Final = 2048
"""An import looks at each value when it is read, when it is written and when it is indexed."""


class BadUscc(Invalid):
    """The text is not a unified social credit code (统一社会信用代码)."""

    code = "bad_uscc"


class BadPhone(Invalid):
    """The text is not one phone number that can be dialled."""

    code = "bad_phone"


class BadEmail(Invalid):
    """The text is not an e-mail address."""

    code = "bad_email"


def uscc(text: str) -> str:
    """Bring a unified social credit code into its normal form: 18 half-width capitals and digits.

    :raises BadUscc: when a character is wrong or the check character does not fit.
    """
    if len(text) > _TYPED_MAX:
        raise BadUscc("Write the 18 characters of the credit code only.", field="uscc")
    return _uscc(text)


@lru_cache(_REMEMBERED)
def _uscc(text: str) -> str:
    """Do as `uscc`, with a text that is short enough to be remembered."""
    code = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()
    try:
        return str(credit_code.validate(code))
    except ValidationError as error:
        raise BadUscc(
            "Write the 18 characters of the credit code as on the licence; "
            "one of them seems to be wrong.",
            field="uscc",
        ) from error


@cache
def _chinese_mobile() -> re.Pattern[str]:
    """Give phonenumbers' own pattern of Chinese mobiles: the way that most numbers go."""
    metadata = PhoneMetadata.metadata_for_region(_REGION)
    assert metadata, "phonenumbers knows China"
    assert metadata.mobile, "phonenumbers knows mobiles"
    return re.compile(str(metadata.mobile.national_number_pattern))


def phone(text: str) -> str:
    """Bring a phone number into E.164; a number without a country code is Chinese.

    :raises BadPhone: when it is none, more than one, or has an extension.
    """
    if len(text) > _TYPED_MAX:
        raise BadPhone("Write one phone number only.", field="phone")
    return _phone(text)


@lru_cache(_REMEMBERED)
def _phone(text: str) -> str:
    """Do as `phone`, with a text that is short enough to be remembered."""
    given = unicodedata.normalize("NFKC", text).strip()
    compact = _SEPARATORS.sub("", given)
    country = _COUNTRY_CODE.match(compact)
    national = compact[country.end() :] if country else compact
    if _chinese_mobile().fullmatch(national) and national.isascii():
        return f"+86{national}"
    if _EXTENSION.search(given):
        raise BadPhone(
            "Write the number without its extension; keep that in the remark.", field="phone"
        )
    try:
        if len(given) > _PHONE_TEXT_MAX:
            raise BadPhone("Write one phone number only.", field="phone")
        number = phonenumbers.parse(compact, _REGION)
    except NumberParseException as error:
        raise BadPhone("This is not a phone number.", field="phone") from error
    if number.extension or not phonenumbers.is_valid_number(number):
        raise BadPhone(
            "This number cannot be dialled; a landline needs its area code, as in 0571-88880000.",
            field="phone",
        )
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def dialled(e164: str) -> str:
    """Give the digits as they are dialled in China: mobiles bare, landlines with a leading 0.

    A number of another country keeps its country code.
    """
    if not e164.startswith("+86"):
        return e164.lstrip("+")
    national = e164.removeprefix("+86")
    if _chinese_mobile().fullmatch(national) or national[:3] in {"400", "800"}:
        return national
    return f"0{national}"


def email(text: str) -> str:
    """Bring an e-mail address into its normal form; the part after @ in lower case.

    :raises BadEmail: when it is none.
    """
    given = clean(text) if len(text) <= _EMAIL_MAX else ""
    if not _EMAIL.fullmatch(given):
        raise BadEmail("Write an e-mail address, as in li@example.com.", field="email")
    local, _, domain = given.rpartition("@")
    return f"{local}@{domain.lower()}"
