"""Audio files whose headers do not say how long they are: of recorders without power, and encoders in pipes."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile as sf

RATE, LENGTH = 8000, 4000


def tone() -> np.ndarray:
    """What all of them hold: (1, 4000) at 8 kHz, a whole number of 16-bit steps."""
    return (np.rint(9000 * np.sin(np.arange(LENGTH) * 0.3)) / 32768).astype(np.float32)[None]


def whole(kind: str, subtype: str = "PCM_16") -> bytearray:
    """The tone as a good file."""
    file = io.BytesIO()
    sf.write(file, tone().T, RATE, format=kind, subtype=subtype)
    return bytearray(file.getvalue())


def _put(data: bytearray, at: int, form: str, value: int) -> bytearray:
    data[at : at + struct.calcsize(form)] = struct.pack(form, value)
    return data


def wav(size: int, *, riff: int | None = None, subtype: str = "PCM_16") -> bytes:
    """A WAV with another data size, and RIFF size."""
    data = whole("WAV", subtype)
    _put(data, data.index(b"data") + 4, "<I", size)
    return bytes(_put(data, 4, "<I", size if riff is None else riff))


def rf64() -> bytes:
    """An RF64 with a ds64 of zeros."""
    data = whole("RF64")
    return bytes(data[:20] + bytes(28) + data[48:])


def aiff(*, size: int | None = None) -> bytes:
    """An AIFF of 0 frames, and another size of its samples."""
    data = whole("AIFF")
    _put(data, data.index(b"COMM") + 10, ">I", 0)
    return bytes(data if size is None else _put(data, data.index(b"SSND") + 4, ">I", size))


def flac() -> bytes:
    """A FLAC with total samples 0."""
    data = whole("FLAC")
    return bytes(data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:])


def w64(size: int) -> bytes:
    """A W64 with another data size, and file size."""
    data = whole("W64")
    _put(data, data.index(b"data") + 16, "<Q", size)
    return bytes(_put(data, 16, "<Q", size))


def caf(size: int) -> bytes:
    """A CAF with another data size."""
    data = whole("CAF")
    return bytes(_put(data, data.index(b"data") + 4, ">q", size))


def au(size: int) -> bytes:
    """An AU with another data size."""
    return bytes(_put(whole("AU"), 8, ">I", size))


#: Headers that lie: they say that there are no samples.
LYING = {
    "zero.wav": wav(0),
    "zero-riff-right.wav": wav(0, riff=len(whole("WAV")) - 8),
    "zero-float.wav": wav(0, subtype="FLOAT"),
    "zero-adpcm.wav": wav(0, subtype="MS_ADPCM"),
    "zeros.rf64": rf64(),
    "none.aiff": aiff(),
    "none-at-all.aiff": aiff(size=0),
    "none-but-eight.aiff": aiff(size=8),
    "zero.w64": w64(0),
    "only-itself.w64": w64(24),
    "zero.caf": caf(0),
    "only-edits.caf": caf(4),
    "zero.au": au(0),
}
#: Headers that leave the length open, as the formats allow.
OPEN = {
    "open.wav": wav(0xFFFFFFFF),
    "sox.wav": wav(0x7FFFF000),
    "open.flac": flac(),
    "open.w64": w64(0xFFFFFFFFFFFFFFFF),
    "open.caf": caf(-1),
    "open.au": au(0xFFFFFFFF),
}
