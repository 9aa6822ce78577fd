"""Audio out in blocks, whole files or none, never clipped silently."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict

from audiokit.errors import DamagedError, InputError, ParameterError, UsageError
from audiokit.io.about import BLOCK, MEDIA_SUFFIXES, TAGS, AudioInfo, software_tag
from audiokit.io.files import atomic_file
from audiokit.io.lossy import CODECS, OGG_ORDER, Codec, bit_rate_for, rate_for, vorbis_level
from audiokit.io.sinks import ResampledSink, Sink, WavSink
from audiokit.io.standard import data_stream, refuse_terminal
from audiokit.io.wav import ENCODINGS, encode, header

if TYPE_CHECKING:
    import numpy as np

    from audiokit.io.media import Picture

#: Formats whose tags and covers are read by PyAV: the compressed ones.
_TAGGED = ("FLAC", "OGG", "MP3", *(suffix[1:].upper() for suffix in MEDIA_SUFFIXES))
#: Suffix -> format that libsndfile, or we, write.
WRITABLE = {
    ".wav": "WAV", ".wave": "WAV", ".rf64": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG",
    ".mp3": "MP3", ".m4a": "M4A", ".aiff": "AIFF", ".aif": "AIFF", ".w64": "W64", ".caf": "CAF", ".au": "AU",
}  # fmt: skip


class Encoding(TypedDict, total=False):
    """How sounds are written: the keywords that `Writer` and `Sound.save` share."""

    subtype: str | None
    bit_rate: int | None
    clip: str
    force: bool


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
        bit_rate: bits per second of a lossy format; by default enough not to be worse than a lossy input.
        history: this command's entry; the input's own history (from `like`) comes before it.
        clip: "rescale" (one gain for the whole file), "limit" (true-peak limiter) or "allow" (cut at full scale).
        force: replace an existing file.
        again: gives all blocks once more at little cost: they are made anew where they exceed full scale, instead of
            being kept in a temporary file in case that they do.

    Raises:
        UsageError: the suffix names no format that can be written, a bit rate for one that has none, no samples for one
            that needs some, or the target is a terminal.
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
        bit_rate: int | None = None,
        history: Sequence[dict[str, Any]] = (),
        clip: str = "rescale",
        force: bool = False,
        again: Callable[[], Iterator[np.ndarray]] | None = None,
    ) -> None:
        if clip not in ("rescale", "limit", "allow"):
            raise ParameterError(f"--clip {clip}: must be rescale, limit or allow")
        self.target, self.rate, self.channels = str(target), int(rate), int(channels)
        self.peak = 0.0
        self.length = 0
        self.warnings: list[str] = []
        self._history = [*(like.history if like else []), *history]
        self._clip, self._force, self._again = clip, force, again
        self._like, self._tags = like, dict(like.tags) if like else {}
        self._stack = ExitStack()
        if self.target == "-":
            self.subtype, self._format = "FLOAT", "STREAM"
        else:
            self._format = _format_of(self.target)
            self.subtype = subtype or _subtype_for(self._format, self.target, like)
            if subtype is not None and not _holds(self._format, subtype):
                raise UsageError(
                    f"{self.target}: {self._format} cannot hold {subtype}", hint="leave out --subtype, or write .wav"
                )
        self._codec = CODECS.get(self.subtype)
        self._bit_rate = self._bits_per_second(bit_rate)
        self._integer = self._format != "STREAM" and self.subtype not in ("FLOAT", "DOUBLE")

    def _bits_per_second(self, asked: int | None) -> int:
        if self._codec is None:
            if asked is not None and self._format != "STREAM":
                raise UsageError(f"{self.target}: --bitrate is for lossy formats", hint="such as .mp3, .m4a or .opus")
            return 0
        source = self._like.bit_rate if self._like and self._like.lossy else None
        rate = rate_for(self._codec, self.rate)
        return bit_rate_for(self._codec, rate, self.channels, asked=asked, source=source)

    @property
    def bits(self) -> int | None:
        """Bits of a sample in an integer format; None where samples are floating point."""
        return {"PCM_16": 16, "PCM_24": 24, "PCM_S8": 8, "PCM_U8": 8}.get(self.subtype)

    def __enter__(self) -> Writer:
        if self._format == "STREAM":
            refuse_terminal(data_stream(), "audiokit info -")
            data_stream().buffer.write(header(self.rate, self.channels, software_tag(self._history)))
            return self
        self._path = self._stack.enter_context(atomic_file(self.target, force=self._force))
        self._again = self._again if self._format == "WAV" and self._integer and self._clip != "allow" else None
        if self._integer and self._clip != "allow" and self._again is None:
            # The gain is known only at the end: hold the samples as float beside the target until then.
            import tempfile

            self._spool = self._stack.enter_context(tempfile.TemporaryFile(dir=self._path.parent))
            self._spooled: list[int] = []
        else:
            self._sink = self._open_sink()
        return self

    def _open_sink(self) -> Sink:
        if self._format == "WAV":
            stream = self._stack.enter_context(open(self._path, "wb"))  # noqa: SIM115
            tags = {**self._tags, "software": software_tag(self._history)}
            return WavSink(stream, self.rate, self.channels, self.subtype, tags)
        if self._codec and self._codec.encoder:
            return self._lossy_sink(self._codec)
        return _SoundfileSink(self, self._stack)

    def _lossy_sink(self, codec: Codec) -> Sink:
        from audiokit.io.media import MediaSink

        if self.channels > codec.channels:
            raise UsageError(
                f"{self.target}: {codec.name} holds at most {codec.channels} channels, not {self.channels}",
                hint="write .wav, .flac or .m4a",
            )
        tags, picture = self._all_tags()
        rate = rate_for(codec, self.rate)
        sink: Sink = MediaSink(
            self._path, codec, rate, self.channels, bit_rate=self._bit_rate, tags=tags, picture=picture,
            stack=self._stack,
        )  # fmt: skip
        if rate != self.rate:
            self.warnings.append(f"resampled from {self.rate} to {rate} Hz, which {codec.name} needs")
            sink = ResampledSink(sink, self.rate, rate, self.channels)
        return sink

    def _all_tags(self) -> tuple[dict[str, str], Picture | None]:
        """Tags of the input, those that libsndfile does not know included, its cover, and the history."""
        tags, picture = dict(self._tags), None
        if self._like and self._like.format in _TAGGED and os.path.isfile(self._like.path):
            from audiokit.io.media import read_tags

            others, picture = read_tags(self._like.path)
            others.pop("comment", None)
            tags = {**others, **tags}
        if self._history:
            tags.setdefault("comment", software_tag(self._history))
        return tags, picture

    def write(self, y: np.ndarray) -> None:
        """Append audio (C, T), float32, or int16 where `takes_numbers`."""
        import numpy as np

        if y.ndim != 2 or y.shape[0] != self.channels:
            raise ValueError(f"expected ({self.channels}, T), got {y.shape}")
        if not y.shape[1]:
            return
        self.length += y.shape[1]
        peak = 0.0 if y.dtype == np.int16 else float(max(y.max(), -y.min()))
        if not np.isfinite(peak):
            raise DamagedError(
                f"{self.target}: the result holds NaN or infinity", hint="this is a bug: please report it"
            )
        self.peak = max(self.peak, peak)
        for start in range(0, y.shape[1], BLOCK):  # whole arrays too: what they become is not held beside them
            part = y[:, start : start + BLOCK]
            if self._format == "STREAM":
                data_stream().buffer.write(encode(part, "FLOAT"))
            elif hasattr(self, "_spool"):
                self._spool.write(np.ascontiguousarray(part, np.float32).data)
                self._spooled.append(part.shape[1])
            else:
                self._sink.write(part)

    @property
    def takes_numbers(self) -> bool:
        """Whether `write` takes whole numbers, int16, which are written as they are."""
        return isinstance(getattr(self, "_sink", None), WavSink) and self.subtype == "PCM_16"

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
            data_stream().buffer.flush()
            return
        if not self.length and (self._format in ("FLAC", "MP3", "M4A") or self.subtype == "OPUS"):
            # What their encoders leave then is a file that no one can read.
            raise UsageError(f"{self.target}: {self._format} cannot hold a sound without samples", hint="write .wav")
        if hasattr(self, "_spool") or (self._again is not None and self.peak > 1.0):
            written = getattr(self, "_sink", None)
            if isinstance(written, WavSink):
                written.restart()
            else:
                self._sink = self._open_sink()
            for block in self._within_scale(self._again() if self._again is not None else self._unspool()):
                self._sink.write(block)
        elif self._integer and self.peak > 1.0:
            from audiokit.dsp.loudness.levels import excess

            self.warnings.append(f"{excess(self.peak)} over full scale: clipped, as asked")
        self._sink.close()

    def _within_scale(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Bring blocks to full scale, now that their peak is known."""
        import numpy as np

        gain, transform = 1.0, None
        # The largest positive integer lies just under 1.0: exactly 1.0 needs no gain, only rounding.
        if self.peak > 1.0:
            from audiokit.dsp.loudness.levels import excess

            over = excess(self.peak)
            if self._clip == "limit":
                from audiokit.dsp.loudness.limiter import Limiter

                transform = Limiter(self.rate, self.channels, ceiling_dbtp=-0.1)
                self.warnings.append(f"{over} over full scale: limited")
            else:
                gain = 1.0 / self.peak
                self.warnings.append(f"{over} over full scale: the whole file was turned down by as much")
        for block in blocks:
            block = block if gain == 1.0 else block * np.float32(gain)
            yield transform.process(block) if transform else block
        if transform:
            yield transform.flush()

    def _unspool(self) -> Iterator[np.ndarray]:
        import numpy as np

        self._spool.seek(0)
        for count in self._spooled:
            data = self._spool.read(4 * count * self.channels)
            yield np.frombuffer(data, np.float32).reshape(self.channels, count)


