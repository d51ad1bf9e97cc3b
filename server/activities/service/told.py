"""Write what is told of visits and tasks as it travels."""

from datetime import datetime
from typing import Any
from uuid import UUID

from server.kit import clock


def as_it_travels(value: Any) -> Any:
    """Write a moment as milliseconds and an id as text; everything else travels as it is."""
    match value:
        case datetime():
            return clock.to_ms(value)
        case UUID():
            return str(value)
        case _:
            return value
