"""As whom PostgreSQL runs: it refuses root, and must not outlive whoever started it."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

NOBODY: Final = 65534
_CLONE_NEWUSER: Final = 0x10000000
_PR_SET_PDEATHSIG: Final = 1
_PROBE: Final = 'cd "$2" && [ -w . ] && exec "$1" --version'

# Loaded here: between fork and exec nothing may be loaded any more.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Guise(StrEnum):
    """How a program is started so that it does not see root."""

    PLAIN = "plain"
    """As the ordinary user that we are."""
    NAMESPACE = "namespace"
    """In a user namespace of its own, where we are called nobody: files stay ours."""
    NOBODY = "nobody"
    """As the real user nobody, where a container forbids user namespaces."""


def choose(program: Path, place: Path) -> Guise:
    """Choose the guise in which `program` can run and write into `place`."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Guise.PLAIN
    if works(Guise.NAMESPACE, program, place):
        return Guise.NAMESPACE
    return Guise.NOBODY if os.geteuid() == 0 else Guise.PLAIN


def _has_name(uid: int) -> bool:
    """Say whether the system knows this user; a container may run as a bare number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def works(guise: Guise, program: Path, place: Path) -> bool:
    """Try whether `program` runs in this guise and may write into `place`."""
    try:
        tried = subprocess.run(  # noqa: S603 - our own program
            ["/bin/sh", "-c", _PROBE, "probe", program, place],
            # Safe beside threads: the child does system calls only.
            preexec_fn=put_on(guise),
            capture_output=True,
            timeout=20,
            check=False,
        )
    except subprocess.SubprocessError:
        return False
    return tried.returncode == 0


def put_on(guise: Guise) -> Callable[[], None]:
    """Give the function that a child calls between fork and exec."""
    parent, uid, gid = os.getpid(), os.geteuid(), os.getegid()

    def dress() -> None:
        if guise is Guise.NAMESPACE:
            _enter_namespace(uid, gid)
        elif guise is Guise.NOBODY:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        # After the change of user, which clears it: a fast shutdown when the parent dies, however
        # it dies.
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:
                os._exit(1)

    return dress


def _enter_namespace(uid: int, gid: int) -> None:
    """Call ourselves nobody, for this process and its children."""
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    for name, line in (
        ("setgroups", b"deny"),
        ("uid_map", b"%d %d 1" % (NOBODY, uid)),
        ("gid_map", b"%d %d 1" % (NOBODY, gid)),
    ):
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, line)
        os.close(file)
