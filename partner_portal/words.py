"""The words of the pages: one catalogue for each language, read once.

Templates ask by key (`t("customers.title")`), never with a sentence: no language hides in a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path

import msgspec
from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).parent / "catalogues"
_SCRIPT_PREFIX = "js."


class Language(StrEnum):
    """A language that the pages speak."""

    CHINESE = "zh-CN"
    """Where most users are; what a page speaks when nobody has said otherwise."""
    ENGLISH = "en"

    @property
    def locale(self) -> str:
        """The name that Babel knows."""
        return self.value.replace("-", "_")


class Catalogue(msgspec.Struct, frozen=True):
    """What one language says for each key; with the plural where the language has one."""

    language: Language
    sentences: Mapping[str, tuple[str, ...]]

    def say(self, key: str, **values: object) -> str:
        """Give the sentence for a key with its values put in.

        `n` chooses the plural where the language has one.

        :raises KeyError: when the catalogue lacks the key, which is a mistake of ours.
        """
        forms = self.sentences[key]
        many = len(forms) > 1 and values.get("n") not in (1, "1")
        return forms[1 if many else 0].format(**values) if values else forms[0]

    def has(self, key: str) -> bool:
        """Tell whether the catalogue knows the key."""
        return key in self.sentences

    def for_scripts(self) -> dict[str, str]:
        """Give the slice that scripts in the browser need."""
        return {
            key.removeprefix(_SCRIPT_PREFIX): forms[0]
            for key, forms in self.sentences.items()
            if key.startswith(_SCRIPT_PREFIX)
        }


@cache
def catalogue(language: Language) -> Catalogue:
    """Read the catalogue of a language."""
    content = (CATALOGUES / f"{language.locale}.po").read_bytes()
    read = read_po(BytesIO(content), locale=language.locale)
    sentences: dict[str, tuple[str, ...]] = {}
    for message in read:
        if not message.id:
            continue
        key = message.id if isinstance(message.id, str) else message.id[0]
        said = message.string
        sentences[key] = (said,) if isinstance(said, str) else tuple(said or ())
    return Catalogue(language, sentences)


def preferred(chosen: str | None, accept_language: str) -> Language:
    """Decide the language: what the person chose, else what the browser asks for, else Chinese."""
    if chosen in set(Language):
        return Language(chosen)
    for part in accept_language.split(","):
        tag = part.partition(";")[0].strip().lower()
        if tag.startswith("zh"):
            return Language.CHINESE
        if tag.startswith("en"):
            return Language.ENGLISH
    return Language.CHINESE
