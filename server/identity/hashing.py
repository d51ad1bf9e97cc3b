"""Argon2id in threads of its own, so that a sign-in neither stops the loop nor fills the memory.

19 MiB and two passes are the floor that OWASP names; two threads bound what a crowd at the door
may cost. Who would wait too long is asked to come again.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.identity.rules.passwords import LENGTH_MAX, normalised
from server.kit.errors import Unavailable

T = TypeVar("T")

_THREADS: Final = 2
_WAITING_MAX: Final = 64
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_POOL: Final = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="argon2")


class Crowded(Unavailable):
    """More people sign in at once than this process can serve."""

    code = "crowded"


class _Queue:
    """How many wait for a thread now."""

    waiting = 0


_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe(32))
"""A hash that no password fits, of the same parameters; looked at when there is no such login."""


async def hash_password(password: str) -> str:
    """Hash a password that the rules have accepted."""
    return await _in_thread(_HASHER.hash, normalised(password))


async def is_right(password: str, stored: str | None) -> bool:
    """Compare a password with a stored hash; without one the work is the same and the answer no."""
    right = await _in_thread(_verify, stored or _NOBODY, normalised(password[: LENGTH_MAX + 1]))
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Say whether a hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def _verify(stored: str, password: str) -> bool:
    """Compare, as a plain answer."""
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _in_thread(work: Callable[..., T], *arguments: str) -> T:
    """Work in one of the threads, unless too many wait already."""
    if _Queue.waiting >= _WAITING_MAX:
        raise Crowded("Many people are signing in; try again in a few seconds.", retry_after_s=3)
    _Queue.waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_POOL, work, *arguments)
    finally:
        _Queue.waiting -= 1
