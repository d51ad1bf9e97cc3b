"""Settle ops against what is held. Pure: the same arguments give the same answer anywhere.

A write is *causal* when its author could have seen what it replaces: the held version is not newer
than the op's base, or it is by the same device. A causal write simply replaces. Anything else is
concurrent, and the field's policy decides; see ``sync_protocol.schema.Policy``.

Settling is in order and in memory: load the records that ``needed`` names, call ``settle_batch``,
write what it answers. Versions of new writes carry ``NEW_SEQ`` until ``stamp`` gives them the
sequence of the commit, so that the sequence can be taken last.
"""

from sync_protocol.merge.batch import Rules, needed, settle_batch, stamp, stamp_record
from sync_protocol.merge.records import (
    BatchResult,
    Dots,
    EditClock,
    HeldRecord,
    Key,
    Kin,
    Settlement,
)
from sync_protocol.merge.stored import decode_versions, encode_versions
from sync_protocol.merge.write import refused, settle

__all__ = [
    "BatchResult",
    "Dots",
    "EditClock",
    "HeldRecord",
    "Key",
    "Kin",
    "Rules",
    "Settlement",
    "decode_versions",
    "encode_versions",
    "needed",
    "refused",
    "settle",
    "settle_batch",
    "stamp",
    "stamp_record",
]
