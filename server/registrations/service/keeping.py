"""Refuse to start where the registry was kept under another key than this process has.

The key lies outside the database, and what it has hashed cannot be hashed again: with another one
nobody would be protected any more, and nobody would be told. Opt-outs and codes of benefits hang on
the same setting. So the database keeps a hash of nothing, by which the key is known again.
"""

from typing import Final

from server.kit import db
from server.registrations.queries import identities

_HELD: Final = "SELECT key_check FROM registry_clock WHERE id = 1"
_BEGIN: Final = """
UPDATE registry_clock SET key_check = coalesce(key_check, $1) WHERE id = 1 RETURNING key_check
"""


class KeyChanged(RuntimeError):
    """The registry's hashes were made with another key."""


async def ensure_same_key() -> None:
    """Compare the key of this process with that of the registry; the first to start writes it down.

    :raises KeyChanged: naming the setting and what to do.
    """
    own = identities.key_check()
    async with db.job_transaction():
        held = await db.connection().fetchval(_HELD) or await db.connection().fetchval(_BEGIN, own)
    if held != own:
        raise KeyChanged(
            "The registry of customers was kept under another key than this server has; with this "
            "one nobody would be protected.\n- Set TONGLU_OPT_OUT_KEY to what it was. Where it was "
            "never set, that is the last secret of TONGLU_SECRET at that time, or, where that was "
            "not set either, what the file identity.secret of that data folder says. See "
            "docs/operations/settings.md, Turning secrets over."
        )
