"""As whom PostgreSQL runs: it refuses root, and must not outlive whoever started it."""

import ctypes
import os
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
    """As root in a user namespace of its own, where root is called nobody: files stay root's."""
    NOBODY = "nobody"
    """As the real user nobody, where a container forbids user namespaces."""


def choose(program: Path, place: Path) -> Guise:
    """Choose the guise in which `program` can run and write into `place`."""
    if os.geteuid() != 0:
        return Guise.PLAIN
    return Guise.NAMESPACE if works(Guise.NAMESPACE, program, place) else Guise.NOBODY


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
    parent = os.getpid()

    def dress() -> None:
        if guise is Guise.NAMESPACE:
            _enter_namespace()
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


def _enter_namespace() -> None:
    """Call root nobody, for this process and its children."""
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    for name, line in (
        ("setgroups", b"deny"),
        ("uid_map", b"%d 0 1" % NOBODY),
        ("gid_map", b"%d 0 1" % NOBODY),
    ):
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, line)
        os.close(file)
