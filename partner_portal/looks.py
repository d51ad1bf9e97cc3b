"""How a list is looked at, all of it in the address: what every list's look can do.

A look is read from an address, goes along in a form about it, and is saved under a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from partner_portal import forms
from partner_portal.rendering import AnyRequest
from server.views.schemas import ListName, Look

_LENGTH_MAX: Final = 100
_CARRIED: Final = "look_"
"""What a list was narrowed by goes along in a form about it, beside the form's own fields."""


class ListLook(msgspec.Struct, frozen=True, kw_only=True):
    """What the address says; each part is text, empty when it is not there."""

    LIST: ClassVar[ListName]
    PATH: ClassVar[str]
    """Where the list is."""
    PERSON: ClassVar[str] = "owner_id"
    """The part that whoever looks may stand in for."""
    FLAGS: ClassVar[frozenset[str]] = frozenset()
    """The parts that are ``1`` or not there."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read an address; what makes no sense is as if it were not there."""
        given = {
            name: query.get(name, "").strip()[:_LENGTH_MAX].replace("\0", "")
            for name in cls.__struct_fields__
        }
        return cls(**cls.sensible(given))

    @classmethod
    def sensible(cls, given: dict[str, str]) -> dict[str, str]:
        """Leave out what makes no sense to this list."""
        return given

    @classmethod
    async def brought(cls, request: AnyRequest) -> Self:
        """Read what a form brought along."""
        given = await forms.texts(request, *(_CARRIED + name for name in cls.__struct_fields__))
        return cls.read({name.removeprefix(_CARRIED): text for name, text in given.items()})

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Give what a form is to bring along: names and values."""
        parts = [(_CARRIED + name, getattr(self, name)) for name in self.__struct_fields__]
        return [("list", self.LIST), *parts]

    @property
    def parts(self) -> dict[str, str]:
        """Give the parts that are there."""
        return {name: text for name, text in msgspec.structs.asdict(self).items() if text}

    @property
    def saved(self) -> dict[str, Any]:
        """Give what is saved of this look under a name."""
        kept = {name: True if name in self.FLAGS else text for name, text in self.parts.items()}
        return {"list": self.LIST, **kept}

    @classmethod
    def of(cls, view: Look, *, me: UUID) -> Self:
        """Give the look that was saved, for the person who opens it."""
        held = msgspec.to_builtins(view)
        parts = {name: held.get(name) or "" for name in cls.__struct_fields__}
        parts |= {name: "1" for name in cls.FLAGS if parts[name]}
        if view.is_mine:
            parts[cls.PERSON] = str(me)
        return cls.read(parts)

    def address(self, **other: str) -> str:
        """Write this look's address, with some parts changed."""
        return address(self.PATH, {**msgspec.structs.asdict(self), **other})

    @property
    def view(self) -> str:
        """Write the address of the form that saves what is looked at."""
        return address("/views/new", {"list": self.LIST, **msgspec.structs.asdict(self)})


def address(path: str, parts: Mapping[str, str]) -> str:
    """Write an address with those parts that are there."""
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"{path}?{query}" if query else path


def id_or_nothing(text: str) -> str:
    """Give an id, or nothing in place of what is none."""
    return text if forms.given_id(text) else ""


def one_of(text: str, choices: tuple[str, ...]) -> str:
    """Give one of the choices, or nothing."""
    return text if text in choices else ""
