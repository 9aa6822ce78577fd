"""Audio out in blocks, whole files or none, never clipped silently."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from audiokit.errors import DamagedError, ParameterError, UsageError
from audiokit.io.about import BLOCK, AudioInfo, software_tag
from audiokit.io.files import atomic_file
from audiokit.io.stream import refuse_terminal
from audiokit.io.wav import ENCODINGS, WavFileWriter, encode, header

if TYPE_CHECKING:
    import numpy as np

#: Suffix -> format that libsndfile, or we, write.
WRITABLE = {
    ".wav": "WAV", ".wave": "WAV", ".rf64": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG",
    ".opus": "OGG", ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF", ".w64": "W64", ".caf": "CAF", ".au": "AU",
}  # fmt: skip


class Sink(Protocol):
    """What takes finished blocks (C, n) and writes a file of one format."""

    def write(self, y: np.ndarray) -> None:
        """Append a block."""

    def close(self) -> None:
        """Finish the file."""


class Writer:
    """Write audio in blocks to a file or, for "-", as a float32 WAV stream on standard output.

    The file appears whole under its name when the block ends without an error. Integer formats never clip silently:
    `clip` says what happens when a sample exceeds full scale, and `warnings` says that it happened.

    Args:
        target: path or "-"; the suffix names the format.
        rate: Hz.
        channels: how many.
        like: the input's AudioInfo: its bit depth and tags are kept.
        subtype: encoding, instead of the input's (PCM_16, PCM_24, FLOAT ...).
        history: this command's entry; the input's own history (from `like`) comes before it.
        clip: "rescale" (one gain for the whole file), "limit" (true-peak limiter) or "allow" (cut at full scale).
        force: replace an existing file.

    Raises:
        UsageError: the suffix names no format that can be written, or the target is a terminal.
        InputError: the target exists, or cannot be written.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        rate: int,
        channels: int,
        *,
        like: AudioInfo | None = None,
        subtype: str | None = None,
        history: Sequence[dict[str, Any]] = (),
        clip: str = "rescale",
        force: bool = False,
    ) -> None:
        if clip not in ("rescale", "limit", "allow"):
            raise ParameterError(f"--clip {clip}: must be rescale, limit or allow")
        self.target, self.rate, self.channels = str(target), int(rate), int(channels)
        self.peak = 0.0
        self.length = 0
        self.warnings: list[str] = []
        self._history = [*(like.history if like else []), *history]
        self._clip, self._force = clip, force
        self._tags = dict(like.tags) if like else {}
        self._stack = ExitStack()
        if self.target == "-":
            self.subtype, self._format = "FLOAT", "STREAM"
        else:
            self._format = _format_of(self.target)
            self.subtype = subtype or _subtype_for(self._format, self.target, like)
        self._integer = self._format != "STREAM" and self.subtype not in ("FLOAT", "DOUBLE")

    @property
    def bits(self) -> int | None:
        """Bits of a sample in an integer format; None where samples are floating point."""
        return {"PCM_16": 16, "PCM_24": 24, "PCM_S8": 8, "PCM_U8": 8}.get(self.subtype)

    def __enter__(self) -> Writer:
        if self._format == "STREAM":
            refuse_terminal(sys.stdout, "audiokit info -")
            sys.stdout.buffer.write(header(self.rate, self.channels, software_tag(self._history)))
            return self
        self._path = self._stack.enter_context(atomic_file(self.target, force=self._force))
        if self._integer and self._clip != "allow":
            # The gain is known only at the end: hold the samples as float beside the target until then.
            import tempfile

            self._spool = self._stack.enter_context(tempfile.TemporaryFile(dir=self._path.parent))
        else:
            self._sink = self._open_sink()
        return self

    def _open_sink(self) -> Sink:
        if self._format == "WAV":
            stream = self._stack.enter_context(open(self._path, "wb"))  # noqa: SIM115
            tags = {**self._tags, "software": software_tag(self._history)}
            return _WavSink(stream, self.rate, self.channels, self.subtype, tags)
        return _SoundfileSink(self, self._stack)

    def write(self, y: np.ndarray) -> None:
        """Append audio (C, T), float32."""
        import numpy as np

        if y.ndim != 2 or y.shape[0] != self.channels:
            raise ValueError(f"expected ({self.channels}, T), got {y.shape}")
        if not y.shape[1]:
            return
        self.length += y.shape[1]
        peak = float(np.abs(y).max())
        if not np.isfinite(peak):
            raise DamagedError(
                f"{self.target}: the result holds NaN or infinity", hint="this is a bug: please report it"
            )
        self.peak = max(self.peak, peak)
        if self._format == "STREAM":
            sys.stdout.buffer.write(np.ascontiguousarray(y.T).astype("<f4").tobytes())
        elif hasattr(self, "_spool"):
            self._spool.write(np.ascontiguousarray(y.T, np.float32).tobytes())
        else:
            self._sink.write(y)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            if kind is None:
                self._finish()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        return self._stack.__exit__(kind, error, trace)

    def _finish(self) -> None:
        if self._format == "STREAM":
            sys.stdout.buffer.flush()
            return
        if hasattr(self, "_spool"):
            self._sink = self._open_sink()
            for block in self._unspool():
                self._sink.write(block)
        elif self._integer and self.peak > 1.0:
            self.warnings.append(f"{_decibels(self.peak):.1f} dB over full scale: clipped, as asked")
        self._sink.close()

    def _unspool(self) -> Iterator[np.ndarray]:
        import numpy as np

        gain, transform = 1.0, None
        # The largest positive integer lies just under 1.0: exactly 1.0 needs no gain, only rounding.
        if self.peak > 1.0:
            over = _decibels(self.peak)
            if self._clip == "limit":
                from audiokit.dsp.loudness.limiter import Limiter

                transform = Limiter(self.rate, self.channels, ceiling_dbtp=-0.1)
                self.warnings.append(f"{over:.1f} dB over full scale: limited")
            else:
                gain = 1.0 / self.peak
                self.warnings.append(f"{over:.1f} dB over full scale: the whole file was turned down by as much")
        self._spool.seek(0)
        width = BLOCK * self.channels * 4
        while data := self._spool.read(width):
            block = np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self.channels).T)
            block = block * np.float32(gain)
            yield transform.process(block) if transform else block
        if transform:
            yield transform.flush()


