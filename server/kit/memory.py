"""Give memory that was freed back to the system."""

import ctypes
from typing import Final

_LIBC: Final = ctypes.CDLL(None)


def trim() -> None:
    """Let glibc return what is free between what is held; it does so by itself at the end alone.

    The process stands still meanwhile: 0.1 ms where little was freed, 13 to 19 ms where 75 MiB
    were. Where there is no glibc, nothing happens.
    """
    give_back = getattr(_LIBC, "malloc_trim", None)
    if give_back is not None:
        give_back(0)
