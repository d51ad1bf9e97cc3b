"""Give memory that was freed back to the system."""

import ctypes
from typing import Final

_LIBC: Final = ctypes.CDLL(None)


def trim() -> None:
    """Let glibc return what is free between what is held; it does so by itself at the end alone.

    For moments in which nobody waits: it takes a millisecond or two. Where there is no glibc,
    nothing happens.
    """
    give_back = getattr(_LIBC, "malloc_trim", None)
    if give_back is not None:
        give_back(0)
