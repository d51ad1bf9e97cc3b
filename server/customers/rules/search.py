"""Search keys of customers: which tokens are stored, and which stretch of tokens answers.

Row-level security lets an index serve only leak-proof comparisons, so each way to search is a
prefix search in one sorted column of tokens (``token >= low AND token < high``, COLLATE "C").
A token begins with the letter of its way:

=====  ======================================================================================
``n``  the name from every second character on, the character before it kept beside: any part
       of a name with two or more characters begins a token, or is the character before a
       token and then the token's beginning
``y``  the name in pinyin, from its beginning and from behind the place name
``i``  the initials of the pinyin, likewise
``d``  the phone's digits as they are dialled
``r``  the phone's digits from the last to the first
``u``  the credit code
``t``  the id of a tag that the customer has
``f``  a hash of a custom field and its value, also of contacts, stores and deals
``N``  the name of a contact or store, cut like ``n``; ``D`` and ``R`` its phone
=====  ======================================================================================

No token begins inside the legal form (有限公司), but tokens reach into it, so 茶叶有限公司 is
found as written. A customer with eight characters, a phone and a code has about ten tokens.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from server.changelog import custom
from server.customers.rules import identifiers, pinyin, places
from sync_protocol.schema import CustomType
from sync_protocol.schema.custom import is_custom, type_of

TOKEN_MAX: Final = 24
"""Characters of a token; a longer question is cut to as many."""
_STARTS_MAX: Final = 16
"""Name tokens of one record: the first 32 characters of a name are found from the middle."""
_DIGITS_MIN: Final = 3
"""Fewer digits than these would find every phone."""
_COUNTRY_CODE_FROM: Final = 8
"""From as many digits on, a leading 86 may be the country code."""

_NOT_KEY: Final = re.compile(r"[\W_]+")
_LEGAL_FORMS: Final = (
    "集团股份有限公司",
    "股份有限公司",
    "有限责任公司",
    "集团有限公司",
    "有限公司",
    "分公司",
    "个体工商户",
    "集团",
    "公司",
)
_PROVINCES: Final = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|"
    "湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|内蒙古|广西|西藏|宁夏|新疆"
)
_PLACE: Final = re.compile(
    rf"^(?:(?:{_PROVINCES})[省市]?)?"
    r"(?:.{2,4}?(?:市|自治州|地区|盟))?"
    r"(?:.{1,4}?[区县旗])?"
)
_LENT: Final = frozenset("ndr")
_PHONES: Final = frozenset("drDR")
_NOT_FOUND: Final = frozenset({CustomType.LINES, CustomType.DECIMAL})
"""Types of custom fields whose values nobody looks for as a whole."""
_SEPARATORS: Final = re.compile(r"[\s\-+()]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_LATIN: Final = re.compile(r"[a-z][a-z' ]*")
_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{4,18}")

Tokens = dict[str, str]
"""The search keys of one record: token -> the character before it in the name, or empty."""


class Stretch(msgspec.Struct, frozen=True):
    """The tokens that begin with `prefix` and, if it is given, have `before` beside them."""

    prefix: str
    before: str | None = None

    @property
    def end(self) -> str:
        """Give the first text behind the stretch, in the order of COLLATE "C"."""
        last = ord(self.prefix[-1])
        is_before_surrogates = last == 0xD7FF  # noqa: PLR2004 - a constant of Unicode
        return self.prefix[:-1] + chr(0xE000 if is_before_surrogates else last + 1)

    @property
    def is_phone(self) -> bool:
        """Say whether these are keys of a phone."""
        return self.prefix[0] in _PHONES

    @property
    def lent(self) -> "Stretch | None":
        """Give the stretch of the same keys of contacts and stores, if they lend such keys."""
        return Stretch(_lent(self.prefix), self.before) if self.prefix[0] in _LENT else None


class Question(msgspec.Struct, frozen=True):
    """What is looked for: any of the stretches, or, for one character, a name that holds it."""

    stretches: tuple[Stretch, ...] = ()
    name_holds: str = ""

    @property
    def lent(self) -> tuple[Stretch, ...]:
        """Give the stretches of what contacts and stores lend to their customers."""
        return tuple(stretch.lent for stretch in self.stretches if stretch.lent)


def name_key(name: str) -> str:
    """Give the letters, digits and characters of a name alone, half-width, in lower case."""
    return _NOT_KEY.sub("", unicodedata.normalize("NFKC", name).casefold())


def core(name: str) -> str:
    """Give the key of a name without its legal form: companies of one core have one name."""
    return _core(name_key(name))


def calling(name: str, city: str | None) -> str:
    """Give by what people call a company: its name without place and legal form."""
    name_core = core(name)
    return name_core[_place_length(name_core, city) :]


def _core(key: str) -> str:
    """Cut the legal form off the key of a name."""
    if not key.endswith(_LEGAL_FORMS):
        return key
    for form in _LEGAL_FORMS:
        if key.endswith(form):
            return key.removesuffix(form) if len(key) > len(form) + 1 else key
    return key


def customer_tokens(name: str, *, phone: str | None, uscc: str | None, city: str | None) -> Tokens:
    """Give every search key of a customer."""
    key = name_key(name)
    name_core = _core(key)
    tokens = _letter_tokens(key, name_core, city)
    tokens |= _name_tokens(key, len(name_core))
    if phone:
        tokens |= phone_tokens(phone)
    if uscc:
        tokens[code_token(uscc)] = ""
    return tokens


def child_tokens(name: str | None, phone: str | None) -> Tokens:
    """Give the search keys that a contact or a store lends to its customer: name and phone."""
    key = name_key(name or "")
    own = {**_name_tokens(key, len(key)), **(phone_tokens(phone) if phone else {})}
    return {_lent(token): before for token, before in own.items()}


def _lent(token: str) -> str:
    """Give the key of what belongs to a customer for a key of a customer."""
    return token[0].upper() + token[1:]


def phone_tokens(e164: str) -> Tokens:
    """Give a phone's keys, from the front and from the back."""
    digits = identifiers.dialled(e164)
    return {f"d{digits}": "", f"r{digits[::-1]}": ""}


