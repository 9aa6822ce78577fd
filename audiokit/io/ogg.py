"""Whether an Ogg file has its end: its last page says that nothing follows.

References:
    RFC 3533 (2003), The Ogg encapsulation format, section 6.
"""

from __future__ import annotations

from typing import IO

from audiokit.io.look import Look

NO_END = "the stream has no end: it was cut short, or recorded from a broadcast"
#: No page is longer; the last one, and tags of other programs behind it, lie within this.
_REACH = 1 << 17
_HEAD, _ENDS = 27, 4


def look_at_ogg(file: IO[bytes], size: int) -> Look | None:
    """Find the last page of an Ogg file, and see whether it is whole and the last one."""
    begin = max(0, size - _REACH)
    file.seek(begin)
    data = file.read()
    at = data.rfind(b"OggS\0")
    if at < 0:
        return Look(None, size, fault=NO_END)
    head = data[at : at + _HEAD]
    lengths = data[at + _HEAD : at + _HEAD + head[-1]] if len(head) == _HEAD else b""
    whole = len(head) == _HEAD and len(lengths) == head[-1] and at + _HEAD + len(lengths) + sum(lengths) <= len(data)
    return Look(None, size, fault="" if whole and head[5] & _ENDS else NO_END)
