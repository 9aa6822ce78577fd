"""WAV: streams of unknown length, read and written in blocks, and files of any size.

libsndfile can neither read nor write a WAV on a pipe; sizes of 0xFFFFFFFF mean "until the stream ends", as ffmpeg
writes them. Files are written here too, because libsndfile stamps the time into every float WAV (so the same input
would not give the same bytes) and cuts the software tag, which carries our history, at 128 characters.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from audiokit.errors import DamagedError, InputError
from audiokit.io.headers import CHUNKS, NO_SAMPLES, OPEN_64, OPEN_ENDED
from audiokit.io.standard import reader_of

if TYPE_CHECKING:
    import numpy as np

UNKNOWN = 0xFFFFFFFF
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MAX_HEADER_CHUNK = 1 << 24


def header(rate: int, channels: int, software: str = "") -> bytes:
    """Make the bytes before the samples of a float32 stream of unknown length.

    >>> header(44100, 2)[:4], len(header(44100, 2))
    (b'RIFF', 46)
    """
    tags = {"software": software} if software else {}
    parts = [b"WAVE", _format_chunk(rate, channels, "FLOAT"), _info_chunk(tags)]
    return b"".join([b"RIFF", struct.pack("<I", UNKNOWN), *parts, b"data", struct.pack("<I", UNKNOWN)])


#: Subtype -> (format code, bytes per sample).
ENCODINGS = {
    "PCM_U8": (_PCM, 1),
    "PCM_16": (_PCM, 2),
    "PCM_24": (_PCM, 3),
    "PCM_32": (_PCM, 4),
    "FLOAT": (_FLOAT, 4),
    "DOUBLE": (_FLOAT, 8),
}
_TAG_CHUNKS = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "comment": b"ICMT",
    "date": b"ICRD",
    "genre": b"IGNR",
    "copyright": b"ICOP",
    "tracknumber": b"ITRK",
    "software": b"ISFT",
}


def _format_chunk(rate: int, channels: int, subtype: str) -> bytes:
    code, width = ENCODINGS[subtype]
    form = struct.pack("<HHIIHH", code, channels, rate, rate * channels * width, channels * width, 8 * width)
    if code == _FLOAT:
        form += struct.pack("<H", 0)
    return b"fmt " + struct.pack("<I", len(form)) + form


def _info_chunk(tags: dict[str, str]) -> bytes:
    body = b""
    for key, code in _TAG_CHUNKS.items():
        if tags.get(key):
            text = tags[key].encode() + b"\0"
            body += code + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    return b"LIST" + struct.pack("<I", len(body) + 4) + b"INFO" + body if body else b""


class WavFileWriter:
    """Write a WAV file block by block; past 4 GiB it becomes RF64.

    Args:
        stream: seekable binary file opened for writing.
        rate: Hz.
        channels: how many.
        subtype: a key of ENCODINGS.
        tags: title, artist, album, comment, date, genre, copyright, tracknumber, software.
    """

    def __init__(
        self, stream: IO[bytes], rate: int, channels: int, subtype: str, tags: dict[str, str] | None = None
    ) -> None:
        self._stream = stream
        self.frame_bytes = channels * ENCODINGS[subtype][1]
        start = [b"RIFF", bytes(4), b"WAVE", b"JUNK", struct.pack("<I", 28), bytes(28)]
        start += [_format_chunk(rate, channels, subtype), _info_chunk(tags or {}), b"data", bytes(4)]
        self._head = b"".join(start)
        stream.write(self._head)
        self._bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append encoded, interleaved samples."""
        self._stream.write(data)
        self._bytes += len(data)

    def close(self) -> None:
        """Pad to an even size and fill in the sizes; the stream itself stays open."""
        if self._bytes % 2:
            self._stream.write(b"\0")
        total = len(self._head) - 8 + self._bytes + self._bytes % 2
        if total > UNKNOWN - 1:
            self._stream.seek(0)
            self._stream.write(b"RF64" + struct.pack("<I", UNKNOWN))
            self._stream.seek(12)
            sizes = struct.pack("<QQQI", total, self._bytes, self._bytes // self.frame_bytes, 0)
            self._stream.write(b"ds64" + struct.pack("<I", 28) + sizes)
            data_size = UNKNOWN
        else:
            self._stream.seek(4)
            self._stream.write(struct.pack("<I", total))
            data_size = self._bytes
        self._stream.seek(len(self._head) - 4)
        self._stream.write(struct.pack("<I", data_size))
        self._stream.seek(0, 2)


def encode(y: np.ndarray, subtype: str) -> bytes | memoryview:
    """Encode samples (C, T) as interleaved little-endian bytes, rounding integers and clipping at full scale.

    Whole numbers of 16 bits are taken for encoded already.

    >>> import numpy as np
    >>> encode(np.array([[0.5, -1.0, 1.0]], np.float32), "PCM_16").hex()
    '00400080ff7f'
    """
    import numpy as np

    if y.dtype == np.int16:
        return np.ascontiguousarray(y.T, "<i2").data.cast("B")
    kind = {"FLOAT": "<f4", "DOUBLE": "<f8", "PCM_U8": "u1", "PCM_16": "<i2"}.get(subtype, "<i4")
    frames = np.empty(y.shape[::-1], kind)
    full = float(2 ** (8 * ENCODINGS[subtype][1] - 1))
    for channel, row in enumerate(y):  # one at a time: twice as fast as turning the whole around
        if subtype in ("FLOAT", "DOUBLE"):
            frames[:, channel] = row
            continue
        # float32 holds every integer of 24 bits, and full scale is a power of two: nothing is rounded but by rint.
        with np.errstate(over="ignore"):  # what becomes infinite is far over full scale
            scaled = row * full if subtype != "PCM_32" else row.astype(np.float64) * full
        np.rint(scaled, out=scaled)
        np.clip(scaled, -full, full - 1, out=scaled)
        frames[:, channel] = scaled + 128 if subtype == "PCM_U8" else scaled
    return frames.view(np.uint8).reshape(-1, 4)[:, :3].tobytes() if subtype == "PCM_24" else frames.tobytes()


class WavStreamReader:
    """Read a WAV stream block by block without seeking.

    Args:
        stream: binary stream positioned at the start.
        name: what to call it in errors.

    Attributes:
        fault: what is wrong with the header though the samples can be read; "" if nothing is.

    Raises:
        InputError: the stream is empty or is no WAV.
        DamagedError: it ends inside the header or before the promised number of samples.
    """

    def __init__(self, stream: IO[bytes], name: str = "standard input") -> None:
        self._stream, self._name = stream, name
        self._ahead = b""
        self.software = self.fault = ""
        self._read_header()

    def _read_header(self) -> None:
        start = self._take(12, allow_empty=True)
        if not start:
            raise InputError(f"{self._name}: no data arrived", hint="did the command before the pipe fail?")
        if len(start) < 12 or start[:4] not in (b"RIFF", b"RF64") or start[8:12] != b"WAVE":
            raise InputError(f"{self._name}: not a WAV stream", hint="pipe WAV, for example: ffmpeg -i FILE -f wav -")
        self.channels = 0
        size64: int | None = None
        while True:
            head = self._take(8)
            tag, size = head[:4], struct.unpack("<I", head[4:])[0]
            if tag == b"data":
                break
            if size > _MAX_HEADER_CHUNK:
                raise DamagedError(f"{self._name}: WAV header has a chunk of {size} bytes")
            body = self._take(size + size % 2)
            if tag == b"fmt ":
                self._parse_format(body)
            elif tag == b"ds64" and len(body) >= 16:
                size64 = struct.unpack("<Q", body[8:16])[0]
            elif tag == b"LIST" and body[:4] == b"INFO":
                self._parse_info(body)
        if not self.channels:
            raise DamagedError(f"{self._name}: WAV header has no format before the samples")
        known: int | None = size if size < OPEN_ENDED else None
        if size == UNKNOWN and size64 is not None:
            known = size64 if size64 < OPEN_64 else None
        self._bytes = self._believed(known)
        known = self._bytes
        self.length = None if known is None else known // self.frame_bytes

    def _believed(self, known: int | None) -> int | None:
        """Look at what follows a header that says there are no samples: None if it is samples all the same."""
        if known != 0:
            return known
        self._ahead = self._take(4, allow_empty=True)
        if not self._ahead or self._ahead in CHUNKS:
            return 0
        self.fault = NO_SAMPLES.format(count="some")
        return None

    def _parse_format(self, body: bytes) -> None:
        if len(body) < 16:
            raise DamagedError(f"{self._name}: WAV format chunk is cut short")
        code, self.channels, self.rate, _, self.frame_bytes, bits = struct.unpack("<HHIIHH", body[:16])
        if code == _EXTENSIBLE and len(body) >= 26:
            code = struct.unpack("<H", body[24:26])[0]
        kinds = {
            (_PCM, 8): "PCM_U8",
            (_PCM, 16): "PCM_16",
            (_PCM, 24): "PCM_24",
            (_PCM, 32): "PCM_32",
            (_FLOAT, 32): "FLOAT",
            (_FLOAT, 64): "DOUBLE",
        }
        if (code, bits) not in kinds:
            raise InputError(f"{self._name}: WAV encoding {code} with {bits} bits cannot be streamed")
        if not 1 <= self.channels <= 1024 or not 1 <= self.rate <= 10_000_000:
            raise DamagedError(f"{self._name}: WAV header says {self.channels} channels at {self.rate} Hz")
        self.subtype = kinds[code, bits]
        self._bits = bits
        if self.frame_bytes != self.channels * bits // 8:
            raise DamagedError(f"{self._name}: WAV header contradicts itself about the frame size")

    def _parse_info(self, body: bytes) -> None:
        position = 4
        while position + 8 <= len(body):
            tag, size = (
                body[position : position + 4],
                struct.unpack("<I", body[position + 4 : position + 8])[0],
            )
            if tag == b"ISFT":
                text = body[position + 8 : position + 8 + size]
                self.software = text.rstrip(b"\0").decode("utf-8", "replace")
            position += 8 + size + size % 2

    def _take(self, count: int, allow_empty: bool = False) -> bytes:
        """Read exactly `count` bytes; short reads of a pipe are joined."""
        parts, missing = [self._ahead[:count]], count - len(self._ahead[:count])
        self._ahead = self._ahead[count:]
        read = reader_of(self._stream)
        while missing:
            part = read(missing)
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        data = b"".join(parts)
        if missing and not (allow_empty and not data) and not allow_empty:
            raise DamagedError(f"{self._name}: the WAV header is cut short")
        return data

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Yield arrays (C, up to size), float32, until the stream ends.

        Raises:
            DamagedError: the stream ends early or inside a frame.
        """
        done = 0
        while True:
            wanted = size * self.frame_bytes
            if self._bytes is not None:
                wanted = min(wanted, self._bytes - done)
            if wanted == 0:
                return
            data = self._take(wanted, allow_empty=True)
            done += len(data)
            if len(data) % self.frame_bytes and self.fault:
                # Whoever could not finish the header may have stopped anywhere.
                data = data[: -(len(data) % self.frame_bytes)]
            if len(data) % self.frame_bytes:
                raise DamagedError(f"{self._name}: the WAV stream ends inside a sample frame")
            if data:
                yield self._decode(data)
            if len(data) < wanted:
                if self._bytes is not None:
                    raise DamagedError(
                        f"{self._name}: cut short: {self.length} frames promised, {done // self.frame_bytes} arrived"
                    )
                return

    def _decode(self, data: bytes) -> np.ndarray:
        import numpy as np

        if self._bits == 24:
            raw = np.frombuffer(data, np.uint8).reshape(-1, 3)
            padded = np.zeros((len(raw), 4), np.uint8)
            padded[:, 1:] = raw
            y = padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
        elif self.subtype == "PCM_U8":
            y = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
        else:
            kind = {"PCM_16": "<i2", "PCM_32": "<i4", "FLOAT": "<f4", "DOUBLE": "<f8"}[self.subtype]
            y = np.frombuffer(data, kind).astype(np.float32)
            if self.subtype.startswith("PCM"):
                y /= np.float32(2 ** (self._bits - 1))
        return np.ascontiguousarray(y.reshape(-1, self.channels).T)
