"""Versions as the server stores them: small JSON beside the record."""

from collections.abc import Mapping
from typing import Any

import msgspec

from sync_protocol.conflicts import Version
from sync_protocol.merge.records import Dots

_Stored = list[int | str | None]
_WHOLE_SET = ""
"""Among a set's elements: the last write of any of them, which a removal leaves behind."""


def encode_versions(
    versions: Mapping[str, Version], dots: Mapping[str, Dots] | None = None
) -> dict[str, Any]:
    """Answer versions as small JSON: ``{field: [seq, device, number, at_ms, shared]}``.

    A list ends before its trailing defaults. A set field has ``{"": list, element: [list, ...]}``:
    the last write of the set, and the additions behind each element.
    What was not written since the creation is absent.
    """
    stored: dict[str, Any] = {name: _store(version) for name, version in versions.items()}
    for name, elements in (dots or {}).items():
        stored[name] = {
            **({_WHOLE_SET: stored[name]} if name in stored else {}),
            **{element: [_store(dot) for dot in each] for element, each in elements.items()},
        }
    return stored


def decode_versions(
    stored: Mapping[str, Any],
) -> tuple[dict[str, Version], dict[str, Dots]]:
    """Answer the versions and the sets' dots that ``encode_versions`` made small."""
    versions: dict[str, Version] = {}
    dots: dict[str, Dots] = {}
    for name, value in stored.items():
        if isinstance(value, Mapping):
            dots[name] = {
                element: tuple(_restore(dot) for dot in each)
                for element, each in value.items()
                if element != _WHOLE_SET
            }
            if _WHOLE_SET in value:
                versions[name] = _restore(value[_WHOLE_SET])
        else:
            versions[name] = _restore(value)
    return versions, dots


def _restore(stored: _Stored) -> Version:
    return msgspec.convert(stored, _StoredVersion).version()


class _StoredVersion(msgspec.Struct, array_like=True):
    """A version as it lies in storage: a list that may end early."""

    seq: int
    device: str | None = None
    number: int = 0
    at_ms: int = 0
    shared: int = 0

    def version(self) -> Version:
        """Answer the version."""
        return Version(self.seq, self.device, self.number, self.at_ms, bool(self.shared))


def _store(version: Version) -> _Stored:
    """Answer a version without its trailing defaults."""
    stored: _Stored = [
        version.seq,
        version.device,
        version.number,
        version.at_ms,
        int(version.shared),
    ]
    defaults = (None, None, 0, 0, 0)
    while len(stored) > 1 and stored[-1] == defaults[len(stored) - 1]:
        stored.pop()
    return stored