def code_token(uscc: str) -> str:
    """Give a credit code's key."""
    return f"u{uscc}"


def tag_token(tag_id: str) -> str:
    """Give the key by which the customers with a tag are found."""
    return f"t{tag_id}"


def is_found(name: str) -> bool:
    """Say whether records are found by the whole value of a custom field."""
    return type_of(name) not in _NOT_FOUND


def custom_tokens(fields: Mapping[str, Any]) -> Tokens:
    """Give the keys by which records with a value of a custom field are found."""
    tokens: Tokens = {}
    for name, value in fields.items():
        if is_custom(name) and value is not None and is_found(name):
            values = value if isinstance(value, list | tuple) else (value,)
            tokens |= dict.fromkeys((custom.token(name, each) for each in values), "")
    return tokens


def _name_tokens(key: str, core_length: int) -> Tokens:
    """Cut a name at every second character of its core."""
    starts = range(0, core_length, 2)[:_STARTS_MAX]
    return {"n" + key[at : at + TOKEN_MAX]: key[at - 1 : at] for at in reversed(starts)}


def _letter_tokens(key: str, name_core: str, city: str | None) -> Tokens:
    """Give pinyin and initials from the beginning and from behind the place."""
    if name_core.isascii():
        return {}
    tokens: Tokens = {}
    # The whole name is read, as for lists, where it is mostly written like its key.
    read = pinyin.syllables(key)[: len(name_core)]
    for start in {0, _place_length(name_core, city)}:
        tokens["y" + "".join(read[start:])[:TOKEN_MAX]] = ""
        tokens["i" + "".join([syllable[0] for syllable in read[start:]])[:TOKEN_MAX]] = ""
    return tokens


def _place_length(name_core: str, city: str | None) -> int:
    """Count the characters at the beginning that are a place: 浙江省, 杭州市, its own city."""
    found = _PLACE.match(name_core)
    length = found.end() if found else 0
    said = places.short_city(city) if city else ""
    if said and name_core.startswith(said, length):
        length += len(said)
    return length if length < len(name_core) - 1 else 0


def question(text: str) -> Question | None:
    """Understand what was typed into the search field; None when there is nothing to find."""
    key = name_key(text)
    if not key:
        return None
    if len(key) == 1:
        return Question(name_holds=key)
    given = unicodedata.normalize("NFKC", text).strip()
    compact = _SEPARATORS.sub("", given).upper()
    stretches = [
        Stretch("n" + key[:TOKEN_MAX]),
        Stretch("n" + key[1 : TOKEN_MAX + 1], before=key[0]),
    ]
    if _LATIN.fullmatch(given.casefold()):
        stretches += [Stretch("y" + key[:TOKEN_MAX]), Stretch("i" + key[:TOKEN_MAX])]
    if _DIGITS.fullmatch(compact):
        stretches += _in_phones(compact)
    if _CODE.fullmatch(compact):
        stretches.append(Stretch(code_token(compact)))
    return Question(tuple(stretches))


def _in_phones(digits: str) -> Iterator[Stretch]:
    """Give the stretches for a phone's beginning or end, with or without a country code."""
    if len(digits) < _DIGITS_MIN:
        return
    forms = {digits}
    if len(digits) >= _COUNTRY_CODE_FROM:
        forms |= {digits.removeprefix(code) for code in ("0086", "86") if digits.startswith(code)}
    for form in sorted(forms):
        yield Stretch(f"d{form}")
        yield Stretch(f"r{form[::-1]}")
