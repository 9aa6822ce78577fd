"""Standard output as a way for data: what anything else prints meanwhile goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_kept: list[TextIO] = []


@contextmanager
def kept_for_data() -> Iterator[None]:
    """Keep standard output for data while the block runs: a `print` in between would be noise in a sound.

    >>> with kept_for_data():
    ...     print("this goes to standard error")
    ...     _ = data_stream().write("this is data\\n")
    this is data
    """
    _kept.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept.pop()


def data_stream() -> TextIO:
    """Standard output, also where it is kept for data; None if the process has none."""
    return _kept[-1] if _kept else sys.stdout
