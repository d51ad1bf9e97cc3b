"""A device whose app is older than the server: it keeps fields that it does not know.

The app's modules read the schema of their release; for the time of an old device's calls they read
an older one. When the app is updated, the fields that were kept appear.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import msgspec

from mobile_client_sdk import ops, replica, store, views
from sync_protocol.schema import SCHEMA, RecordSpec, Schema

_UNKNOWN: Final = {"customer": {"source", "level"}, "contact": {"wechat"}, "store": {"district"}}
"""Fields that came after the old release; custom fields did, too."""
_MODULES: Final = tuple(cast("Any", module) for module in (ops, replica, store, views))


def _older(spec: RecordSpec) -> RecordSpec:
    unknown = _UNKNOWN.get(spec.kind, set())
    fields = tuple(field for field in spec.fields if field.name not in unknown)
    return msgspec.structs.replace(spec, fields=fields, extensible=False)


OLD: Final = Schema(_older(spec) for spec in SCHEMA.records)
"""What an old release knows."""


@contextmanager
def speaking(schema: Schema) -> Iterator[None]:
    """Let the app's modules be of the release that has this schema."""
    before = [module.SCHEMA for module in _MODULES]
    for module in _MODULES:
        module.SCHEMA = schema
    try:
        yield
    finally:
        for module, was in zip(_MODULES, before, strict=True):
            module.SCHEMA = was
