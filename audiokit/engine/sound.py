"""Audio on its way: rate, channels, length, where it came from, and blocks that are made when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from audiokit.engine.arrays import checked
from audiokit.engine.flow import Flow, Notes
from audiokit.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.spectrum.samples import Samples
    from audiokit.engine.parts import Parts
    from audiokit.io.about import AudioInfo
    from audiokit.io.reader import Reader

    Array: TypeAlias = NDArray[np.float32]
    Block = TypeVar("Block", NDArray[np.float32], NDArray[np.int16])

#: For `Sound.derive`: as long as before.
SAME = -1


class Sound(Flow):
    """Audio of any length, in blocks (C, n) of float32.

    Make one with `Sound.open`, or of an array with `Sound.of`; stages make theirs with `derive`.

    Attributes:
        rate: Hz.
        channels: how many.
        length: samples per channel; None while a stream does not know.
        info: what its source said about itself: encoding, tags, history (an AudioInfo).
        within_full_scale: no sample lies outside -1..1, as far as is known before it is read.
        replays: whether it is cheap to read again: files are opened anew.
        if_over: what to say when a floating point file holds more than full scale; {excess} is by how much.

    >>> import numpy as np
    >>> sound = Sound.of(np.ones((2, 8), np.float32), 8000)
    >>> half = sound.derive(lambda: (block / 2 for block in sound.blocks()))
    >>> half.rate, half.length, float(half.samples.max())
    (8000, 8, 0.5)
    """

    kind = "audio"
    found_as = "audio"

    def __init__(
        self,
        rate: int,
        channels: int,
        blocks: Callable[[], Iterator[Array]],
        *,
        length: int | None = None,
        info: AudioInfo | None = None,
        replays: bool = False,
    ) -> None:
        super().__init__()
        self.rate, self.channels, self.length = rate, channels, length
        if info is None:
            from audiokit.io.about import AudioInfo

            info = AudioInfo("", rate, channels, length, "FLOAT", "")
        self.info = info
        self.within_full_scale = False
        self.if_over: str | None = None
        #: Gives it as the only one of several, for targets that are folders with more in them than sounds.
        self.as_parts: Callable[[], Parts] | None = None
        #: Is told of every block that has been read how many samples it had.
        self.watched: Callable[[int], None] | None = None
        self._blocks, self.replays = blocks, replays
        self._numbers: Callable[[], Iterator[NDArray[np.int16]]] | None = None

    @classmethod
    def open(cls, source: Source | Array, rate: int | None = None, *, mono: bool = False) -> Sound:
        """Open a file, or standard input for "-"; or take an array, or a sound as it is.

        Args:
            source: path, "-", array (C, T) or (T,), or Sound.
            rate: of an array, its rate in Hz; of anything else, the rate to resample to.
            mono: average the channels.

        Returns:
            The sound; nothing of it has been decoded yet.

        Raises:
            InputError: missing, unreadable, or no audio.
            DamagedError: cut short, or it holds NaN or infinity (raised while reading).
            ParameterError: an array whose rate, shape or type is wrong.
        """
        from audiokit.io.files import is_pipe
        from audiokit.io.reader import Reader

        if isinstance(source, Sound):
            return source.at(rate, mono=mono)
        if hasattr(source, "__array__"):
            sound = cls.of(source, rate)
            return sound.at(mono=mono)
        reader = Reader(source, rate=rate, mono=mono)
        return cls._reading(reader, lambda: Reader(source, rate=rate, mono=mono), once=is_pipe(str(source)))

    @classmethod
    def _reading(cls, first: Reader, again: Callable[[], Reader], *, once: bool) -> Sound:
        """The sound of a reader that is open already; later passes open the file again."""
        from audiokit.io.about import BLOCK

        waiting = [first]

        def blocks() -> Iterator[Array]:
            with waiting.pop() if waiting else again() as reader:
                yield from reader.blocks(BLOCK)

        def numbers() -> Iterator[NDArray[np.int16]]:
            with waiting.pop() if waiting else again() as reader:
                yield from reader.numbers(BLOCK) or ()

        sound = cls(first.rate, first.channels, blocks, length=first.length, info=first.info, replays=not once)
        sound._numbers = None if first.numbers(BLOCK) is None else numbers
        sound.key = sound.key if once else os.path.basename(first.info.path)
        return sound

    @classmethod
    def of(cls, y: Any, rate: int | None) -> Sound:
        """Take an array for a sound.

        Args:
            y: (C, T) or (T,), floating point; float64 becomes float32.
            rate: Hz.

        Raises:
            ParameterError: another shape or type, or no rate.

        >>> import numpy as np
        >>> Sound.of(np.zeros((44100, 2), np.int16), 44100)
        Traceback (most recent call last):
        audiokit.errors.ParameterError: audio is float32 between -1 and 1, not int16
        """
        array = checked(y, rate)
        assert rate is not None
        return cls(int(rate), array.shape[0], lambda: iter([array]), length=array.shape[1], replays=True)

    @property
    def name(self) -> str:
        """The path it came from, or "-"."""
        return self.info.path or "audio"

    @property
    def history(self) -> list[dict[str, Any]]:
        """One entry per command that made it."""
        return self.info.history

    def recorded(self, entry: dict[str, Any]) -> None:
        """Append an entry to the history."""
        from dataclasses import replace

        self.info = replace(self.info, history=[*self.info.history, {**entry, **self.notes.details}])

    def described(self) -> dict[str, Any]:
        """What chunk sets say about the file that they come from: name, encoding, tags, and its checksum."""
        info = self.info
        about: dict[str, Any] = {"name": os.path.basename(info.path), "subtype": info.subtype}
        about.update(rate=info.rate, format=info.format, tags=info.tags)
        if os.path.isfile(info.path):
            import hashlib

            with open(info.path, "rb") as file:
                about["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        return about

    def blocks(self) -> Iterator[Array]:
        """Yield arrays (C, n), float32, in order, until the end."""
        return self._told(self._blocks())

    def numbers(self) -> Iterator[NDArray[np.int16]] | None:
        """Yield the same as whole numbers (C, n), of a file of 16 bits or a part of one; None for anything else."""
        return None if self._numbers is None else self._told(self._numbers())

    def _told(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            if self.watched is not None:
                self.watched(block.shape[1])

    @property
    def samples(self) -> Array:
        """Everything as one array (C, T), float32, C-contiguous."""
        import numpy as np

        blocks = list(self.blocks())
        if len(blocks) == 1:
            return np.ascontiguousarray(blocks[0], np.float32)
        return np.concatenate([np.zeros((self.channels, 0), np.float32), *blocks], axis=1)

    def at_hand(self) -> Samples:
        """Everything, read now, as what is sliced like an array (C, T): one if it is short, else a temporary file."""
        from audiokit.engine.spool import at_hand

        return at_hand(self.blocks(), channels=self.channels)

    def _repr_html_(self) -> str:
        from audiokit.engine.shown import player

        return player(self, self.name)

    def plain(self) -> Array:
        """The samples, for callers who handed over an array."""
        return self.samples

    def derive(
        self,
        blocks: Callable[[], Iterator[Array]],
        *,
        rate: int | None = None,
        channels: int | None = None,
        length: int | None = SAME,
        notes: Notes | None = None,
        numbers: Callable[[], Iterator[NDArray[np.int16]]] | None = None,
    ) -> Sound:
        """Make the sound that a stage gives: of the same source, with other blocks.

        Args:
            blocks: yields its audio; called anew for every pass.
            rate, channels: where they differ.
            length: where it differs; None for unknown.
            notes: reports and warnings that the stage fills while it works.
            numbers: yields the same as whole numbers, where they are of a file of such.
        """
        made = Sound(
            rate or self.rate,
            channels or self.channels,
            blocks,
            length=self.length if length == SAME else length,
            info=self.info,
        )
        made.notes, made.key, made._numbers = notes or Notes(), self.key, numbers
        return made

    def replay(self) -> Sound:
        """The same sound, cheap to read again: files are opened anew, all else is kept in a temporary file once."""
        if self.replays:
            return self
        from audiokit.engine.spool import Spool

        kept: list[Spool] = []

        def blocks() -> Iterator[Array]:
            if not kept:
                kept.append(Spool.of(self.blocks(), channels=self.channels))
                sound.length = kept[0].length
            yield from kept[0].blocks()

        sound = self.derive(blocks, notes=self.notes)
        sound.within_full_scale, sound.replays = self.within_full_scale, True
        return sound

    def kept(self) -> Sound:
        """The same sound, made now and not when it is saved: what was drawn on the way is known afterwards."""
        sound = self.replay()
        next(sound.blocks(), None)
        return sound

    def at(self, rate: int | None = None, *, mono: bool = False) -> Sound:
        """The same sound at another rate (soxr HQ), or with its channels averaged."""
        from audiokit.io.means import means
        from audiokit.io.reader import resampled, resampled_length

        rate = rate or self.rate
        if rate < 1:
            raise ParameterError(f"--rate {rate}: must be positive")
        several = mono and self.channels > 1
        if rate == self.rate and not several:
            return self

        def blocks() -> Iterator[Array]:
            source = means(self.blocks(), self.numbers(), self.channels) if several else self.blocks()
            yield from resampled(source, self.rate, rate, made.channels, name=self.name)

        length = None if self.length is None else resampled_length(self.length, self.rate, rate)
        made = self.derive(blocks, rate=rate, channels=1 if several else None, length=length, notes=self.notes)
        made.replays = self.replays
        return made

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        subtype: str | None = None,
        bit_rate: int | None = None,
        clip: str = "rescale",
        force: bool = False,
    ) -> list[str]:
        """Write everything to a file, or to standard output for "-"; whole or not at all.

        Args:
            path: its suffix names the format.
            subtype: encoding, instead of the source's own (PCM_16, PCM_24, FLOAT ...).
            bit_rate: bits per second of a lossy format; by default enough not to be worse than a lossy source.
            clip: what happens when an integer format cannot hold the result: "rescale", "limit" or "allow".
            force: replace an existing file.

        Returns:
            Warnings: what had to be done to fit the format.

        Raises:
            UsageError: the suffix names no format that can be written.
            InputError: the file exists, or cannot be written.

        >>> import numpy as np
        >>> path = getfixture("tmp_path") / "a.flac"
        >>> Sound.of(np.zeros((2, 8), np.float32), 8000).save(path)
        []
        >>> Sound.open(path).length
        8
        """
        from audiokit.io.writer import Encoding, Writer

        clip = "allow" if self.within_full_scale and clip == "rescale" else clip
        how: Encoding = {"subtype": subtype, "bit_rate": bit_rate, "clip": clip, "force": force}
        again = self.blocks if self.replays else None  # rather than to keep all, in case that it is over full scale
        writer = Writer(path, self.rate, self.channels, like=self.info, again=again, **how)
        with writer:
            for block in (self.numbers() if writer.takes_numbers else None) or self.blocks():
                writer.write(block)
        self.length = writer.length
        if self.if_over and writer.peak > 1 and not writer.warnings:
            from audiokit.dsp.loudness.levels import excess

            writer.warnings.append(self.if_over.format(excess=excess(writer.peak)))
        return writer.warnings


#: What stands for a sound wherever one is wanted.
Source: TypeAlias = Sound | str | os.PathLike[str]


def read(path: str | os.PathLike[str], *, rate: int | None = None, mono: bool = False) -> tuple[Array, int]:
    """Read a whole file, or standard input for "-".

    Args:
        path: file or "-".
        rate: resample to this rate (Hz).
        mono: average the channels.

    Returns:
        Audio (C, T), float32, and its rate in Hz. `Sound.open` has the rest: encoding, tags, history.

    Raises:
        InputError, DamagedError, MissingExtraError: as for `Sound.open`.

    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> _ = write(path, np.zeros((2, 8), np.float32), 8000)
    >>> y, rate = read(path)
    >>> y.shape, rate
    ((2, 8), 8000)
    """
    sound = Sound.open(path, rate, mono=mono)
    return sound.samples, sound.rate


def write(
    path: str | os.PathLike[str],
    y: Array,
    rate: int,
    *,
    subtype: str | None = None,
    bit_rate: int | None = None,
    clip: str = "rescale",
    force: bool = False,
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """Write a whole array.

    Args:
        path: its suffix names the format.
        y: audio (C, T) or (T,), floating point.
        rate: Hz.
        subtype: encoding (PCM_16, PCM_24, FLOAT ...); float32 by default where the format holds it.
        bit_rate: bits per second of a lossy format.
        clip: what happens when an integer format cannot hold it: "rescale", "limit" or "allow".
        force: replace an existing file.
        tags: title, artist and the like.

    Returns:
        Warnings: what had to be done to fit the format.

    Raises:
        ParameterError: the array's shape or type, or the rate, is wrong.
        UsageError, InputError: as for `Sound.save`.
    """
    from dataclasses import replace

    sound = Sound.of(y, rate)
    sound.info = replace(sound.info, tags=dict(tags or {}))
    return sound.save(path, subtype=subtype, bit_rate=bit_rate, clip=clip, force=force)
