"""When two customers look like one: the same credit code, phone or name."""

from typing import Any, Final

import msgspec

from server.customers.rules import search
from server.customers.rules.search import TOKEN_MAX, Stretch

USCC: Final = "uscc"
PHONE: Final = "phone"
NAME: Final = "name"
REASONS: Final = (USCC, PHONE, NAME)
"""The strongest first."""


class Likeness(msgspec.Struct, frozen=True):
    """What of a customer may be like another's, each in a form that is compared byte for byte."""

    uscc: str | None
    phone: str | None
    name: str

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Give (reason, key) for each identity that there is."""
        given = [(USCC, self.uscc), (PHONE, self.phone), (NAME, self.name)]
        return [(reason, key) for reason, key in given if key]

    def stretches(self) -> list[Stretch]:
        """Give the stretches of search keys in which others of the same likeness lie."""
        found = []
        if self.uscc:
            found.append(Stretch(search.code_token(self.uscc)))
        if self.phone:
            found.append(Stretch(next(iter(search.phone_tokens(self.phone)))))
        if self.name:
            found.append(Stretch(f"n{self.name[:TOKEN_MAX]}", before=""))
        return found

    def reasons(self, other: "Likeness") -> list[str]:
        """Say what this and another have in common, the strongest first."""
        theirs = set(other.keys)
        return [reason for reason, key in self.keys if (reason, key) in theirs]

    def is_same(self, other: "Likeness") -> bool:
        """Say whether both are taken for one customer: two credit codes that differ say no."""
        if self.uscc and other.uscc:
            return self.uscc == other.uscc
        return bool(self.reasons(other))


def likeness(name: str | None, *, uscc: Any, phone: Any) -> Likeness:
    """Give what of these normal forms may be like another customer's."""
    return Likeness(uscc=uscc or None, phone=phone or None, name=search.core(name or ""))
