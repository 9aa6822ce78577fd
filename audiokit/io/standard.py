"""Standard output as a way for data: what anything else prints meanwhile goes to standard error."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import IO, Any, TextIO

from audiokit.errors import InputError, UsageError

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


def reader_of(stream: IO[bytes]) -> Callable[[int], bytes]:
    """Find how to read a pipe so that Ctrl-C is heard: at most so many bytes, of what there is; none at the end.

    `read` waits for all that it is asked for, and looks for signals only when it has it.

    >>> from io import BytesIO
    >>> reader_of(BytesIO(b"abc"))(2)
    b'ab'
    """
    return getattr(stream, "read1", stream.read)


def refuse_terminal(stream: IO[Any], then: str) -> None:
    """Refuse to write binary data to a terminal.

    Args:
        stream: where data would go.
        then: a command line that reads it, for the hint.

    Raises:
        UsageError: the stream is a terminal; the hint is the pipe to type instead.
        InputError: it was closed.
    """
    if stream is None or getattr(stream, "closed_before", False):
        raise InputError("standard output is closed", hint="pipe it somewhere, or name a file with -o")
    if stream.isatty():
        ours = Path(sys.argv[0]).stem in ("audiokit", "__main__")
        line = shlex.join(["audiokit", *sys.argv[1:]]) if ours else "..."
        raise UsageError(
            "refusing to write binary data to a terminal", hint=f"name a file with -o, or type: {line} | {then}"
        )