class _SoundfileSink:
    def __init__(self, writer: Writer, stack: ExitStack) -> None:
        import soundfile as sf

        self._writer, target = writer, os.fsencode(writer._path)
        level = vorbis_level(writer._bit_rate, writer.rate, writer.channels) if writer._bit_rate else None
        try:
            self._file = stack.enter_context(
                sf.SoundFile(
                    target, "w", writer.rate, writer.channels, writer.subtype, format=writer._format,
                    compression_level=level,
                )
            )  # fmt: skip
        except (sf.LibsndfileError, ValueError) as error:
            raise UsageError(
                f"{writer.target}: {writer._format} cannot hold {writer.subtype}, {writer.channels} channels, "
                f"{writer.rate} Hz ({getattr(error, 'error_string', error)})",
                hint="write .wav or .flac, or change --rate",
            ) from None
        tags, self._picture = writer._all_tags() if writer._format in _TAGGED else (dict(writer._tags), None)
        if writer._history:
            tags.setdefault("comment", software_tag(writer._history))
        #: What libsndfile cannot write: the finished file is copied once more where there is any.
        self._more = tags if self._picture or set(tags) - set(TAGS) else None
        for key, value in tags.items() if self._more is None else ():
            with suppress(sf.LibsndfileError):  # w64 and au hold no text
                setattr(self._file, key, value)
        self._integer = {"PCM_16": 16, "PCM_24": 24, "PCM_S8": 8}.get(writer.subtype)

    def write(self, y: np.ndarray) -> None:
        import numpy as np
        import soundfile as sf

        order = OGG_ORDER.get(len(y)) if self._writer._format == "OGG" else None
        frames = np.ascontiguousarray(y[list(order)].T if order else y.T)
        if self._integer:  # rounding and full scale as in `encode`; libsndfile would truncate
            full = float(2 ** (self._integer - 1))
            whole = np.clip(np.rint(frames.astype(np.float64) * full), -full, full - 1).astype(np.int32)
            frames = whole << (32 - self._integer)
        try:
            self._file.write(frames)
        except sf.LibsndfileError as error:  # it does not say which error of the system it met
            raise InputError(
                f"{self._writer.target}: cannot be written ({str(error.error_string).rstrip('.').lower()})",
                hint="is the disk full? free some space, or write elsewhere",
            ) from None

    def close(self) -> None:
        self._file.close()
        if self._more is not None:
            from audiokit.io.media import retag

            path = self._writer._path
            with atomic_file(path, force=True) as copy:
                retag(path, copy, self._writer._format.lower(), self._more, self._picture)


