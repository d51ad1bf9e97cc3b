"""Report our own faults to Sentry: which error, in which frames; nothing of any customer.

An event is built anew from what is known to be harmless, rather than cleaned of what is known to be
harmful.
"""

import sys
from typing import TYPE_CHECKING, Any, Final, cast

from server.kit import version
from server.kit.logs import scrub
from server.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_OFF: Final = {"mode": "off"}
_COLLECT_NOTHING: Final[dict[str, Any]] = {
    "user_info": False,
    "cookies": _OFF,
    "http_headers": {"request": _OFF},
    "http_bodies": [],
    "url_query_params": _OFF,
    "graphql": {"document": False, "variables": False},
    "gen_ai": {"inputs": False, "outputs": False},
    "database_query_data": False,
    "queues": False,
    "stack_frame_variables": False,
    "frame_context_lines": 0,
}
_EVENT_FIELDS: Final = ("event_id", "timestamp", "level", "platform", "release", "environment")
_FRAME_FIELDS: Final = ("filename", "function", "module", "lineno", "in_app")
_TAGS: Final = ("request_id", "route", "topic")
_REMOVED: Final = "[removed]"


def configure(settings: Settings) -> None:
    """Start reporting when a DSN is given; without one nothing is sent anywhere."""
    if not settings.sentry_dsn:
        return
    import sentry_sdk  # noqa: PLC0415 - 6 MiB in each process, for those who report

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=version.installed(),
        environment=settings.environment,
        # No integration: each of them collects; `server.problems` and the worker report themselves.
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        # This takes the place of `send_default_pii=False`, which warns when it is given as well.
        data_collection=cast("Any", _COLLECT_NOTHING),
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_breadcrumb=drop_breadcrumb,
        before_send=keep_harmless,
        before_send_transaction=drop_transaction,
        before_send_log=drop_log,
        enable_logs=False,
        send_client_reports=False,
        auto_session_tracking=False,
        propagate_traces=False,
        server_name="",
        spotlight=False,
    )


def report(error: BaseException, **tags: str) -> None:
    """Report a fault of ours, where somebody is to be told.

    :param tags: ``request_id``, ``route`` or ``topic``.
    """
    sentry_sdk = sys.modules.get("sentry_sdk")
    if sentry_sdk is None:
        return
    with sentry_sdk.new_scope() as scope:
        for key, value in tags.items():
            scope.set_tag(key, value)
        scope.capture_exception(error)


def drop_breadcrumb(_crumb: dict[str, Any], _hint: dict[str, Any]) -> None:
    """Keep no breadcrumbs: they quote log messages, queries and addresses."""


def drop_transaction(_event: "Event", _hint: "Hint") -> None:
    """Send no traces."""


def drop_log(_log: Any, _hint: "Hint") -> None:
    """Send no logs."""


def keep_harmless(event: "Event", _hint: "Hint") -> "Event":
    """Build the event anew: types, frames and three tags; every message is replaced."""
    given = cast("dict[str, Any]", event)
    kept: dict[str, Any] = {key: given[key] for key in _EVENT_FIELDS if key in given}
    values = (given.get("exception") or {}).get("values") or []
    kept["exception"] = {"values": [_exception(value) for value in values if value]}
    tags = given.get("tags") or {}
    kept["tags"] = {key: tags[key] for key in _TAGS if key in tags}
    if not values:
        kept["logger"] = given.get("logger", "")
        kept["message"] = _REMOVED
    return cast("Event", _scrubbed(kept))


def _exception(value: dict[str, Any]) -> dict[str, Any]:
    """Keep an exception's type and frames."""
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": _REMOVED,
        "stacktrace": {
            "frames": [
                {key: frame[key] for key in _FRAME_FIELDS if key in frame} for frame in frames
            ]
        },
    }


def _scrubbed(value: Any) -> Any:
    """Blank what looks like a person's number in every text that is left."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    return value
