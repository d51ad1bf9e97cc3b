"""Which field a column is for: guessed from what people call it, decided by a person."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

_NOISE: Final = re.compile(r"[\s*：:_\-=\"'“”]+")


def _key(header: str) -> str:
    """Give what is compared of a header: no spaces, signs or quotes, half-width, lower case."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", header).casefold())


class Vocabulary:
    """What columns are called in files of one kind.

    :param names: for each field what a column of it is called; its own name always is one of them.
    :param exact: for a field the vaguer one that says the same: of both the exact one is read.
    """

    def __init__(
        self, names: Mapping[str, Sequence[str]], exact: Mapping[str, str] | None = None
    ) -> None:
        self.names = {field: tuple(called) for field, called in names.items()}
        self.exact = dict(exact or {})
        said = [(name, field) for field, called in self.names.items() for name in (field, *called)]
        self._by_name = dict(said)
        self._by_key = {_key(name): field for name, field in said}

    def joined(self, own: Mapping[str, Sequence[str]]) -> "Vocabulary":
        """Give a vocabulary that has the company's own fields, too; a common name stays common."""
        return Vocabulary({**own, **self.names}, self.exact) if own else self

    def field_of(self, header: str) -> str | None:
        """Guess the field of a header: as it is, or without what stands in brackets behind it.

        Two fields of a company may be called alike but for a space; letter by letter they are not.
        Of a header that says two things (姓名/店名) it is the field that stands first among the
        names, which are written with the most needed one first.
        """
        key = _key(header)
        bare = key.partition("(")[0]
        found = self._by_name.get(header.strip()) or self._by_key.get(key) or self._by_key.get(bare)
        if found is None and "/" in bare:
            said = {self._by_key.get(part) for part in bare.split("/")}
            found = next((field for field in self.names if field in said), None)
        return found

    def guess(self, headers: Sequence[str]) -> list[str | None]:
        """Guess a field for each column; of two columns for one field the first has it."""
        fields = [self.field_of(header) for header in headers]
        # What an export says twice is read where it is exact.
        taken = {vague for exact, vague in self.exact.items() if exact in fields}
        columns: list[str | None] = []
        for field in fields:
            columns.append(field if field and field not in taken else None)
            taken.add(field or "")
        return columns

    def known(self, headers: Sequence[str]) -> int:
        """Count the columns whose field is guessed."""
        return sum(field is not None for field in self.guess(headers))
