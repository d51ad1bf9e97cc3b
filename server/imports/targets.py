"""What rows of a file may become: upper rooms register it as data, and none is asked from below."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from server.access import Actor, Permission
from server.imports.rules.columns import Vocabulary
from server.imports.rules.rows import Interpreted, Policy, Problem, Verdict


class Written(msgspec.Struct, frozen=True):
    """What became of rows that were to be written, where it is not what was meant."""

    refused: Mapping[int, Problem] = {}
    """By the row's number."""
    unchanged: frozenset[int] = frozenset()
    """Rows whose record said the same already."""


class Work(Protocol):
    """One import, or the preview of one: what names in cells stand for has been looked up."""

    def interpret(self, number: int, cells: Mapping[str, str]) -> Interpreted:
        """Understand a row, from fields to texts; all that is wrong is told at once. Pure."""

    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Decide what is to be done with each row; set-based, in the open transaction."""

    async def write(self, judged: Sequence[Verdict], *, now: datetime) -> Written:
        """Write a chunk; in the open transaction."""

    def remember(self, rows: Mapping[int, Mapping[str, str]]) -> None:
        """Take rows that were written before as earlier ones of the file: cells by row number."""


class Target(Protocol):
    """A kind of record that rows become."""

    name: str
    permission: Permission
    vocabulary: Vocabulary
    named_by: Sequence[str] = ("name",)
    """The columns of which a file needs one: they say whose a row is."""
    unnamed: str = "Say which column is the customer's name."
    """What to do where it has none of them."""
    policies: Sequence[Policy]
    """What may be done with a row that is there already; the first unless another is asked for."""
    template: Sequence[str]
    """The columns of the sheet that is handed out to be filled in, as people call them."""
    columns_zh: Mapping[str, str]
    """What a field is called where it is not called as in the template."""
    reasons_zh: Mapping[str, str]
    """Why a row was not taken, by code, where the common sentence does not say it."""

    async def own_columns(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Give what the fields are called that the company gave itself; in the open transaction."""
        del actor
        return {}

    async def begin(self, actor: Actor, import_id: UUID, policy: Policy) -> Work:
        """Look up what names in cells stand for; in the open transaction."""

    async def choices(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Offer what a person may say of all rows, by field; in the open transaction."""

    async def names_of(self, actor: Actor, record_ids: Sequence[str]) -> Mapping[str, str]:
        """Name the records that the actor sees; in the open transaction."""


_HELD: Final[dict[str, Target]] = {}


def register(target: Target) -> None:
    """Add a target; the same one again changes nothing."""
    _HELD[target.name] = target


def registered() -> Sequence[Target]:
    """Give all targets, in one order on every server."""
    return [target for _, target in sorted(_HELD.items())]


def named(name: str) -> Target | None:
    """Give a target by its name."""
    return _HELD.get(name)
