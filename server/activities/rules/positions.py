"""How far two places are from each other."""

from math import asin, cos, radians, sin, sqrt
from typing import Final

import msgspec

_EARTH_M: Final = 6_371_009
_MICRO: Final = 1_000_000


class Position(msgspec.Struct, frozen=True):
    """A place on the earth, in millionths of a degree."""

    lat: int
    lng: int


def distance_m(one: Position, other: Position) -> float:
    """Give the distance in metres along the ground, as the crow flies."""
    lat, other_lat = radians(one.lat / _MICRO), radians(other.lat / _MICRO)
    north, east = other_lat - lat, radians((other.lng - one.lng) / _MICRO)
    half = sin(north / 2) ** 2 + cos(lat) * cos(other_lat) * sin(east / 2) ** 2
    return 2 * _EARTH_M * asin(sqrt(min(half, 1.0)))
