"""What forms have in common: reading them, saying what is wrong, going on with a toast."""

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response

from partner_portal import failures
from partner_portal.rendering import AnyRequest, Note, language_of
from partner_portal.words import Catalogue, catalogue
from server.kit import amounts
from server.kit.errors import Invalid, NotFound, Refusal
from server.problems import BooksRefusal, status_of, status_of_books

T = TypeVar("T")

FEN: Final = 100
"""Of a yuan."""
DIGITS_MAX: Final = 18
"""Of a number that is typed: a power of ten that is written short is no giant."""

_ID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UNDONE_BY: Final = re.compile(
    rf"/(?:customers/{_ID}(?:/(?:contacts|stores)/{_ID})?/restoration"
    rf"|records/{_ID}/restoration|people/{_ID}/enabling)"
)
"""The addresses that a toast may offer to undo something by; nothing else gets into a page."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a form was not accepted, or with its defaults that nothing is wrong."""

    status: int = HTTPStatus.OK
    said: str = ""
    errors: Mapping[str, str] = {}


Drawn: TypeAlias = Callable[[Problem], Awaitable[Response[Any]]]
"""Draws a page, saying what is wrong with what was sent."""


def problem(refusal: Refusal, words: Catalogue) -> Problem:
    """Turn a refusal into what a form shows: beside its field, else above the form.

    :raises Refusal: when what the form is about is not there or not the person's to change.
    """
    if isinstance(refusal, NotFound):
        raise refusal
    said = failures.sentence(words, refusal)
    errors = {refusal.field: said} if refusal.field else {}
    return Problem(status=status_of(refusal), said="" if errors else said, errors=errors)


def said(request: AnyRequest, refusal: Refusal | BooksRefusal) -> Problem:
    """Say above the page why something was not done.

    :raises NotFound: what it is about is not there.
    """
    words = words_of(request)
    if isinstance(refusal, BooksRefusal):
        told = failures.declined(words, refusal)
        errors = {refusal.field: told} if refusal.field else {}
        return Problem(status=status_of_books(refusal), said=told, errors=errors)
    wrong = problem(refusal, words)
    return Problem(status=wrong.status, said=failures.sentence(words, refusal), errors=wrong.errors)


async def answered(
    request: AnyRequest, act: Callable[[], Awaitable[object]], drawn: Drawn, done: Response[Any]
) -> Response[Any]:
    """Do what a form asks and go on; what is refused is said on the page that the form stands on.

    :param act: reads the form and does it.
    :param drawn: draws that page, with what is wrong.
    """
    try:
        await act()
    except (Refusal, BooksRefusal) as refusal:
        return await drawn(said(request, refusal))
    return done


def filled(given: Mapping[str, str]) -> dict[str, Any]:
    """Leave out what nothing was written into."""
    return {name: text for name, text in given.items() if text}


def taken(given: Mapping[str, Any], kind: type[T]) -> T:
    """Read what a form sent as a request of the services.

    :raises Invalid: naming the field that cannot be kept.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        field = str(error).partition("$.")[2].rstrip("`") or None
        raise Invalid("A value is not of the kind that its field takes.", field=field) from error


async def texts(request: AnyRequest, *names: str) -> dict[str, str]:
    """Read the fields of a form as trimmed texts."""
    form = await request.form()
    return {name: str(form.get(name, "")).strip() for name in names}


def listed(form: Mapping[str, Any], name: str) -> list[str]:
    """Read texts that a page has sent along, in which line ends stay what they are."""
    try:
        return msgspec.json.decode(str(form.get(name, "")), type=list[str])
    except msgspec.DecodeError:
        return []


def meant(form: Mapping[str, Any], name: str) -> dict[str, str]:
    """Read what words that a page has sent along mean, of which somebody said it."""
    said = ((word, form.get(f"{name}_{at}")) for at, word in enumerate(listed(form, name)))
    return {word: meaning for word, meaning in said if meaning}


def fen(text: str, field: str = "amount") -> int | None:
    """Read an amount in yuan as fen, written as a sheet may write it: 12,800.50, ¥1.2万.

    :raises Invalid: it is none.
    """
    if not text.strip():
        return None
    try:
        return amounts.fen(text)
    except ValueError as error:
        raise Invalid(str(error), field=field) from error


def milli(text: str, field: str = "quantity") -> int:
    """Read a quantity as thousandths.

    :raises Invalid: it is none.
    """
    plain = text.replace(",", "").strip()
    whole, _, rest = plain.partition(".")
    is_number = f"{whole}{rest}".isascii() and f"{whole or 0}{rest or 0}".isdigit()
    if not plain or not is_number or len(whole) > 6 or len(rest) > 3:  # noqa: PLR2004 - digits of a share
        raise Invalid("Write a quantity, such as 2 or 0.5.", field=field)
    return int(whole or 0) * 1_000 + int(rest.ljust(3, "0"))


def whole(text: str) -> int | None:
    """Read a whole number that a form brought along; nonsense is none.

    Fifteen digits at most: each of them is what a record's sequence, or a count, can be.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None  # noqa: PLR2004 - digits of 2**53


def number(text: str, field: str) -> int | None:
    """Read a whole number that somebody typed; nothing is none.

    :raises Invalid: it is no number.
    """
    found = whole(text)
    if text and found is None:
        raise Invalid("Write a whole number.", field=field)
    return found


def minutes(text: str, field: str) -> int:
    """Read hours, such as 4 or 0.5, as minutes.

    :raises Invalid: they are none, or no whole number of minutes.
    """
    found, rest = divmod(milli(text, field) * 60, 1_000)
    if rest:
        raise Invalid("Write hours, such as 4 or 0.5.", field=field)
    return found


def given_id(text: str) -> UUID | None:
    """Read an id; nonsense is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def words_of(request: AnyRequest) -> Catalogue:
    """Give the words of the reader's language."""
    return catalogue(language_of(request))


def go(address: str, said: str = "", *, undo: str = "") -> Response[Any]:
    """Go on to a page after something was done.

    :param said: what the toast there says, as a key below ``saved.``.
    :param undo: the address that undoes it.
    """
    query = urlencode({name: value for name, value in (("said", said), ("undo", undo)) if value})
    headers = {"Location": f"{address}?{query}" if query else address}
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers=headers)


def notes(request: AnyRequest) -> list[Note]:
    """Give the toast that the address asks for, if it is one of ours."""
    words = words_of(request)
    key = f"saved.{request.query_params.get('said', '')}"
    undo = request.query_params.get("undo", "")
    if not words.has(key):
        return []
    return [Note(words.say(key), undo=undo if _UNDONE_BY.fullmatch(undo) else "")]
