"""Several sounds by name: the stems of a mix, the pieces of a recording, variations, notes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Flow, Notes
from audiokit.engine.sound import Sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.io.writer import Encoding, Writer

    Array = NDArray[np.float32]

#: What is called when a sound is saved: its name, its file, the sound, warnings.
Told = Callable[[str, str, Sound, list[str]], object]


class Parts(Flow):
    """Sounds by name.

    Stems come `together`: one pass over the mix gives a block of each at a time. Pieces, copies and notes come in
    turn: one is whole before the next begins.

    >>> import numpy as np
    >>> mix = Sound.of(np.ones((1, 4), np.float32), 8000)
    >>> parts = Parts.together(mix, ["left", "right"], lambda: ({"left": b, "right": 0 * b} for b in mix.blocks()))
    >>> parts["left"].samples.tolist(), parts.names
    ([[1.0, 1.0, 1.0, 1.0]], ('left', 'right'))
    """

    kind = "parts"
    found_as = "audio"

    def __init__(self, names: Sequence[str] | None, *, source: str = "", notes: Notes | None = None) -> None:
        super().__init__()
        self.notes = notes or Notes()
        #: Names that are known beforehand; None where the sounds come in turn and end when they end.
        self.names = None if names is None else tuple(names)
        self._source = source
        self._heads: dict[str, Sound] = {}
        self._rounds: Callable[[], Iterator[Mapping[str, Array]]] | None = None
        self._items: Callable[[], Iterator[tuple[str, Sound]]] | None = None
        self._kept: dict[str, Sound] = {}
        self._entries: list[dict[str, Any]] = []
        #: Told the bits of the integer format that the parts are saved in, before the first block; None for floats.
        self.tell_bits: Callable[[int | None], None] | None = None
        #: Writes what belongs beside the sounds of a folder (folder, name and notes of each sound, history).
        self.index: Callable[[Path, list[tuple[str, Notes]], list[dict[str, Any]]], None] | None = None
        #: Gives the same sounds as a chunk set, for targets that are one (.chunks, .tar, .npy, a pipe).
        self.as_chunks: Callable[[], Chunks] | None = None
        #: Suffix of the files in a folder; None for that of the command.
        self.suffix: str | None = None
        #: What messages call them.
        self.called = "sounds"
        #: Where a name goes below the folder, without suffix, in a layout of its own; None for right there.
        self.place: Callable[[str], str] | None = None
        #: What `index` writes, where a folder may be there already: the sounds are added to it one by one, and the
        #: index, which comes last, tells that all are there. None: the folder appears as a whole.
        self.marks: Sequence[str] | None = None

    @classmethod
    def together(
        cls,
        like: Sound,
        names: Sequence[str],
        rounds: Callable[[], Iterator[Mapping[str, Array]]],
        *,
        channels: int | None = None,
        notes: Notes | None = None,
    ) -> Parts:
        """Parts that are made at the same time.

        Args:
            like: the sound they are parts of: rate, length, tags.
            names: of the parts, in order.
            rounds: yields one block (C, n) of every part at a time.
            channels: where they differ from the sound's.
            notes: reports and warnings that the stage fills while it works.
        """
        parts = cls(names, source=like.name, notes=notes)
        parts._rounds = rounds
        parts._heads = {name: like.derive(parts._pass_of(name), channels=channels) for name in names}
        return parts

    @classmethod
    def in_turn(
        cls,
        items: Callable[[], Iterator[tuple[str, Sound]]],
        *,
        names: Sequence[str] | None = None,
        source: str = "",
        notes: Notes | None = None,
    ) -> Parts:
        """Parts that come one after the other, each whole before the next."""
        parts = cls(names, source=source, notes=notes)
        parts._items = items
        return parts

    def _pass_of(self, name: str) -> Callable[[], Iterator[Array]]:
        def blocks() -> Iterator[Array]:
            assert self._rounds is not None
            return (blocks_of[name] for blocks_of in self._rounds())

        return blocks

    @property
    def name(self) -> str:
        """The path of what they are parts of."""
        return self._source

    @property
    def history(self) -> list[dict[str, Any]]:
        """One entry per command that made the first part."""
        return next((sound.history for sound in self._heads.values()), list(self._entries))

    def recorded(self, entry: dict[str, Any]) -> None:
        """Append an entry to the history of every part, those to come included."""
        self._entries.append({**entry, **self.notes.details})
        for sound in self._heads.values():
            sound.recorded(self._entries[-1])

    def __iter__(self) -> Iterator[tuple[str, Sound]]:
        """Yield (name, sound), one after the other; stems are separated once and kept in temporary files."""
        if self._items is not None:
            for name, sound in self._items():
                for entry in self._entries:
                    sound.recorded(entry)
                yield name, sound
            return
        self._keep()
        yield from self._kept.items()

    def __getitem__(self, name: str) -> Sound:
        """Give one part (KeyError if there is none of this name)."""
        if self.names is not None and name not in self.names:
            raise KeyError(name)
        for found, sound in self:
            if found == name:
                return sound
        raise KeyError(name)

    def _keep(self) -> None:
        if self._kept or self._rounds is None:
            return
        from audiokit.engine.spool import Spool

        spools = {name: Spool(head.channels) for name, head in self._heads.items()}
        for blocks in self._rounds():
            for name, block in blocks.items():
                spools[name].write(block)
        for name, spool in spools.items():
            sound = self._heads[name].derive(spool.blocks, length=spool.length)
            sound.replays = True
            self._kept[name] = sound

    def facts(self) -> dict[str, Any]:
        """What is reported of them: of stems, length, rate and channels, which they have in common."""
        for head in self._heads.values():
            return {"seconds": round((head.length or 0) / head.rate, 6), "rate": head.rate, "channels": head.channels}
        return {}

    def _repr_html_(self) -> str:
        from audiokit.engine.shown import players

        return players(self)

    def plain(self) -> dict[str, Array]:
        """The samples (C, T) by name, for callers who handed over an array."""
        return {name: sound.samples for name, sound in self}

    def save(
        self,
        target: str | os.PathLike[str] | Mapping[str, str],
        *,
        subtype: str | None = None,
        bit_rate: int | None = None,
        clip: str = "rescale",
        force: bool = False,
        suffix: str = ".wav",
        told: Told | None = None,
    ) -> list[str]:
        """Write all of them; whole or not at all.

        Args:
            target: a folder, or a file for every name.
            subtype, bit_rate, clip, force: as for `Sound.save`.
            suffix: of the files in a folder.
            told: called after every sound of a folder, with its name, file, what was saved, and warnings.

        Returns:
            Warnings, each with the part it is about.
        """
        how: Encoding = {"subtype": subtype, "bit_rate": bit_rate, "clip": clip, "force": force}
        if isinstance(target, Mapping) and self._rounds is not None:
            return self._save_together(target, how)
        if isinstance(target, Mapping):
            return [f"{name}: {text}" for name, sound in self for text in _save(sound, target[name], how)]
        if self.names is not None and self._rounds is not None:
            files = {name: str(Path(target) / (name + suffix)) for name in self.names}
            return self._save_together(files, how)
        from audiokit.io.files import atomic_folder, check_free

        if self.marks is None:
            with atomic_folder(target, force=force) as folder:
                return self._fill(folder, Path(target), suffix, {**how, "force": False}, told)
        for name in self.marks:
            check_free(Path(target) / name, force=force)
        return self._fill(Path(target), Path(target), suffix, how, told)

    def _save_together(self, files: Mapping[str, str], how: Encoding) -> list[str]:
        from audiokit.io.writer import Writer

        assert self._rounds is not None
        writers: dict[str, Writer] = {}
        with ExitStack() as stack:
            for name, head in self._heads.items():
                writer = Writer(files[name], head.rate, head.channels, like=head.info, **how)
                writers[name] = stack.enter_context(writer)
            if self.tell_bits is not None:
                self.tell_bits(next(iter(writers.values())).bits)
            for blocks in self._rounds():
                for name, block in blocks.items():
                    writers[name].write(block)
        for name, writer in writers.items():
            self._heads[name].length = writer.length
        self.notes.report["peaks"] = {name: round(writer.peak, 5) for name, writer in writers.items()}
        warnings = [f"{name}: {text}" for name, writer in writers.items() for text in writer.warnings]
        if self.tell_bits is not None and any(w.warnings and w.peak > 1.0 for w in writers.values()):
            warnings.append("the files no longer add up to the mix; --subtype FLOAT keeps what is over full scale")
        return warnings

    def _fill(self, folder: Path, target: Path, suffix: str, how: Encoding, told: Told | None) -> list[str]:
        """Write the sounds into a folder, which will be `target`, and then the index."""
        warnings, made = [], []
        place = self.place or str
        for name, sound in self:
            file = place(name) + (self.suffix or suffix)
            found = _save(sound, folder / file, how)
            warnings += [f"{name}: {text}" for text in found]
            made.append((name, sound.notes))
            if told is not None:
                told(name, str(target / file), sound, found)
        if self.index is not None:
            self.index(folder, made, self._entries)
        return warnings


def _save(part: Flow, path: str | os.PathLike[str], how: Encoding) -> list[str]:
    """Write one part; in a chain, a stage may have made chunks of a sound."""
    if isinstance(part, Chunks):
        return part.save(path, force=how["force"])
    assert isinstance(part, Sound)
    return part.save(path, **how)