def check_encoding(target: str, *, subtype: str | None, bit_rate: int | None) -> None:
    """Refuse an encoding that the format of an output cannot hold, before anything is made (UsageError)."""
    Writer(target, 44_100, 1, subtype=subtype, bit_rate=bit_rate)


def encodings() -> list[str]:
    """Name the encodings that can be written, in libsndfile's words."""
    import soundfile as sf

    return [*sf.available_subtypes(), "AAC"]


def _holds(format_name: str, subtype: str) -> bool:
    """Tell whether a format holds an encoding; libsndfile knows of those that it writes."""
    if format_name in ("WAV", "M4A"):
        return subtype in (ENCODINGS if format_name == "WAV" else ("AAC",))
    import soundfile as sf

    return subtype in sf.available_subtypes(format_name)


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
    if format_name in ("MP3", "M4A"):
        return "MPEG_LAYER_III" if format_name == "MP3" else "AAC"
    depth = like.subtype if like and not like.lossy else "FLOAT"
    if format_name == "FLAC":
        return {"PCM_16": "PCM_16", "PCM_S8": "PCM_S8", "PCM_U8": "PCM_S8"}.get(depth, "PCM_24")
    if depth in ENCODINGS and not (format_name in ("AIFF", "CAF", "AU") and depth == "PCM_U8"):
        return depth
    return {"PCM_S8": "PCM_U8" if format_name == "WAV" else "PCM_S8"}.get(depth, "FLOAT")
