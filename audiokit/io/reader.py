"""Audio in blocks from files, containers and pipes, resampled and mixed down on the way when asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from audiokit.errors import DamagedError, InputError, ParameterError, UsageError
from audiokit.io.about import BLOCK, MEDIA_SUFFIXES, TAGS, TO_KEEP, AudioInfo, check_samples, parse_software_tag
from audiokit.io.files import check_ends, check_readable, is_pipe
from audiokit.io.headers import LEFT_OPEN, OPEN_64, Patched, look, look_as_mp3
from audiokit.io.look import Look
from audiokit.io.lossy import OGG_ORDER
from audiokit.io.means import averaged
from audiokit.io.media import MediaBackend, is_media, read_tags
from audiokit.io.standard import reader_of
from audiokit.io.told import detail, tell
from audiokit.io.wav import WavStreamReader

if TYPE_CHECKING:
    import numpy as np


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
        try:
            self._backend = _open_backend(str(source), self._stack)
        except BaseException:
            self._stack.close()
            raise
        self.info: AudioInfo = self._backend.info
        if self.info.fault:
            tell(f"{self.name}: {self.info.fault}", allowed=self.info.fault == LEFT_OPEN)
        detail(f"{self.name}: {_in_words(self.info)}")
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
        self.length = None if length is None else resampled_length(length, self.info.rate, self.rate)

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
        yield from resampled(self._checked(size), self.info.rate, self.rate, self.channels, name=self.name)

    def _checked(self, size: int) -> Iterator[np.ndarray]:
        position, whole = self._start, self.info.subtype in _WHOLE
        for block in self._backend.blocks(size, self._start, self._stop):
            if not whole:
                check_samples(block, name=self.name, start=position, rate=self.info.rate)
            position += block.shape[1]
            yield averaged(block) if self._mono else block

    def numbers(self, size: int) -> Iterator[np.ndarray] | None:
        """Yield the samples as whole numbers (C, n), int16; None unless it is a file of 16 bits, asked for as it is."""
        same = (self.rate, self.channels, "PCM_16") == (self.info.rate, self.info.channels, self.info.subtype)
        if same and isinstance(self._backend, _SoundfileBackend):
            return (found.T for found in self._backend.frames(size, self._start, self._stop, "int16"))
        return None

    def read(self) -> np.ndarray:
        """Read everything that is left as one array (C, T), float32."""
        import numpy as np

        blocks = list(self.blocks(1 << 18))
        if not blocks:
            return np.zeros((self.channels, 0), np.float32)
        return np.concatenate(blocks, axis=1) if len(blocks) > 1 else np.ascontiguousarray(blocks[0])


def resampled(
    blocks: Iterable[np.ndarray], source_rate: int, rate: int, channels: int, *, name: str = "audio"
) -> Iterator[np.ndarray]:
    """Resample blocks (C, n) on the way (soxr HQ): the same samples as resampling the whole.

    >>> import numpy as np
    >>> [block.shape for block in resampled([np.zeros((1, 441), np.float32)], 44100, 48000, 1)]
    [(1, 480)]
    """
    if source_rate == rate:
        yield from blocks
        return
    import numpy as np
    import soxr

    detail(f"{name}: {source_rate} Hz resampled to {rate} Hz")
    idle = _idle_resamplers.setdefault((source_rate, rate, channels), [])
    resampler = idle.pop() if idle else soxr.ResampleStream(source_rate, rate, channels, dtype="float32", quality="HQ")
    done = read = 0
    for block in blocks:
        read += block.shape[1]
        out = resampler.resample_chunk(np.ascontiguousarray(block.T)).reshape(-1, channels)
        if len(out):
            done += len(out)
            yield np.ascontiguousarray(out.T)
    tail = resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True)
    tail = tail.reshape(-1, channels)[: resampled_length(read, source_rate, rate) - done]
    if not idle:
        resampler.clear()
        idle.append(resampler)
    if len(tail):
        yield np.ascontiguousarray(tail.T)


#: A filter that is ready for a new signal, for each pair of rates and number of channels.
_idle_resamplers: dict[tuple[int, int, int], list[Any]] = {}


def resampled_length(length: int, source_rate: int, rate: int) -> int:
    """Count the samples that `resampled` makes of `length`.

    >>> resampled_length(441, 44100, 48000)
    480
    """
    return length if source_rate == rate else -(-length * rate // source_rate)


def _in_words(info: AudioInfo) -> str:
    length = "of unknown length" if info.length is None else f"{info.length / info.rate:.3f} s"
    channels = f"{info.channels} channel{'' if info.channels == 1 else 's'}"
    return f"{info.format} {info.subtype}, {info.rate} Hz, {channels}, {length}"


class Backend(Protocol):
    """What reads one kind of source: what it says about itself, and its samples at its own rate."""

    info: AudioInfo

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        """Yield the samples from start to stop (C, about `size`), float32."""


_BLOCKS_AT_ONCE = 4


class _SoundfileBackend:
    """What libsndfile reads, told what it needs to know where a header does not say it.

    Args:
        path: of the file.
        stack: closes it.
        name: what to call it.
        piped: it came on a pipe, where some formats may leave their length open.
    """

    def __init__(self, path: str, stack: ExitStack, *, name: str | None = None, piped: bool = False) -> None:
        import soundfile as sf

        self._name = name = name or path
        seen = look(path) if os.path.isfile(path) else None
        try:
            self._file = _opened(path, seen, stack)
            if seen is None and self._file.format == "MP3":  # what lies before its first frame hid that it is one
                seen = look_as_mp3(path)
                self._file = _opened(path, seen, stack)
        except (sf.LibsndfileError, TypeError) as error:
            reason = str(getattr(error, "error_string", error)).rstrip(".").lower()
            raise InputError(
                f"{name}: not audio that can be read ({reason})",
                hint="pipe WAV, FLAC, Ogg, MP3 or M4A" if piped else "is it really an audio file? try: file NAME",
            ) from None
        f = self._file
        # What an encoder says of a lossy file's length is rounded to frames; without its word, nothing was promised.
        self._slack = 0 if seen is None else seen.slack
        fault = "" if seen is None or (piped and seen.open) else seen.fault
        _check_whole(seen, f, name)
        software = _software_of(path)
        frame_count = None if f.frames >= OPEN_64 else f.frames
        tags = {key: value for key in TAGS if (value := getattr(f, key, ""))}
        history = parse_software_tag(software or f.software or "")
        if not history and tags.get("comment", "").startswith("audiokit "):
            history = parse_software_tag(tags.pop("comment"))
        if not history and f.format in ("MP3", "OGG", "FLAC") and _mentions_us(path):
            history = parse_software_tag(read_tags(path)[0].get("comment", ""))
        self.info = AudioInfo(path, f.samplerate, f.channels, frame_count, f.subtype, f.format, tags, history, fault)
        if self.info.lossy and frame_count:
            bits = 8 * os.path.getsize(path) * f.samplerate / frame_count
            self.info = replace(self.info, bit_rate=round(bits))

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        import numpy as np

        order = OGG_ORDER.get(self.info.channels) if self.info.format == "OGG" else None
        places = np.argsort(order) if order else slice(None)
        # Whole numbers become the same fractions here in a third of libsndfile's time.
        kind, step = ("int16", np.float32(2**-15)) if self.info.subtype == "PCM_16" else ("float32", np.float32(1))
        for found in self.frames(size, start, stop, kind):
            for first in range(0, len(found), size):
                block = found[first : first + size]
                yield np.multiply(block[:, places].T, step, out=np.empty(block.shape[::-1], np.float32))

    def frames(self, size: int, start: int, stop: int | None, kind: str) -> Iterator[np.ndarray]:
        """Yield the samples as libsndfile gives them, of one type: (n, C), some times `size` long."""
        import soundfile as sf

        known = self.info.length is not None
        length = self.info.length if self.info.length is not None else OPEN_64
        end = length if stop is None else min(stop, length)
        position = min(start, end)
        # Where nothing can fail to decode, several blocks are read at once: half of a small read is the call.
        calls = _BLOCKS_AT_ONCE if self.info.subtype in _SAMPLED and self.info.format not in _PACKED else 1
        try:
            if start:
                self._file.seek(position)
            while position < end:
                found = self._file.read(min(calls * size, end - position), dtype=kind, always_2d=True)
                if not len(found):
                    break
                position += len(found)
                yield found
        except sf.LibsndfileError as error:
            reason = str(error.error_string).rstrip(".")
            raise DamagedError(
                f"{self._name}: damaged at {position / self.info.rate:.3f} s ({reason})",
                hint=TO_KEEP,
            ) from None
        if position < end - self._slack and known and (self._slack or not self.info.lossy):
            raise DamagedError(
                f"{self._name}: cut short: {end} samples promised, {position} could be decoded",
                hint=TO_KEEP,
            )


def _mentions_us(path: str) -> bool:
    """Whether a history may be among the tags that libsndfile does not read."""
    with open(path, "rb") as file:
        return b"audiokit " in file.read(1 << 16)


def _opened(path: str, seen: Look | None, stack: ExitStack) -> Any:
    import soundfile as sf

    if seen is None or not seen.head:
        return stack.enter_context(sf.SoundFile(os.fsencode(path)))
    return stack.enter_context(sf.SoundFile(stack.enter_context(Patched(open(path, "rb"), seen.head, seen.rest))))


def _check_whole(seen: Look | None, file: Any, name: str) -> None:
    """Refuse a file that holds less than its header promises, which libsndfile silently shortens (DamagedError)."""
    if seen is None or seen.promised is None or not seen.frame_bytes or seen.promised <= seen.there:
        return
    promised, there = seen.promised // seen.frame_bytes, seen.there // seen.frame_bytes
    if promised == there:
        return
    counted = f"{promised} samples, {there}" if file.subtype in _SAMPLED else f"{seen.promised} bytes, {seen.there}"
    raise DamagedError(
        f"{name}: cut short: the header promises {counted} are there",
        hint="to keep what is there: ffmpeg -i FILE -c copy FIXED.wav",
    )


#: Encodings that hold whole numbers, which are never NaN or infinite.
_WHOLE = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW")
#: Formats that pack such samples.
_PACKED = ("FLAC", "MAT5", "SVX")
#: Encodings in which every sample takes the same number of bytes.
_SAMPLED = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")


def _software_of(path: str) -> str:
    """Read a WAV's software tag, which libsndfile cuts at 128 characters; "" of any other file."""
    with open(path, "rb") as stream:
        if stream.read(4) not in (b"RIFF", b"RF64"):
            return ""
        stream.seek(0)
        try:
            return WavStreamReader(stream, path).software
        except (InputError, DamagedError, OverflowError):
            return ""


