"""One file from the network: gone on with where an earlier attempt stopped, if it is the same file still.

What is known of the file that was begun (its ETag, or when it was changed) is noted beside it, in NAME.part.from. What
was begun by another process is gone on with where that is known, or where a checksum will tell.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from audiokit.errors import DamagedError

_CHUNK = 1 << 18
_TIMEOUT_S = 30
_TRIES = 4
#: Is called with (bytes so far, bytes in all or None).
Report = Callable[[int, int | None], None]
#: What ends a download that another attempt may finish.
BROKEN = (URLError, HTTPException, OSError)


def download(url: str, file: IO[bytes], *, size: int = 0, summed: bool = False, report: Report | None = None) -> None:
    """Append to an open file what is missing of a download, and try again where that may help.

    Args:
        url: http or https.
        file: opened for appending; it holds what an earlier attempt fetched.
        size: in bytes, 0 where it is not known.
        summed: whether a checksum will tell if parts of two files were put together.
        report: called as data arrive.

    Raises:
        DamagedError: something else is offered; what was fetched before stays.
        URLError, HTTPException, OSError: the network cannot be reached.
    """
    note = Path(f"{file.name}.from")
    if not summed and not note.exists():
        _anew(file)
    for attempt in range(_TRIES):
        try:
            _go_on(url, file, note, size, summed, report)
        except BROKEN as error:
            if attempt == _TRIES - 1 or (isinstance(error, HTTPError) and error.code < 500):
                raise
            time.sleep(min(2**attempt, 5) * float(os.environ.get("AUDIOKIT_RETRY_S", "1")))
        else:
            note.unlink(missing_ok=True)
            return


def _go_on(url: str, file: IO[bytes], note: Path, size: int, summed: bool, report: Report | None) -> None:
    have = file.seek(0, os.SEEK_END)
    headers = {"User-Agent": "audiokit", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if note.exists():
            headers["If-Range"] = note.read_text(encoding="latin-1")
    try:
        response = urlopen(Request(url, headers=headers), timeout=_TIMEOUT_S)
    except HTTPError as error:
        if error.code != 416:
            raise
        # The range begins where the file ends: everything is there, unless what is there is of another file.
        _, total = _range(error.headers)
        if total == have or (total is None and summed):
            return
        _anew(file)
        raise URLError("what was fetched before is of another file") from None
    with response:
        goes_on = bool(have) and response.status == 206
        first, total = _range(response.headers) if goes_on else (0, None)
        if goes_on and first != have and not (first is None and summed):
            _anew(file)
            raise URLError("the server did not go on where it was asked to")
        length = response.headers.get("Content-Length") or ""
        if total is None and length.isdecimal():
            total = int(length) + (have if goes_on else 0)
        _check_offer(response.headers, total, size)
        if not goes_on:
            _anew(file)
            have = 0
        _remember(response.headers, note)
        while data := response.read(_CHUNK):
            file.write(data)
            have += len(data)
            if report:
                report(have, total)
        file.flush()
        if total is not None and have < total:
            raise URLError(f"the connection ended after {have} of {total} bytes")


def _anew(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _range(headers: Message) -> tuple[int | None, int | None]:
    """First byte of a part, and bytes in all, as far as they are told.

    >>> headers = Message()
    >>> headers["Content-Range"] = "bytes 5-9/10"
    >>> _range(headers), _range(Message())
    ((5, 10), (None, None))
    """
    found = re.match(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range") or "")
    first, total = found.groups() if found else (None, None)
    return (int(first) if first else None), (int(total) if total and total != "*" else None)


def _check_offer(headers: Message, total: int | None, size: int) -> None:
    """Refuse what cannot be the file, such as the page of a network that wants a log-in first (DamagedError)."""
    kind = (headers.get("Content-Type") or "").lower()
    coding = (headers.get("Content-Encoding") or "identity").lower()
    if kind.startswith("text/html"):
        raise DamagedError("a web page is offered instead of the file")
    if coding != "identity":
        raise DamagedError(f"it is offered as {coding}, which was not asked for")
    if size and total not in (None, size):
        raise DamagedError(f"{total} bytes are offered instead of {size}")


def _remember(headers: Message, note: Path) -> None:
    """Note by what the file can be known again, if by anything; a weak ETag says too little."""
    tag = headers.get("ETag") or ""
    known = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified") or ""
    if known:
        note.write_text(known, encoding="latin-1")
    else:
        note.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, remove: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for appending, alone: another process that wants the same waits.

    Args:
        path: the file.
        remove: take it away at the end; who waits for it makes it anew.
    """
    file = _alone(path)
    try:
        yield file
    finally:
        if remove:
            path.unlink(missing_ok=True)
        file.close()


def _alone(path: Path) -> IO[bytes]:
    while True:
        file = open(path, "ab")  # noqa: SIM115 - it stays open for whoever is alone with it
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:  # who had it has taken it away
            pass
        except (ImportError, OSError):  # no locks on this system: the sum still tells
            return file
        file.close()
