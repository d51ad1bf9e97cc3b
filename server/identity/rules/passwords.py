"""What a password must be.

Ten characters or more, any characters, no rules of composition and no forced change (NIST SP
800-63B-4 asks for 15 where a password is the only factor and allows 8 beside a second one; ten
with a blocklist and throttled tries is this product's middle until a second factor exists).
Refused are passwords that guessers try first: known ones, runs such as `1234567890`, digits
alone, a few characters repeated, and the person's own login or name with digits around it.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from server.kit.errors import Invalid
from server.kit.text import is_storable

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 200
"""Longer ones are refused before any hash is computed."""
_DISTINCT_MIN: Final = 5
_UNIT_MAX: Final = 6

_ROWS: Final = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "zaq1xsw2cde3vfr4bgt5nhy6",
)
"""Walks over a keyboard or an alphabet, looked for in either direction."""

_COMMON: Final = frozenset(
    word
    for line in (
        "password password1 passw0rd p@ssw0rd p@ssword admin administrator root letmein",
        "welcome iloveyou monkey dragon sunshine princess football baseball superman batman",
        "trustno1 master shadow michael jordan hunter starwars whatever freedom secret",
        "changeme default guest test testing qwerty qwert abc abcd abc123 abcd1234 aa123456",
        "a123456789 asd asdf asdfgh zxcvbn zxcvbnm asdasd qweasd qweasdzxc qazwsx 123qwe",
        "qwe123 1qaz 1qaz2wsx woaini woaini1314 5201314 1314520 520520 woaiwojia nihao",
        "zhongguo beijing shanghai china wang li zhang mima mima123 caonima love lovelove",
        "tonglu tonglucrm crm company google computer internet samsung iphone xiaomi huawei",
        "weixin wechat alipay taobao baidu qq tencent spring summer autumn winter monday",
        "january hello helloworld",
    )
    for word in line.split()
)
"""Stems of the most tried passwords; digits and marks around them do not make them better."""

_TRIMMINGS: Final = re.compile(r"[\W\d_]+")


class PasswordTooShort(Invalid):
    """The password has too few characters."""

    code = "password_too_short"


class PasswordTooLong(Invalid):
    """The password has more characters than are hashed."""

    code = "password_too_long"


class PasswordTooCommon(Invalid):
    """The password is among those that are tried first."""

    code = "password_too_common"


def normalised(password: str) -> str:
    """Give the form that is hashed: NFKC, so that every keyboard's way of typing it is the same."""
    return unicodedata.normalize("NFKC", password)


def ensure_acceptable(password: str, *, about: Iterable[str] = (), field: str = "password") -> None:
    """Refuse a password that is too short, too long or easy to guess.

    :param about: what is known of the person (login, name, company), which guessers try too.
    """
    text = normalised(password)
    if len(text) < LENGTH_MIN:
        raise PasswordTooShort(f"Use {LENGTH_MIN} characters or more.", field=field)
    if len(text) > LENGTH_MAX or not is_storable(text):
        raise PasswordTooLong(f"Use up to {LENGTH_MAX} printable characters.", field=field)
    if is_common(text, about=about):
        raise PasswordTooCommon(
            "This password is easy to guess; three or four unrelated words are better.", field=field
        )


def is_common(password: str, *, about: Iterable[str] = ()) -> bool:
    """Say whether a guesser would try this early."""
    text = normalised(password).casefold()
    if len(set(text)) < _DISTINCT_MIN or _is_run(text):
        return True
    # "Password2026!" is "password" to a guesser; so is "p4ssword".
    stems = {_stem(text), _stem(text.translate(_LEET))}
    own = {_stem(word.casefold()) for known in about for word in re.split(r"[@.\s]+", known)}
    return bool(stems & (_COMMON | own | {""})) or text in _COMMON


_LEET: Final = str.maketrans("@4301$57", "aaeoisst")


def _stem(text: str) -> str:
    """Take away digits and marks at both ends."""
    return re.sub(rf"\A{_TRIMMINGS.pattern}|{_TRIMMINGS.pattern}\Z", "", text)


def _is_run(text: str) -> bool:
    """Say whether the text is one walk over a keyboard, repeated or doubled."""
    for row in _ROWS:
        for walk in (row, row[::-1]):
            if text in walk * 2:
                return True
    sizes = range(1, min(_UNIT_MAX, len(text) // 2) + 1)
    return any(text in text[:size] * (len(text) // size + 1) for size in sizes)
