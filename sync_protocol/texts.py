"""Texts as people write them: the form that is kept and shown, and the one that is compared."""

import re
import unicodedata
from typing import Final

_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Invisible marks that turn the direction of what follows, so that a name reads as another one."""
CHINESE_SIGNS: Final = "！（），：；？～…"
"""Signs of Chinese writing that NFKC would make Latin ones."""
_CHINESE: Final = re.compile(f"([{CHINESE_SIGNS}]+)")


def folded(text: str) -> str:
    """Answer a text as it is compared: NFKC, so half-width, its spaces folded, trimmed.

    Marks that turn the direction of writing are left out; Arabic and Hebrew need none of them.

    >>> folded(" ＡＢ１２　（西湖）店！ ")
    'AB12 (西湖)店!'
    """
    return " ".join(unicodedata.normalize("NFKC", _TURNING.sub("", text)).split())


def tidy(text: str) -> str:
    """Answer a text as it is kept and shown: folded, but for the signs of Chinese writing.

    >>> tidy(" ＡＢ１２　（西湖）店！ ")
    'AB12 （西湖）店！'
    """
    if _CHINESE.search(text) is None:
        return folded(text)
    parts = _CHINESE.split(_TURNING.sub("", text))
    return " ".join(
        "".join(
            part if is_sign else unicodedata.normalize("NFKC", part)
            for part, is_sign in zip(parts, [False, True] * len(parts), strict=False)
        ).split()
    )