class _StreamBackend:
    def __init__(self, stack: ExitStack) -> None:
        stream = sys.stdin.buffer
        start = stream.peek(4)[:4] if hasattr(stream, "peek") else b"RIFF"
        if start and start not in (b"RIFF", b"RF64"):  # FLAC, Ogg, MP3 or M4A on the pipe: decoders must seek
            self._spooled: Backend | None = _spool(stream, stack)
            self.info = replace(self._spooled.info, path="-")
            return
        self._spooled = None
        self._wav = wav = WavStreamReader(stream)
        history = parse_software_tag(wav.software)
        self.info = AudioInfo(
            "-", wav.rate, wav.channels, wav.length, wav.subtype, "WAV", {}, history, wav.fault
        )  # fmt: skip

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        if self._spooled:
            yield from self._spooled.blocks(size, start, stop)
            return
        if start or stop is not None:
            raise UsageError("a part of standard input cannot be selected", hint="give a file")
        yield from self._wav.blocks(size)


def _open_pipe(path: str, stack: ExitStack) -> Backend:
    check_ends(path)
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed right below
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    with stream:
        backend = _spool(stream, stack, path)
    backend.info = replace(backend.info, path=path)
    return backend


def _spool(stream: BinaryIO, stack: ExitStack, name: str = "standard input") -> Backend:
    import tempfile

    read = reader_of(stream)
    spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="audiokit-", suffix=".audio"))  # noqa: SIM115 - closed by the stack
    while part := read(1 << 16):
        spool.write(part)
    spool.flush()
    if not spool.tell():
        raise InputError(f"{name}: no data arrived", hint="did the command before the pipe fail?")
    return _open_file(spool.name, stack, name=name, piped=True)


def _open_backend(source: str, stack: ExitStack) -> Backend:
    if source == "-":
        return _StreamBackend(stack)
    return _open_pipe(source, stack) if is_pipe(source) else _open_file(source, stack)


def _open_file(path: str, stack: ExitStack, *, name: str | None = None, piped: bool = False) -> Backend:
    """Open by name, or by content where libsndfile knows neither."""
    if not piped:
        check_readable(path)
    if Path(path).suffix.lower() not in MEDIA_SUFFIXES:
        try:
            return _SoundfileBackend(path, stack, name=name, piped=piped)
        except InputError:
            if not os.path.isfile(path) or not is_media(path):
                raise
    backend = MediaBackend(path, stack, name=name)
    if (seen := look(path)) is not None and seen.fault:
        backend.info = replace(backend.info, fault=seen.fault)
    return backend
