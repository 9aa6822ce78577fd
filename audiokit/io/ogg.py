"""Whether an Ogg file has its end: its last page says that nothing follows.

References:
    RFC 3533 (2003), The Ogg encapsulation format, section 6.
"""

from __future__ import annotations

from typing import IO

from audiokit.io.look import FOLLOWS, Look

NO_END = "the stream has no end: it was cut short, or recorded from a broadcast"
#: No page is longer.
_REACH = 1 << 17
_HEAD, _BEGINS, _ENDS = 27, 2, 4


def look_at_ogg(file: IO[bytes], size: int) -> Look | None:
    """Find the last page of an Ogg file, and see whether it is whole, the last one, and of the stream that is read."""
    serials, counted = _begun(file)
    data = _from_last_page(file, size)
    head = data[:_HEAD]
    lengths = data[_HEAD : _HEAD + head[-1]] if len(head) == _HEAD else b""
    whole = len(head) == _HEAD and len(lengths) == head[-1] and _HEAD + len(lengths) + sum(lengths) <= len(data)
    if not (whole and head[5] & _ENDS):
        return Look(None, size, fault=NO_END)
    if head[14:18] not in serials and counted:
        return Look(None, size, fault=FOLLOWS)
    # Its last page says how many samples there are in all.
    return Look(None, size, slack=int(counted))


def _begun(file: IO[bytes]) -> tuple[list[bytes], bool]:
    """Serial numbers of the streams at the start, and whether there is one, which libsndfile reads up to its end."""
    serials: list[bytes] = []
    kinds: list[bytes] = []
    at = 0
    while True:
        file.seek(at)
        head = file.read(_HEAD)
        if len(head) < _HEAD or not (head.startswith(b"OggS") and head[5] & _BEGINS):
            return serials, len(kinds) == 1 and kinds[0].startswith((b"OpusHead", b"\x01vorbis"))
        serials.append(head[14:18])
        length = sum(file.read(head[-1]))
        kinds.append(file.read(8))
        at += _HEAD + head[-1] + length


def _from_last_page(file: IO[bytes], size: int) -> bytes:
    """What lies from the start of the last page on; tags of other programs may follow it."""
    data, begin = b"", size
    while begin > 0:
        begin = max(0, begin - _REACH)
        file.seek(begin)
        data = file.read(_REACH + 4)
        if (at := data.rfind(b"OggS\0")) >= 0:
            file.seek(begin + at)
            return file.read(_REACH)
    return b""
