"""Every refusal as a problem document (RFC 9457): one table of statuses, one shape, no values of customers."""

from http import HTTPStatus
from typing import Any, Final

import asyncpg
import msgspec
import sentry_sdk
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
    ValidationException,
)
from litestar.types import ExceptionHandlersMap

from server.kit import errors

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[errors.Refusal], HTTPStatus]] = {
    errors.Malformed: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of each kind of refusal; a subclass has its kind's."""

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


def from_refusal(request: Request[Any, Any, Any], refusal: errors.Refusal) -> Response[Any]:
    """Answer a refusal."""
    status = status_of(refusal)
    fields = (
        [FieldProblem(refusal.field, refusal.code, refusal.detail)] if refusal.field else []
    )
    retry_after = refusal.extra.get("retry_after_s")
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return _answer(
        request, status, refusal.code, refusal.detail, fields, extra=refusal.extra, headers=headers
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
    if isinstance(error.__cause__, (UnicodeDecodeError, RecursionError)):
        return _malformed(request, error)
    fields = [_field_problem(item) for item in error.extra or [] if isinstance(item, dict)]
    detail = fields[0].detail if fields else "The request does not fit its schema."
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, fields)


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    """Read one of Litestar's findings: msgspec names the place as ``at `$.phone```."""
    message, _, place = str(item.get("message", "")).partition(" - at `$")
    field = place.rstrip("`").lstrip(".") or str(item.get("key", "")) or "body"
    return FieldProblem(field, "invalid", message)


def _malformed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer bytes that are not what they claim to be: bad JSON, invalid UTF-8, too deep."""
    cause = error.__cause__ or error
    detail = {
        UnicodeDecodeError: "The body is not valid UTF-8.",
        RecursionError: "The body is nested too deeply.",
    }.get(type(cause), "The body cannot be read; check that it is complete and well-formed.")
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
    codes = {400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not_found"}
    codes |= {405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
    code = codes.get(status, "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal")
    details = {
        NotFoundException: "There is nothing here with this id.",
        MethodNotAllowedException: "This address does not take this method.",
    }
    detail = details.get(type(error), HTTPStatus(status).phrase)
    return _answer(request, status, code, detail, headers=dict(error.headers or {}))


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


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer our own fault: report it, tell the person nothing but the request's id."""
    if isinstance(error, (UnicodeDecodeError, RecursionError)):
        return _malformed(request, error)
    sentry_sdk.capture_exception(error)
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
    ValidationException: _invalid,
    SerializationException: _malformed,
    HTTPException: _http,
    asyncpg.DataError: _data_error,
    asyncpg.DeadlockDetectedError: _contended,
    asyncpg.SerializationError: _contended,
    asyncpg.LockNotAvailableError: _contended,
    asyncpg.QueryCanceledError: _contended,
    Exception: _unexpected,
}
"""Handlers for every exception that can leave a route."""
