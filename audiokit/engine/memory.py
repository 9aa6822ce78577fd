"""How this process treats memory that it frees."""

from __future__ import annotations

import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: Spectra of a few seconds take some MB; glibc's own limit for the second is 32 MB.
_KEEP_BYTES = 64 << 20
_LARGEST_BYTES = 32 << 20


def reuse_freed_memory() -> bool:
    """Keep freed arrays for the next ones instead of handing them back to the system at once.

    Streams make and drop arrays of a few MB for every block, batches for every file. By default glibc asks the system
    for fresh pages each time, and the system clears them each time: half the time of a batch of short files, a fifth
    of `mix` and `normalize`. At most 64 MB are kept. Commands do this to their own process, never to a program that
    imports audiokit.

    Returns:
        Whether the C library took the settings (glibc does, others need none).

    >>> reuse_freed_memory() in (True, False)
    True
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES) and mallopt(_TRIM_THRESHOLD, _KEEP_BYTES))