def _decibels(amplitude: float) -> float:
    import math

    return 20 * math.log10(amplitude)


class _WavSink:
    def __init__(self, stream: BinaryIO, rate: int, channels: int, subtype: str, tags: dict[str, str]) -> None:
        self._subtype = subtype
        self._file = WavFileWriter(stream, rate, channels, subtype, tags)

    def write(self, y: np.ndarray) -> None:
        self._file.write(encode(y, self._subtype))

    def close(self) -> None:
        self._file.close()


class _SoundfileSink:
    def __init__(self, writer: Writer, stack: ExitStack) -> None:
        import soundfile as sf

        target = writer._path
        try:
            self._file = stack.enter_context(
                sf.SoundFile(target, "w", writer.rate, writer.channels, writer.subtype, format=writer._format)
            )
        except (sf.LibsndfileError, ValueError) as error:
            raise UsageError(
                f"{writer.target}: {writer._format} cannot hold {writer.subtype}, {writer.channels} channels, "
                f"{writer.rate} Hz ({getattr(error, 'error_string', error)})",
                hint="write .wav or .flac, or change --rate",
            ) from None
        tags = dict(writer._tags)
        if writer._history:
            tags.setdefault("comment", software_tag(writer._history))
        for key, value in tags.items():
            with suppress(sf.LibsndfileError):  # w64 and au hold no text
                setattr(self._file, key, value)
        self._integer = {"PCM_16": 16, "PCM_24": 24, "PCM_S8": 8}.get(writer.subtype)

    def write(self, y: np.ndarray) -> None:
        import numpy as np

        frames = np.ascontiguousarray(y.T)
        if self._integer:  # rounding and full scale as in `encode`; libsndfile would truncate
            full = float(2 ** (self._integer - 1))
            whole = np.clip(np.rint(frames.astype(np.float64) * full), -full, full - 1).astype(np.int32)
            self._file.write(whole << (32 - self._integer))
        else:
            self._file.write(frames)

    def close(self) -> None:
        self._file.close()


def _format_of(target: str) -> str:
    suffix = Path(target).suffix.lower()
    if suffix not in WRITABLE:
        known = " ".join(sorted(set(WRITABLE)))
        raise UsageError(
            f"{target}: audio cannot be written as {suffix or 'a name without suffix'}",
            hint=f"use one of {known}",
        )
    return WRITABLE[suffix]


def _subtype_for(format_name: str, target: str, like: AudioInfo | None) -> str:
    """Choose the encoding: the input's depth where it has one, float32 (or 24 bit) where it was lossy."""
    if format_name == "OGG":
        return "OPUS" if target.lower().endswith(".opus") else "VORBIS"
    if format_name == "MP3":
        return "MPEG_LAYER_III"
    depth = like.subtype if like and not like.lossy else "FLOAT"
    if format_name == "FLAC":
        return {"PCM_16": "PCM_16", "PCM_S8": "PCM_S8", "PCM_U8": "PCM_S8"}.get(depth, "PCM_24")
    if depth in ENCODINGS and not (format_name in ("AIFF", "CAF", "AU") and depth == "PCM_U8"):
        return depth
    return {"PCM_S8": "PCM_U8" if format_name == "WAV" else "PCM_S8"}.get(depth, "FLOAT")
