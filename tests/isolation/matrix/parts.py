"""What cases of several rooms are made of."""

from typing import Any, Final

from server.access import Role
from server.kit import clock
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION


def pull(cursor: str | None = None) -> dict[str, Any]:
    """Write a pull."""
    return {"cursor": cursor, "limit": 200}


def push(*ops: dict[str, Any]) -> dict[str, Any]:
    """Write a push."""
    return {
        "protocol": PROTOCOL_VERSION,
        "schema": SCHEMA_VERSION,
        "device_time_ms": clock.to_ms(clock.now()),
        "ops": list(ops),
    }


OBJECT: Final = {"path.object_id": "custom_object"}


PLATFORM: Final = Role.PLATFORM_OPERATOR


FINANCE: Final = Role.PLATFORM_FINANCE
