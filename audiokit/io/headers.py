"""Headers that do not say how long the audio is, though it is there: a recorder lost power, an encoder wrote to a pipe.

`look` finds the samples of a file itself and compares them with what the header says. Where the header says nothing
of use, it is put right on the way to libsndfile (`Patched`); the file stays as it is.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from typing import IO

from audiokit.io.look import Look

#: Sizes of 32 bits from here on say "until it ends" where less is there; sox writes them just under 2**31.
OPEN_ENDED = 0x7FFF0000
OPEN_64 = 1 << 62
_UNKNOWN = 0xFFFFFFFF
_LARGEST_HEADER = 1 << 24
NO_SAMPLES = "the header says that there are no samples, but {count} follow it; read to the end"
LEFT_OPEN = "the header leaves open how long it is; read to the end"
_WAVE_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
#: Chunks that may follow the samples of a WAV, an AIFF or a CAF; anything else after "no samples" is samples.
CHUNKS = {
    b"LIST", b"list", b"id3 ", b"ID3 ", b"bext", b"cue ", b"smpl", b"inst", b"plst", b"fact", b"PEAK", b"JUNK", b"junk",
    b"PAD ", b"iXML", b"axml", b"_PMX", b"acid", b"cart", b"data", b"fmt ", b"afsp", b"COMM", b"NAME", b"AUTH", b"(c) ",
    b"ANNO", b"MARK", b"COMT", b"INST", b"AESD", b"APPL", b"CHAN", b"FVER", b"SSND", b"desc", b"chan", b"info", b"free",
    b"kuki", b"pakt", b"mark", b"strg", b"uuid", b"umid", b"edct", b"peak", b"regn", b"ovvw", b"midi",
}  # fmt: skip


def look(path: str | os.PathLike[str]) -> Look | None:
    """Compare what a file's header says about its samples with what is there.

    Returns:
        None where the format is another, or the header is no header: then libsndfile has the word.

    >>> path = getfixture("tmp_path") / "a.wav"
    >>> form = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    >>> _ = path.write_bytes(b"RIFF" + bytes(4) + form + b"data" + bytes(4) + b"\\1\\0" * 5)
    >>> look(path).there, look(path).fault
    (10, 'the header says that there are no samples, but 10 bytes follow it; read to the end')
    """
    with open(path, "rb") as file:
        start = file.read(16)
        size = os.fstat(file.fileno()).st_size
        for magic, kind, find in _FORMATS:
            if start.startswith(magic) and start[8:].startswith(kind):
                try:
                    return find(file, size)
                except (struct.error, IndexError, OverflowError, ValueError):
                    return None
    return None


def look_as_mp3(path: str | os.PathLike[str]) -> Look | None:
    """Do the same for what has no head that tells what it is, but is an MP3 after all."""
    with open(path, "rb") as file:
        try:
            return _mp3(file, os.fstat(file.fileno()).st_size)
        except (struct.error, IndexError, OverflowError, ValueError):
            return None


class Patched(io.RawIOBase):
    """A file whose beginning is replaced: `head`, and then what lies from `rest` on.

    >>> path = getfixture("tmp_path") / "a"
    >>> _ = path.write_bytes(b"wrong samples")
    >>> Patched(open(path, "rb"), b"right", 5).read()
    b'right samples'
    """

    def __init__(self, file: IO[bytes], head: bytes, rest: int) -> None:
        self._file, self._head, self._rest, self._at = file, head, rest, 0
        self._size = len(head) + os.fstat(file.fileno()).st_size - rest

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = offset + {0: 0, 1: self._at, 2: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """Where it stands."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read up to the size of the buffer."""
        wanted = len(buffer)
        part = self._head[self._at : self._at + wanted]
        if not part:
            self._file.seek(self._rest + self._at - len(self._head))
            part = self._file.read(wanted)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _walk(file: IO[bytes], at: int, size: int, *, order: str, wide: bool) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, size and place of the contents of every chunk, until one does not fit."""
    shape, even = (f"{order}q", 0) if wide else (f"{order}I", 1)
    step = 4 + struct.calcsize(shape)
    while at + step <= size:
        file.seek(at)
        name, count = file.read(4), struct.unpack(shape, file.read(step - 4))[0]
        yield name, count, at + step
        if count < 0:
            return
        at += step + count + (count & even)


def _chunks_follow(file: IO[bytes], at: int, size: int, *, order: str = "<", wide: bool = False) -> bool:
    """Whether what comes after "no samples" is a row of chunks, so that there are no samples indeed."""
    for name, count, place in _walk(file, at, size, order=order, wide=wide):
        if name not in CHUNKS or not 0 <= count <= size - place:
            return False
        if place + count + 1 >= size:
            return True
    return size - at < 8 and not wide


def _judged(declared: int, there: int, open_ended: int, *, empty: bool) -> tuple[str, bool]:
    """What is wrong with a size, and whether the format allows it."""
    if declared <= 0 and there > 0 and not empty:
        return NO_SAMPLES.format(count=f"{there} bytes"), False
    left_open = declared >= open_ended and (declared > there or declared == _UNKNOWN)
    return (LEFT_OPEN, True) if left_open else ("", False)


def _wave(file: IO[bytes], size: int) -> Look | None:
    """WAV and RF64; a file that is put right past 4 GiB is an RF64."""
    kept, large, width = [], None, 0
    file.seek(0)
    wide = file.read(4) == b"RF64"
    for name, count, at in _walk(file, 12, size, order="<", wide=False):
        if name == b"data":
            break
        if count > min(_LARGEST_HEADER, size - at):
            return None
        file.seek(at)
        body = file.read(count + (count & 1))
        if name == b"ds64":
            large = struct.unpack("<Q", body[8:16])[0]
            continue
        if name == b"fmt ":
            width = struct.unpack("<H", body[12:14])[0]
        kept.append(name + struct.pack("<I", count) + body)
    else:
        return None
    declared = large if count == _UNKNOWN and large is not None else count
    there = size - at
    limit = OPEN_64 if declared is large else OPEN_ENDED
    fault, allowed = _judged(declared, there, limit, empty=_chunks_follow(file, at, size))
    if not fault:
        return Look(declared, there, width)
    there -= there % max(1, width)
    chunks = b"".join(kept)
    if wide or there + len(chunks) + 64 > _UNKNOWN:
        sizes = struct.pack("<IQQQI", 28, there + len(chunks) + 48, there, there // max(1, width), 0)
        head = b"RF64\xff\xff\xff\xffWAVEds64" + sizes + chunks + b"data\xff\xff\xff\xff"
    else:
        head = b"RIFF" + struct.pack("<I", there + len(chunks) + 12) + b"WAVE" + chunks + b"data"
        head += struct.pack("<I", there)
    return Look(None, there, width, fault, head, at, allowed)


#: Bytes per sample of the encodings of an AIFF whose size follows from its frames; None for those of its bits.
_AIFF_WIDTHS = {
    b"NONE": None, b"twos": None, b"sowt": None, b"raw ": None, b"in24": 3, b"in32": 4, b"fl32": 4, b"FL32": 4,
    b"fl64": 8, b"FL64": 8, b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1,
}  # fmt: skip


def _aiff(file: IO[bytes], size: int) -> Look | None:
    """AIFF and AIFF-C; the number of frames stands in COMM, the bytes in SSND."""
    places: dict[bytes, tuple[int, int]] = {}
    for name, count, at in _walk(file, 12, size, order=">", wide=False):
        places.setdefault(name, (count, at))
        if name == b"SSND" and b"COMM" in places:
            break
    if b"COMM" not in places or b"SSND" not in places:
        return None
    common, (declared, at) = places[b"COMM"][1], places[b"SSND"]
    file.seek(common)
    channels, frames, bits = struct.unpack(">HIH", file.read(8))
    file.seek(10, 1)
    encoding = file.read(4) if places[b"COMM"][0] >= 22 else b"NONE"
    if not channels or size < at + 8:
        return None
    there, promised = size - at - 8, declared - 8
    if encoding not in _AIFF_WIDTHS:
        return Look(max(0, promised), there, 1)
    width = channels * (_AIFF_WIDTHS[encoding] or -(-bits // 8))
    fault, allowed = _judged(promised, there, OPEN_ENDED, empty=_chunks_follow(file, at + 8, size, order=">"))
    if not fault and not frames and promised >= width:
        there, fault = min(there, promised), NO_SAMPLES.format(count=f"{min(there, promised)} bytes")
    if not fault:
        return Look(max(0, promised), there, width)
    file.seek(0)
    head = bytearray(file.read(at + 8))
    head[4:8] = struct.pack(">I", min(_UNKNOWN, at + there))
    head[common + 2 : common + 6] = struct.pack(">I", min(_UNKNOWN, there // max(1, width)))
    head[at - 4 : at] = struct.pack(">I", min(_UNKNOWN, there + 8))
    return Look(None, there, width, fault, bytes(head), at + 8, allowed)


def _flac(file: IO[bytes], size: int) -> Look | None:
    """FLAC; where it does not say how many samples follow, its last frame does."""
    from audiokit.io.flac import count_samples

    file.seek(4)
    if file.read(1)[0] & 0x7F:
        return None
    file.seek(21)
    if int.from_bytes(file.read(5), "big") & 0xFFFFFFFFF:
        return Look(None, 0)
    at, last = 4, False
    while not last and at + 4 <= size:
        file.seek(at)
        word = struct.unpack(">I", file.read(4))[0]
        at, last = at + 4 + (word & 0xFFFFFF), bool(word >> 31)
    count, whole = (count_samples(file, at) if at < size else None) or (0, False)
    if not count:
        return Look(None, max(0, size - at))
    file.seek(0)
    head = bytearray(file.read(26))
    head[21] |= count >> 32 & 15
    head[22:26] = (count & 0xFFFFFFFF).to_bytes(4, "big")
    fault = LEFT_OPEN if whole else f"{LEFT_OPEN}, where a frame is cut off"
    return Look(None, size - at, 0, fault, bytes(head), 26, open=whole)


def _w64(file: IO[bytes], size: int) -> Look | None:
    """Sony's W64: names of 16 bytes, sizes of 64 bits that count their own 24."""
    at, width = 40, 0
    while at + 24 <= size:
        file.seek(at)
        name, count = struct.unpack("<16sQ", file.read(24))
        if name[:4] == b"fmt ":
            width = struct.unpack("<12xH", file.read(14))[0]
        if name[:4] == b"data":
            break
        if count < 24:
            return None
        at += -(-count // 8) * 8
    else:
        return None
    there = size - at - 24
    file.seek(at + 28)
    empty = there >= 24 and file.read(12) == _WAVE_TAIL
    fault, allowed = _judged(count - 24, there, OPEN_64, empty=empty)
    if not fault:
        return Look(max(0, count - 24), there, width)
    file.seek(0)
    head = bytearray(file.read(at + 24))
    head[16:24] = struct.pack("<Q", size)
    head[at + 16 : at + 24] = struct.pack("<Q", there + 24)
    return Look(None, there, width, fault, bytes(head), at + 24, allowed)


def _caf(file: IO[bytes], size: int) -> Look | None:
    """Apple's CAF: a size of -1 is allowed for the samples where they come last."""
    places: dict[bytes, tuple[int, int]] = {}
    for name, given, place in _walk(file, 8, size, order=">", wide=True):
        places.setdefault(name, (given, place))
    if b"desc" not in places or b"data" not in places:
        return None
    count, at = places[b"data"]
    file.seek(places[b"desc"][1] + 16)
    width = struct.unpack(">I", file.read(4))[0] or 1
    there = size - at - 4
    if there <= 0:
        return Look(max(0, count - 4), 0, width)
    fault, allowed = (LEFT_OPEN, True) if count == -1 else ("", False)
    if not fault:
        empty = _chunks_follow(file, at + max(0, count), size, order=">", wide=True)
        fault, allowed = _judged(count - 4, there, OPEN_64, empty=empty)
    if not fault:
        return Look(max(0, count - 4), there, width)
    file.seek(0)
    head = bytearray(file.read(at + 4))
    head[at - 8 : at] = struct.pack(">q", there + 4)
    return Look(None, there, width, fault, bytes(head), at + 4, allowed)


#: Bytes per sample of the encodings of an AU in which every sample takes the same.
_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


def _au(file: IO[bytes], size: int) -> Look | None:
    """Sun's AU, which may leave its length open."""
    file.seek(4)
    at, declared, encoding, _, channels = struct.unpack(">IIIII", file.read(20))
    there = size - at
    if not 24 <= at <= min(size, _LARGEST_HEADER):
        return None
    fault, allowed = (LEFT_OPEN, True) if declared == _UNKNOWN else _judged(declared, there, OPEN_ENDED, empty=False)
    if not fault:
        return Look(declared, there, channels * _AU_WIDTHS.get(encoding, 0))
    file.seek(0)
    head = bytearray(file.read(at))
    head[8:12] = struct.pack(">I", min(_UNKNOWN, there))
    return Look(None, there, 0, fault, bytes(head), at, allowed)


def _mp3(file: IO[bytes], size: int) -> Look | None:
    from audiokit.io.mpeg import look_at_mp3

    return look_at_mp3(file, size)


def _ogg(file: IO[bytes], size: int) -> Look | None:
    from audiokit.io.ogg import look_at_ogg

    return look_at_ogg(file, size)


_FORMATS: tuple[tuple[bytes, bytes, Callable[[IO[bytes], int], Look | None]], ...] = (
    (b"RIFF", b"WAVE", _wave),
    (b"RF64", b"WAVE", _wave),
    (b"FORM", b"AIFF", _aiff),
    (b"FORM", b"AIFC", _aiff),
    (b"fLaC", b"", _flac),
    (b"riff" + bytes.fromhex("2e91cf11"), b"", _w64),
    (b"caff", b"", _caf),
    (b".snd", b"", _au),
    (b"OggS", b"", _ogg),
    (b"ID3", b"", _mp3),
    *((bytes([0xFF, second]), b"", _mp3) for second in (0xE2, 0xE3, 0xF2, 0xF3, 0xFA, 0xFB)),
)
