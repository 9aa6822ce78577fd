"""How long an MP3 is: what the header of its encoder promises, or, where it has none, what its frames say.

libsndfile guesses the length of an MP3 without such a header from its first frame, and reads no further than that:
of a variable bit rate it loses the half. So the frames are counted, and a header is put before them.

References:
    ISO/IEC 11172-3 (1993) and 13818-3 (1998), section 2.4.2.3: the header of a frame.
    Xing Technologies, VBR header (1999); LAME, MP3 Info tag (2001).
"""

from __future__ import annotations

import struct
from typing import IO, NamedTuple

from audiokit.io.look import FOLLOWS, Look

#: kbit/s of layer III by index: of MPEG 1, and of MPEG 2 and 2.5.
_BIT_RATES = (
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = (44_100, 48_000, 32_000)
#: Tags before the first frame may hold covers; beyond this the file is left as it is.
_LARGEST_TAGS = 1 << 24
#: How far a frame is looked for where there should be one.
_REACH = 1 << 16
#: Encoders count the frame of their header or do not, and the last may be lost to what follows it.
_FRAMES_OF_SLACK = 2


class Frame(NamedTuple):
    """What the header of a frame says.

    Attributes:
        size: bytes up to the next frame.
        samples: per channel.
        side: where what an encoder says about the whole file stands in its first frame.
        kind: bits that are the same in all frames of a file.
    """

    size: int
    samples: int
    side: int
    kind: int


def frame_at(data: bytes) -> Frame | None:
    """Read the header of a frame of layer III; None where there is none, or one that does not say its size.

    >>> frame_at(bytes.fromhex("fffb9064"))[:3]
    (417, 1152, 36)
    """
    if len(data) < 4:
        return None
    word = int.from_bytes(data[:4], "big")
    version, rate, step = word >> 19 & 3, word >> 10 & 3, word >> 12 & 15
    if word >> 21 != 0x7FF or version == 1 or word >> 17 & 3 != 1 or rate == 3 or step in (0, 15):
        return None
    first, mono = version == 3, word >> 6 & 3 == 3
    hz = _RATES[rate] >> (3 - version if version else 2)
    size = (144 if first else 72) * 1000 * _BIT_RATES[not first][step - 1] // hz + (word >> 9 & 1)
    side = 4 + ((17 if mono else 32) if first else (9 if mono else 17))
    return Frame(size, 1152 if first else 576, side, word & 0xFFFE0C00)


def look_at_mp3(file: IO[bytes], size: int) -> Look | None:
    """Find out how long an MP3 says it is; where it does not say, count and put that before its frames."""
    tags = _after_tags(file)
    if tags > _LARGEST_TAGS or (start := _next(file, tags, size, None)) < 0:
        return None
    file.seek(0)
    before = file.read(tags)  # what else lies before the first frame would only be in the way
    file.seek(start)
    data = file.read(4096)
    frame = frame_at(data)
    assert frame is not None
    mark, fault, slack = data[frame.side :], "", _FRAMES_OF_SLACK * frame.samples
    if mark.startswith((b"Xing", b"Info")) and len(mark) >= 16:
        flags, count, there = struct.unpack(">III", mark[4:16])
        if not flags & 1 or not count:
            return None
        head, rest = b"", 0
        if flags & 2 and abs(there - (size - start)) > there / 200:  # mpg123 would print that, whatever is asked of it
            head, rest = before + data[: frame.side + 12] + struct.pack(">I", size - start), start + frame.side + 16
            if size - start - there > _REACH // 8 and _next(file, start + there, size, None) >= 0:
                fault = FOLLOWS
        return Look(None, size - start, fault=fault, slack=slack, head=head, rest=rest)
    if data[36:40] == b"VBRI":
        return None
    count, stop = _count(file, start, size, frame)
    if stop < size and _next(file, stop, size, None) >= 0:
        fault = FOLLOWS
    return Look(None, size - start, fault=fault, slack=slack, head=before + _header(data, count), rest=start)


def _after_tags(file: IO[bytes]) -> int:
    at = 0
    while True:
        file.seek(at)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            return at
        at += 10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]) + (10 if tag[5] & 16 else 0)


def _next(file: IO[bytes], at: int, size: int, kind: int | None) -> int:
    """Where the next frame (of a kind) begins that another one of its kind, or the end, follows; -1 if none is near."""
    file.seek(at)
    data = file.read(_REACH + 4096)
    place = -1
    while (place := data.find(b"\xff", place + 1, _REACH)) >= 0:
        frame = frame_at(data[place : place + 4])
        if frame is None or kind not in (None, frame.kind):
            continue
        after = place + frame.size
        following = frame_at(data[after : after + 4])
        if at + after == size or (following is not None and following.kind == frame.kind):
            return at + place
    return -1


def _count(file: IO[bytes], at: int, size: int, first: Frame) -> tuple[int, int]:
    """Count the whole frames from one on, whatever lies between them; and where there are no more."""
    count = 0
    while at < size:
        file.seek(at)
        frame = frame_at(file.read(4))
        if frame is None or frame.kind != first.kind:
            near = range(at, size, _REACH)
            found = next((place for start in near if (place := _next(file, start, size, first.kind)) >= 0), -1)
            if found < 0:
                break
            at = found
            continue
        at += frame.size
        count += at <= size
    return count, at


def _header(data: bytes, count: int) -> bytes:
    """A silent frame like the first one, which says how many follow."""
    # Without checksum, and the largest, for its room.
    start = bytes([data[0], data[1] | 1, (data[2] & 0x0C) | 0xE0, data[3]])
    frame = frame_at(start)
    assert frame is not None
    said = bytes(frame.side - 4) + b"Xing" + struct.pack(">II", 1, count)
    return start + said + bytes(frame.size - 4 - len(said))
