"""Audio in and out, whole or in blocks, on files and pipes.

What goes in comes out the same unless asked otherwise: rate, channels, length, bit depth (float32 when the input is
lossy) and tags. Every written file carries the history of the commands that made it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit import __version__
from audiokit.errors import DamagedError, InputError, MissingExtraError, ParameterError, UsageError
from audiokit.io.files import atomic_file
from audiokit.io.stream import refuse_terminal
from audiokit.io.wav import ENCODINGS, WavFileWriter, WavStreamReader, encode, header

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1 << 16
#: What libsndfile reads; other suffixes are tried too, these are collected from folders.
SUFFIXES = (
    ".wav",
    ".wave",
    ".aiff",
    ".aif",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".rf64",
    ".w64",
    ".au",
    ".caf",
)
MEDIA_SUFFIXES = (".m4a", ".mp4", ".webm", ".mkv", ".mov", ".aac", ".wma", ".avi", ".mka")
_LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "AAC")
_TAGS = ("title", "artist", "album", "comment", "date", "genre", "copyright", "tracknumber")
_WRITABLE = {
    ".wav": "WAV", ".wave": "WAV", ".rf64": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG",
    ".opus": "OGG", ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF", ".w64": "W64", ".caf": "CAF", ".au": "AU",
}  # fmt: skip


@dataclass(frozen=True)
class AudioInfo:
    """What a file says about itself.

    Attributes:
        path: where it is; "-" for a stream.
        rate: Hz.
        channels: how many.
        length: samples per channel; None while a stream does not know.
        subtype: encoding in libsndfile's words, such as PCM_16, FLOAT, VORBIS.
        format: container, such as WAV, FLAC, OGG.
        tags: title, artist and the like.
        history: one entry per audiokit command that made it.
    """

    path: str
    rate: int
    channels: int
    length: int | None
    subtype: str
    format: str
    tags: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lossy(self) -> bool:
        """Whether the encoding throws something away."""
        return self.subtype in _LOSSY


def history_entry(name: str, options: dict[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Describe one command for the history that outputs carry.

    >>> history_entry("normalize", {"to": -14.0})["name"]
    'normalize'
    """
    return {"name": name, "options": options, "seed": seed, "version": __version__}


def _software(history: Sequence[dict[str, Any]]) -> str:
    return f"audiokit {__version__} {json.dumps(list(history), separators=(',', ':'), default=str)}" if history else ""


def _parse_software(text: str) -> list[dict[str, Any]]:
    start = text.find("[")
    if not text.startswith("audiokit ") or start < 0:
        return []
    try:
        history, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return []
    return [entry for entry in history if isinstance(entry, dict)]


