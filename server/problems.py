"""Every refusal as a problem document (RFC 9457): one table of statuses, one shape, no values."""

import re
from http import HTTPStatus
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.types import ExceptionHandlersMap

from billing.errors import BillingRefusal, Sort
from server.kit import errors, telemetry

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[errors.Refusal], HTTPStatus]] = {
    errors.Malformed: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of each kind of refusal; a subclass has its kind's."""

STATUS_OF_BOOKS: Final[dict[Sort, HTTPStatus]] = {
    Sort.UNSOUND: HTTPStatus.UNPROCESSABLE_ENTITY,
    Sort.ABSENT: HTTPStatus.NOT_FOUND,
    Sort.CLASH: HTTPStatus.CONFLICT,
    Sort.BARRED: HTTPStatus.FORBIDDEN,
}
"""The status of what the books decline, which know no HTTP."""

BooksRefusal = BillingRefusal
"""What the books decline, for pages, which do not see the books themselves."""

log = structlog.get_logger()


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document. `type` ends in the code; docs/errors.md tells each code."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: list[FieldProblem] = []
    request_id: str = ""


def status_of(refusal: errors.Refusal) -> HTTPStatus:
    """Give the status of a refusal's kind."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def status_of_books(refusal: BillingRefusal) -> HTTPStatus:
    """Give the status of what the books decline."""
    return STATUS_OF_BOOKS[refusal.sort]


def from_refusal(request: Request[Any, Any, Any], refusal: errors.Refusal) -> Response[Any]:
    """Answer a refusal."""
    status = status_of(refusal)
    fields = [FieldProblem(refusal.field, refusal.code, refusal.detail)] if refusal.field else []
    retry_after = refusal.extra.get("retry_after_s")
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return _answer(
        request, status, refusal.code, refusal.detail, fields, extra=refusal.extra, headers=headers
    )


def from_books(request: Request[Any, Any, Any], refusal: BillingRefusal) -> Response[Any]:
    """Answer what the books decline; what it names beside its sentence stands in the document."""
    code, field = refusal.code, refusal.field
    fields = [FieldProblem(field, code, refusal.detail)] if field else []
    extra = {name: value for name, value in vars(refusal).items() if name != "detail"}
    return _answer(
        request, STATUS_OF_BOOKS[refusal.sort], code, refusal.detail, fields, extra=extra
    )


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    fields: list[FieldProblem] | None = None,
    *,
    extra: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Any]:
    """Write the document."""
    problem = Problem(
        type=f"urn:tonglu:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=fields or [],
        request_id=request_id(request),
    )
    body = {**(extra or {}), **msgspec.to_builtins(problem)}
    return Response(
        body,
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def request_id(request: Request[Any, Any, Any]) -> str:
    """Give the id that the edge put on this request; logs carry the same."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """Answer a body, path or query that does not fit its schema, naming each field."""
    fields = [_field_problem(item) for item in error.extra or [] if isinstance(item, dict)]
    detail = fields[0].detail if fields else "The request does not fit its schema."
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, fields)


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    """Read one of Litestar's findings: the key is the field at fault, or `data` for the body."""
    message = str(item.get("message", ""))
    key = str(item.get("key", "data"))
    field = "body" if key == _BODY else key
    if message == f"'{_BODY}'":
        return FieldProblem("body", "invalid", "The body is missing.")
    if missing := _MISSING.search(message):
        field = missing[1] if field == "body" else f"{field}.{missing[1]}"
    return FieldProblem(field, "invalid", _without_values(message))


_BODY: Final = "data"
_MISSING: Final = re.compile(r"missing required field `([^`]*)`")
_QUOTED: Final = re.compile(r" (?:matching regex )?'.*'\Z", re.DOTALL)


def _without_values(message: str) -> str:
    """Take what was given, and patterns that no person reads, out of a finding."""
    return _QUOTED.sub(" of the right form" if "matching" in message else "", message)


def _malformed(request: Request[Any, Any, Any], _: Exception) -> Response[Any]:
    """Answer bytes that are not what they claim to be."""
    detail = "The body cannot be read; check that it is complete and well-formed."
    return _answer(
        request,
        HTTPStatus.BAD_REQUEST,
        "malformed",
        detail,
        [FieldProblem("body", "malformed", detail)],
    )


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer what the framework refuses by itself: no such route, wrong method, too large."""
    status = error.status_code
    if status == HTTPStatus.BAD_REQUEST:
        return _malformed(request, error)
    codes = {401: "unauthenticated", 403: "forbidden", 404: "not_found"}
    codes |= {405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
    code = codes.get(status, "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal")
    details = {
        404: "There is nothing here with this id.",
        405: "This address does not take this method.",
        413: "The body is larger than the limit.",
    }
    detail = details.get(status, HTTPStatus(status).phrase)
    fields = [FieldProblem("body", code, detail)] if status in _OF_THE_BODY else []
    return _answer(request, status, code, detail, fields, headers=dict(error.headers or {}))


_OF_THE_BODY: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _data_error(request: Request[Any, Any, Any], _: asyncpg.DataError) -> Response[Any]:
    """Answer a value that PostgreSQL cannot hold; the values stay out of the answer and the log."""
    detail = "A value is outside of what can be stored."
    return _answer(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        detail,
        [FieldProblem("body", "invalid", detail)],
    )


def _contended(request: Request[Any, Any, Any], _: Exception) -> Response[Any]:
    """Answer a deadlock, a lock or statement time-out: nothing was kept, come again."""
    return _answer(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "contended",
        "Others are changing the same thing; nothing was saved, send the same request again.",
        headers={"Retry-After": "1"},
    )


def _away(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer while the database cannot be reached: whoever sends an id may simply try again."""
    log.warning("database.lost", exc_info=error)
    return _answer(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The database cannot be reached; send the same request again.",
        headers={"Retry-After": "2"},
    )


def _interface(request: Request[Any, Any, Any], error: asyncpg.InterfaceError) -> Response[Any]:
    """Tell a lost connection from a misused one; asyncpg has one class for both."""
    is_lost = any(phrase in str(error) for phrase in ("is closed", "released back to the pool"))
    return _away(request, error) if is_lost else _unexpected(request, error)


def _client(request: Request[Any, Any, Any], error: asyncpg.InternalClientError) -> Response[Any]:
    """Tell a connection that broke while nobody used it from our own fault.

    Operation 2 is asyncpg's own: it reads an error that came unasked, as when the backend ends.
    """
    told = str(error)
    is_lost = 'in the "failed" state' in told or "another operation (2) is in progress" in told
    return _away(request, error) if is_lost else _unexpected(request, error)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer our own fault: report it, tell the person nothing but the request's id."""
    telemetry.report(
        error, request_id=request_id(request), route=str(request.scope.get("path_template", ""))
    )
    log.error(
        "request.failed", error=type(error).__name__, request_id=request_id(request), exc_info=error
    )
    return _answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "Something failed on our side; it has been reported.",
    )


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    errors.Refusal: from_refusal,
    BillingRefusal: from_books,
    ValidationException: _invalid,
    SerializationException: _malformed,
    HTTPException: _http,
    asyncpg.DataError: _data_error,
    asyncpg.DeadlockDetectedError: _contended,
    asyncpg.SerializationError: _contended,
    asyncpg.LockNotAvailableError: _contended,
    asyncpg.QueryCanceledError: _contended,
    asyncpg.PostgresConnectionError: _away,
    asyncpg.AdminShutdownError: _away,
    asyncpg.CrashShutdownError: _away,
    asyncpg.CannotConnectNowError: _away,
    asyncpg.TooManyConnectionsError: _away,
    asyncpg.InterfaceError: _interface,
    asyncpg.InternalClientError: _client,
    ConnectionError: _away,
    Exception: _unexpected,
}
"""Handlers for every exception that can leave a route."""
