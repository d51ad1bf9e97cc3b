"""Logs: one JSON object a line, events named `noun.past-verb`, fields from a list only.

A field that is not on the list is dropped, and a text that is not a code, an id or a path is
removed, so that a name or a phone cannot reach a log by a careless call. An exception is written as
its type and its frames, never with its message: messages quote values.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED_FIELDS: Final = frozenset(
    {
        "event", "level", "at", "exception",
        "request_id", "method", "route", "status", "duration_ms", "bytes_in", "bytes_out",
        "tenant_id", "user_id", "device_id", "session_id", "role", "subject_id", "job_id",
        "batch_id", "import_id", "budget_id", "program_id", "issuance_id", "seq", "epoch",
        "topic", "attempts", "lease", "error", "code", "field", "reason", "action", "kind",
        "count", "rows", "created", "updated", "skipped", "failed", "ops", "conflicts",
        "pid", "port", "host", "url", "version", "path", "migration", "role_name", "table",
        "workers", "signal", "delay_s", "limit", "in_flight", "name_of_check",
        "tenants", "found_by", "acknowledged_epoch", "acknowledged_seq", "records", "exits",
        "outcomes",
    }
)  # fmt: skip
"""Every field that a log line may carry."""

EVENT_NAME: Final = re.compile(r"\A[a-z][a-z0-9_]*(\.[a-z][a-z0-9_-]*)+\Z")
"""``noun.past-verb``, e.g. ``registration.approved``."""

_PHONE: Final = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)")
_ID_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])")
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CODE_LIKE: Final = re.compile(r"\A[!-~]{0,300}\Z")
_FRAMES_MAX: Final = 25


def scrub(text: str) -> str:
    """Blank what looks like a phone, an identity number or a mail address."""
    for pattern in (_ID_NUMBER, _PHONE, _MAIL):
        text = pattern.sub("[scrubbed]", text)
    return text


def configure(*, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's logs to one stream; may be called again."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            keep_allowed,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _ForeignHandler)]:
        root.removeHandler(old)
    root.addHandler(_ForeignHandler())
    # Libraries speak only when something is wrong.
    root.setLevel(max(number, logging.WARNING))


def keep_allowed(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop fields that are not on the list, write exceptions without messages, scrub the texts."""
    error = event.pop("exc_info", None)
    kept: EventDict = {
        key: _without_prose(value) if isinstance(value, str) and key not in _UNTOUCHED else value
        for key, value in event.items()
        if key in ALLOWED_FIELDS
    }
    if error:
        kept["exception"] = describe(error)
    return kept


def _without_prose(text: str) -> str:
    """Keep codes, ids, paths and numbers; people's words are written with spaces or by hand."""
    return scrub(text) if _CODE_LIKE.match(text) else "[removed]"


_UNTOUCHED: Final = frozenset({"level", "at", "request_id", "method", "route"})


def describe(error: object) -> Mapping[str, Any]:
    """Write an exception as its type, its frames and its cause; the message stays out."""
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if sqlstate := getattr(error, "sqlstate", None):
        described["sqlstate"] = str(sqlstate)
        described["constraint"] = str(getattr(error, "constraint_name", "") or "")
    if error.__cause__ is not None:
        described["cause"] = describe(error.__cause__)
    return described


def render(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Write the line."""
    return msgspec.json.encode(event, enc_hook=str).decode()


class _ForeignHandler(logging.Handler):
    """Takes the standard library's records: who spoke and how bad, without the text."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write where another library spoke; its message may quote values and is left out."""
        log = structlog.get_logger()
        log.log(
            record.levelno,
            "library.warned",
            path=record.name,
            reason=record.funcName,
            exc_info=record.exc_info,
        )
