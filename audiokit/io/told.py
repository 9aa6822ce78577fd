"""What readers have to tell about files that they could read all the same: heard by whoever reports on the work."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)
_detailed: ContextVar[set[str] | None] = ContextVar("detailed", default=None)


class FileWarning(UserWarning):
    """A file could be read, but something about it is wrong."""


def tell(text: str, *, allowed: bool = False) -> None:
    """Tell what is wrong with a file, once; Python callers whom nobody listens for get a FileWarning.

    Args:
        text: begins with the file's name.
        allowed: the format allows it, so it is only for people who read reports.

    >>> with heard() as told:
    ...     tell("a.wav: odd")
    ...     tell("a.wav: odd")
    >>> told
    ['a.wav: odd']
    """
    listening = _heard.get()
    if listening is None and not allowed:
        warnings.warn(text, FileWarning, stacklevel=3)
    elif listening is not None and text not in listening:
        listening.append(text)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Listen to what is told while the block runs; the list is complete when it ends."""
    told: list[str] = []
    token, details = _heard.set(told), _detailed.set(set())
    try:
        yield told
    finally:
        _heard.reset(token)
        _detailed.reset(details)


#: Set by `--verbose`, and known to the processes that a command starts.
VERBOSE = "AUDIOKIT_VERBOSE"


def detail(text: str) -> None:
    """Say on standard error what is being done (a file read, a sound resampled, a model loaded), if that is wanted.

    While somebody listens, each is said once: a file that is read twice is named once.

    >>> detail("a.wav: read")
    """
    if os.environ.get(VERBOSE, "").lower() in ("", "0", "false"):
        return
    said = _detailed.get()
    if said is None or text not in said:
        print(f"audiokit: {text}", file=sys.stderr)
    if said is not None:
        said.add(text)
