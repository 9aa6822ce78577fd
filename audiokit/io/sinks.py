"""Where a writer puts blocks: what each kind of file needs on the way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from audiokit.io.wav import WavFileWriter, encode

if TYPE_CHECKING:
    import numpy as np


class Sink(Protocol):
    """What takes finished blocks (C, n) and writes a file of one format."""

    def write(self, y: np.ndarray) -> None:
        """Append a block."""

    def close(self) -> None:
        """Finish the file."""


class WavSink:
    """A WAV file, which is written here."""

    def __init__(self, stream: BinaryIO, rate: int, channels: int, subtype: str, tags: dict[str, str]) -> None:
        self._stream, self._subtype = stream, subtype
        self._open = partial(WavFileWriter, stream, rate, channels, subtype, tags)
        self._file = self._open()

    def restart(self) -> None:
        """Forget what was written, and begin anew."""
        self._stream.seek(0)
        self._stream.truncate()
        self._file = self._open()

    def write(self, y: np.ndarray) -> None:
        """Append a block."""
        self._file.write(encode(y, self._subtype))

    def close(self) -> None:
        """Fill in the sizes."""
        self._file.close()


class ResampledSink:
    """Changes the rate on the way to a codec that does not know it."""

    def __init__(self, sink: Sink, source_rate: int, rate: int, channels: int) -> None:
        import soxr

        self._sink, self._channels = sink, channels
        self._stream = soxr.ResampleStream(source_rate, rate, channels, dtype="float32", quality="HQ")

    def write(self, y: np.ndarray) -> None:
        """Append a block."""
        self._pass(y, last=False)

    def close(self) -> None:
        """Hand on what is left, and finish the file."""
        import numpy as np

        self._pass(np.zeros((self._channels, 0), np.float32), last=True)
        self._sink.close()

    def _pass(self, y: np.ndarray, *, last: bool) -> None:
        import numpy as np

        out = self._stream.resample_chunk(np.ascontiguousarray(y.T), last=last).reshape(-1, self._channels)
        if len(out):
            self._sink.write(np.ascontiguousarray(out.T))