class Reader:
    """Read audio in blocks from a file or, for "-", from standard input.

    Args:
        source: path or "-".
        rate: resample to this rate on the way (soxr HQ, streaming).
        mono: average the channels on the way.
        start, stop: read only these samples of the file (at its own rate; not for streams).

    Attributes:
        info: the source's own AudioInfo.
        rate, channels, length: of what `blocks` yields (length None if unknown).

    Raises:
        InputError: missing, unreadable, or no audio.
        DamagedError: cut short, or it holds NaN or infinity (raised while reading).
        MissingExtraError: the container needs PyAV.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        rate: int | None = None,
        mono: bool = False,
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self.name = "standard input" if str(source) == "-" else str(source)
        self._stack = ExitStack()
        self._backend = _open_backend(str(source), self._stack)
        self.info: AudioInfo = self._backend.info
        self._start, self._stop = start, stop
        if rate is not None and rate < 1:
            raise ParameterError(f"--rate {rate}: must be positive")
        self.rate = rate or self.info.rate
        self.channels = 1 if mono else self.info.channels
        self._mono = mono
        length = self.info.length
        if length is not None:
            length = max(0, min(length, length if stop is None else stop) - start)
        self._source_length = length
        self.length = None if length is None else _resampled_length(length, self.info.rate, self.rate)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._stack.close()

    def blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """Yield arrays (C, about `size`), float32, in order, until the end."""
        if self.rate == self.info.rate:
            yield from self._checked(size)
            return
        import numpy as np
        import soxr

        resampler = soxr.ResampleStream(self.info.rate, self.rate, self.channels, dtype="float32", quality="HQ")
        done = read = 0
        for block in self._checked(size):
            read += block.shape[1]
            out = resampler.resample_chunk(np.ascontiguousarray(block.T)).reshape(-1, self.channels)
            if len(out):
                done += len(out)
                yield np.ascontiguousarray(out.T)
        tail = resampler.resample_chunk(np.zeros((0, self.channels), np.float32), last=True)
        tail = tail.reshape(-1, self.channels)[: _resampled_length(read, self.info.rate, self.rate) - done]
        if len(tail):
            yield np.ascontiguousarray(tail.T)

    def _checked(self, size: int) -> Iterator[np.ndarray]:
        import numpy as np

        position = self._start
        for block in self._backend.blocks(size, self._start, self._stop):
            if not np.isfinite(block).all():
                where = position + int(np.argmax(~np.isfinite(block).all(axis=0)))
                raise DamagedError(
                    f"{self.name}: holds NaN or infinity, first at {where / self.info.rate:.3f} s",
                    hint="find what wrote it; sox FILE OUT replaces such samples",
                )
            position += block.shape[1]
            yield block.mean(axis=0, keepdims=True, dtype=np.float32) if self._mono else block

    def read(self) -> np.ndarray:
        """Read everything that is left as one array (C, T), float32."""
        import numpy as np

        blocks = list(self.blocks(1 << 18))
        if not blocks:
            return np.zeros((self.channels, 0), np.float32)
        return np.concatenate(blocks, axis=1) if len(blocks) > 1 else np.ascontiguousarray(blocks[0])


def _resampled_length(length: int, source_rate: int, rate: int) -> int:
    return length if source_rate == rate else -(-length * rate // source_rate)


class _SoundfileBackend:
    def __init__(self, path: str, stack: ExitStack) -> None:
        import soundfile as sf

        _check_readable(path)
        try:
            self._file = stack.enter_context(sf.SoundFile(path))
        except (sf.LibsndfileError, TypeError) as error:
            reason = str(getattr(error, "error_string", error)).rstrip(".").lower()
            raise InputError(
                f"{path}: not audio that can be read ({reason})",
                hint="is it really an audio file? try: file NAME",
            ) from None
        f = self._file
        promised, software = _wav_promise(path)
        frame_count = f.frames
        if promised is not None and frame_count < promised[0] and frame_count <= promised[1]:
            raise DamagedError(
                f"{path}: cut short: the header promises {promised[0]} samples, {frame_count} are there",
                hint="to keep what is there: ffmpeg -i FILE -c copy FIXED.wav",
            )
        tags = {key: value for key in _TAGS if (value := getattr(f, key, ""))}
        history = _parse_software(software or f.software or "")
        if not history and tags.get("comment", "").startswith("audiokit "):
            history = _parse_software(tags.pop("comment"))
        self.info = AudioInfo(path, f.samplerate, f.channels, frame_count, f.subtype, f.format, tags, history)

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        import numpy as np
        import soundfile as sf

        assert self.info.length is not None
        end = self.info.length if stop is None else min(stop, self.info.length)
        position = min(start, end)
        try:
            if start:
                self._file.seek(position)
            while position < end:
                block = self._file.read(min(size, end - position), dtype="float32", always_2d=True)
                if not len(block):
                    break
                position += len(block)
                yield np.ascontiguousarray(block.T)
        except sf.LibsndfileError as error:
            reason = str(error.error_string).rstrip(".")
            raise DamagedError(f"{self.info.path}: damaged at {position / self.info.rate:.3f} s ({reason})") from None
        if position < end and not self.info.lossy:
            raise DamagedError(
                f"{self.info.path}: cut short: {end} samples promised, {position} could be decoded",
                hint="to keep what is there: ffmpeg -i FILE FIXED.wav",
            )


def _check_readable(path: str) -> None:
    try:
        size = os.stat(path).st_size
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder, not an audio file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied")
    if size == 0 and os.path.isfile(path):
        raise InputError(f"{path}: is empty (0 bytes)")


def _wav_promise(path: str) -> tuple[tuple[int, int] | None, str]:
    """Read how many frames a WAV header promises and its software tag, which libsndfile silently shortens.

    Returns:
        ((frames promised, frames that fit in the file), software), the first None if the file is no plain WAV.
    """
    with open(path, "rb") as stream:
        if stream.read(4) not in (b"RIFF", b"RF64"):
            return None, ""
        stream.seek(0)
        try:
            head = WavStreamReader(stream, path)
        except (InputError, DamagedError, OverflowError):
            return None, ""
        available = os.fstat(stream.fileno()).st_size - stream.tell()
        if head.length is None:
            return None, head.software
        return (head.length, available // head.frame_bytes), head.software


class _StreamBackend:
    def __init__(self, stack: ExitStack) -> None:
        stream = sys.stdin.buffer
        start = stream.peek(4)[:4] if hasattr(stream, "peek") else b"RIFF"
        if start and start not in (b"RIFF", b"RF64"):  # FLAC, Ogg or MP3 on the pipe: libsndfile must seek
            self._spooled: _SoundfileBackend | None = _spool(stream, stack)
            self.info = replace(self._spooled.info, path="-")
            return
        self._spooled = None
        self._wav = wav = WavStreamReader(stream)
        self.info = AudioInfo(
            "-", wav.rate, wav.channels, wav.length, wav.subtype, "WAV", {}, _parse_software(wav.software)
        )

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        if self._spooled:
            yield from self._spooled.blocks(size, start, stop)
            return
        if start or stop is not None:
            raise UsageError("a part of standard input cannot be selected", hint="give a file")
        yield from self._wav.blocks(size)


def _spool(stream, stack: ExitStack) -> _SoundfileBackend:
    import shutil
    import tempfile

    spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="audiokit-", suffix=".audio"))  # noqa: SIM115 - closed by the stack
    shutil.copyfileobj(stream, spool)
    spool.flush()
    try:
        return _SoundfileBackend(spool.name, stack)
    except InputError as error:
        raise InputError(str(error).replace(spool.name, "standard input"), hint="pipe WAV, FLAC, Ogg or MP3") from None


class _MediaBackend:
    """m4a, mp4, webm and the like through PyAV (extra `media`)."""

    def __init__(self, path: str, stack: ExitStack) -> None:
        _check_readable(path)
        try:
            import av
        except ImportError:
            raise MissingExtraError.of("media", f"{path}: reading {Path(path).suffix} files") from None
        try:
            self._container = stack.enter_context(av.open(path))
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(f"{path}: not media that can be read ({getattr(error, 'strerror', error)})") from None
        if not self._container.streams.audio:
            raise InputError(f"{path}: has no audio track")
        self._stream = self._container.streams.audio[0]
        tags = {k.lower(): v for k, v in self._container.metadata.items() if k.lower() in _TAGS}
        context = self._stream.codec_context
        self.info = AudioInfo(
            path,
            int(context.sample_rate),
            int(context.channels),
            None,
            "AAC",
            Path(path).suffix[1:].upper(),
            tags,
        )

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        import av
        import numpy as np

        resampler = av.AudioResampler(format="fltp", layout=self._stream.layout, rate=self.info.rate)
        position = 0
        try:
            for frame in self._container.decode(self._stream):
                for part in resampler.resample(frame):
                    block = np.ascontiguousarray(part.to_ndarray(), np.float32)
                    keep = block[:, max(0, start - position) : None if stop is None else max(0, stop - position)]
                    position += block.shape[1]
                    if keep.shape[1]:
                        yield np.ascontiguousarray(keep)
        except av.error.FFmpegError as error:
            raise DamagedError(f"{self.info.path}: damaged at {position / self.info.rate:.3f} s ({error})") from None


def _open_backend(source: str, stack: ExitStack):
    if source == "-":
        return _StreamBackend(stack)
    if Path(source).suffix.lower() in MEDIA_SUFFIXES:
        return _MediaBackend(source, stack)
    return _SoundfileBackend(source, stack)


def read(path: str | os.PathLike[str], *, rate: int | None = None, mono: bool = False) -> tuple[np.ndarray, AudioInfo]:
    """Read a whole file, or standard input for "-".

    Args:
        path: file or "-".
        rate: resample to this rate (Hz).
        mono: average the channels.

    Returns:
        Audio (C, T), float32, and the file's own AudioInfo (its rate is not `rate`).

    Raises:
        InputError, DamagedError, MissingExtraError: as for Reader.
    """
    with Reader(path, rate=rate, mono=mono) as reader:
        return reader.read(), reader.info


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read what a file says about itself, without decoding it."""
    with Reader(path) as reader:
        return reader.info


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

    def __enter__(self) -> Writer:
        if self._format == "STREAM":
            refuse_terminal(sys.stdout)
            sys.stdout.buffer.write(header(self.rate, self.channels, _software(self._history)))
            return self
        self._path = self._stack.enter_context(atomic_file(self.target, force=self._force))
        if self._integer and self._clip != "allow":
            # The gain is known only at the end: hold the samples as float beside the target until then.
            import tempfile

            self._spool = self._stack.enter_context(tempfile.TemporaryFile(dir=self._path.parent))
        else:
            self._sink = self._open_sink()
        return self

    def _open_sink(self):
        if self._format == "WAV":
            stream = self._stack.enter_context(open(self._path, "wb"))  # noqa: SIM115
            tags = {**self._tags, "software": _software(self._history)}
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

    def __exit__(self, kind, error, trace) -> bool | None:
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
                from audiokit.dsp.limiter import Limiter

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
    def __init__(self, stream, rate: int, channels: int, subtype: str, tags: dict[str, str]) -> None:
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
            tags.setdefault("comment", _software(writer._history))
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
    if suffix not in _WRITABLE:
        known = " ".join(sorted(set(_WRITABLE)))
        raise UsageError(
            f"{target}: audio cannot be written as {suffix or 'a name without suffix'}",
            hint=f"use one of {known}",
        )
    return _WRITABLE[suffix]


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


def write(
    path: str | os.PathLike[str],
    y: np.ndarray,
    rate: int,
    *,
    like: AudioInfo | None = None,
    subtype: str | None = None,
    history: Sequence[dict[str, Any]] = (),
    clip: str = "rescale",
    force: bool = False,
) -> list[str]:
    """Write a whole array (C, T) or (T,), float32; see Writer for the arguments.

    Returns:
        Warnings: what had to be done to fit the format.

    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> write(path, np.zeros((2, 8), np.float32), 8000)
    []
    >>> read(path)[0].shape
    (2, 8)
    """
    import numpy as np

    y = np.atleast_2d(np.asarray(y, np.float32))
    writer = Writer(path, rate, y.shape[0], like=like, subtype=subtype, history=history, clip=clip, force=force)
    with writer:
        writer.write(y)
    return writer.warnings
