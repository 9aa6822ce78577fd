"""How long a FLAC is whose header leaves that open: the number of its last whole frame tells it, without decoding.

References:
    RFC 9639 (2024), Free Lossless Audio Codec (FLAC), section 9.
"""

from __future__ import annotations

import os
from functools import cache
from typing import IO

#: No frame of ordinary audio is longer; two of them are looked for in the last of the file.
_REACH = 1 << 21
_BLOCK_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, **{8 + k: 256 << k for k in range(8)}}


def count_samples(file: IO[bytes], audio: int) -> tuple[int, bool] | None:
    """Count the samples per channel of a FLAC by its last frames.

    Args:
        file: the file, open for reading.
        audio: where its first frame begins.

    Returns:
        Samples up to the end of the last whole frame, and whether the file ends there; None if there is no frame.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(8)
    block = int.from_bytes(file.read(4)[:2], "big")
    begin = max(audio, size - _REACH)
    file.seek(begin)
    data = file.read()
    if data[-128:-125] == b"TAG":
        data = data[:-128]
    after, whole = None, False
    end = len(data)
    while (at := data.rfind(b"\xff", 0, end)) >= 0:
        end = at
        found = _frame(data[at : at + 16], block)
        if found is None:
            continue
        start, count = found
        if after is None:  # the last frame: whole if the checksum at its end is right
            whole = _crc16(data[at:-2]) == int.from_bytes(data[-2:], "big")
            after = start + count if whole else start
            if whole or begin + at == audio:
                return after, whole
        elif start + count == after:
            return after, False
        else:  # what looked like a frame was none
            after = start
    return None if after is None else (after, False)


def _frame(head: bytes, block: int) -> tuple[int, int] | None:
    """First sample and length of the frame that begins here, if one does.

    Args:
        head: its first 16 bytes, or fewer at the end.
        block: samples per frame as the stream's header gives them.
    """
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    size, rate = head[2] >> 4, head[2] & 15
    if not size or rate == 15 or head[3] >> 4 > 10:
        return None
    number, at = _number(head[4:])
    if number is None:
        return None
    at += 4
    extra = {6: 1, 7: 2}.get(size, 0)
    count = int.from_bytes(head[at : at + extra], "big") + 1 if extra else _BLOCK_SIZES[size]
    at += extra + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    return (number if head[1] & 1 else number * block), count


def _number(data: bytes) -> tuple[int | None, int]:
    """Read a number in the manner of UTF-8, up to seven bytes; and how many it took."""
    ones = 8 - (data[0] ^ 0xFF).bit_length()
    if ones == 0:
        return data[0], 1
    if ones == 1 or len(data) < ones or any(byte >> 6 != 2 for byte in data[1:ones]):
        return None, 0
    number = data[0] & (0x7F >> ones)
    for byte in data[1:ones]:
        number = number << 6 | byte & 0x3F
    return number, ones


@cache
def _table(polynomial: int, bits: int) -> list[int]:
    table = []
    for value in range(256):
        value <<= bits - 8
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
        table.append(value & ((1 << bits) - 1))
    return table


def _crc8(data: bytes) -> int:
    """The checksum of a frame's head.

    >>> _crc8(b"123456789")
    244
    """
    table, value = _table(0x107, 8), 0
    for byte in data:
        value = table[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    """The checksum of a whole frame.

    >>> hex(_crc16(b"123456789"))
    '0xfee8'
    """
    table, value = _table(0x18005, 16), 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value
