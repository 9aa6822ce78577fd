"""Spectra or audio in pieces: a head that says everything, and pieces that are made when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from audiokit.engine.flow import Flow, Notes
from audiokit.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audiokit.dsp.spectrum.transform import Transform
    from audiokit.io.chunkset import Head, Item

    Piece = tuple[Item, NDArray[Any]]


class Chunks(Flow):
    """A chunk set on its way.

    Attributes:
        head: rate, channels, transform and all else that the way back needs; its `length` may become known only when
            everything was read.

    >>> import numpy as np
    >>> from audiokit.io.chunkset import Head
    >>> head = Head("audio", 8000, 1, 4, "float32", 4, 4)
    >>> chunks = Chunks(head, lambda: iter([piece(np.zeros((1, 4), np.float32), 0, 4)]))
    >>> [(item.start, item.stop) for item, values in chunks]
    [(0, 4)]
    """

    kind = "chunks"
    found_as = "chunks"

    def __init__(
        self, head: Head, pieces: Callable[[], Iterable[Piece]], *, name: str = "", notes: Notes | None = None
    ) -> None:
        super().__init__()
        self.head, self._pieces, self._name = head, pieces, name
        self.notes = notes or Notes()
        #: Its pieces are files of their own, not arrays of a set.
        self.of_files = False
        #: Gives the only piece in parts that follow each other, for writers to disk; None where pieces are short.
        self.in_parts: Callable[[], Iterable[Piece]] | None = None
        #: Draws the set as a picture into a file (path, force); None where there is nothing to draw.
        self.draw: Callable[[str | os.PathLike[str], bool], None] | None = None

    @classmethod
    def open(cls, source: str | os.PathLike[str] | Chunks) -> Chunks:
        """Open a folder, a .npy with its .json, a .tar, or "-" for a tar on standard input.

        Raises:
            InputError: it is not there, or no chunk set.
            DamagedError: it is cut short, or does not match its manifest (also raised while reading).
        """
        from audiokit.io.chunkset import open_chunks

        if isinstance(source, Chunks):
            return source
        reader = open_chunks(str(source))
        return cls(reader.head, lambda: reader, name=reader.name)

    @classmethod
    def of(cls, values: Any, transform: Any) -> Chunks:
        """Take an array of spectra for a set of one piece.

        Args:
            values: (C, bins, N), as `audiokit.spectro` gives them.
            transform: the Transform that says what they are.

        Raises:
            ParameterError: another shape or type, or no Transform.
        """
        import numpy as np

        from audiokit.dsp.spectrum.transform import Transform
        from audiokit.io.chunkset import Head

        if not isinstance(transform, Transform):
            raise ParameterError(
                f"what these values are is said by a Transform, not by {transform!r}",
                hint="X, transform = audiokit.spectro(y, rate)",
            )
        array = np.asarray(values)
        wanted = (transform.planes, transform.bins)
        if array.ndim != 3 or array.shape[0] % wanted[0] or array.shape[1] != wanted[1]:
            raise ParameterError(f"spectra are (channels, {wanted[1]}, frames) here, not {array.shape}")
        if array.dtype.kind not in ("fc" if transform.dtype == "complex64" else "f"):
            raise ParameterError(f"values of kind {transform.kind} are {transform.dtype}, not {array.dtype}")
        frames = array.shape[2]
        head = Head(
            "spectrum", transform.rate, array.shape[0] // transform.planes, None, transform.dtype, max(1, frames),
            max(1, frames), transform=transform.to_dict(),
        )  # fmt: skip
        return cls(head, lambda: [piece(array, 0, frames)], name="the array")

    def _repr_html_(self) -> str:
        from audiokit.engine.shown import table

        return table(self)

    def plain(self) -> Any:
        """Spectra as one array (C, bins, N) and the Transform that says what they are; pieces of audio by number."""
        import numpy as np

        from audiokit.dsp.spectrum.transform import Transform

        if self.head.kind == "audio":
            return {item.file.removesuffix(".npy"): values for item, values in self}
        parts, position = [], 0
        for item, values in self:
            parts.append(values[..., position - item.start :] if item.start < position else values)
            position = item.stop
        transform = Transform.from_dict(self.head.transform, self.name) if self.head.transform else None
        if not parts:
            bins = transform.bins if transform else 1
            return np.zeros((self.head.channels, bins, 0), self.head.dtype), transform
        return np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0], transform

    @property
    def name(self) -> str:
        """The path it came from."""
        return self._name or self.head.name

    @property
    def rate(self) -> int:
        """Sample rate of the audio that it is, or that it came from, in Hz."""
        return self.head.rate

    @property
    def history(self) -> list[dict[str, Any]]:
        """One entry per command that made it."""
        return self.head.history

    def recorded(self, entry: dict[str, Any]) -> None:
        """Append an entry to the history."""
        self.head.history = [*self.head.history, {**entry, **self.notes.details}]

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces())

    def parts(self, transform: Transform) -> Iterator[Piece]:
        """Read like iteration, but long pieces part by part where frames can be decoded by themselves.

        >>> import numpy as np
        >>> from audiokit import spectro
        >>> X, transform = spectro(np.ones((1, 8000), np.float32), 8000)
        >>> [item.start for item, values in Chunks.of(X, transform).parts(transform)]
        [0]
        """
        found = self._pieces()
        # Phases that are told as steps from frame to frame begin with the piece.
        in_parts = None if transform.kind == "magnitude-if" else getattr(found, "parts", None)
        return iter(found) if in_parts is None else in_parts()

    def derive(self, pieces: Callable[[], Iterable[Piece]], *, notes: Notes | None = None, **changes: Any) -> Chunks:
        """Make the set that a stage gives: with other pieces, and a head that differs in the fields given."""
        from dataclasses import replace

        return Chunks(replace(self.head, **changes), pieces, name=self._name, notes=notes)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> list[str]:
        """Write everything to a folder, .npy, .tar, or standard output for "-"; whole or not at all.

        Returns:
            Warnings; there are none yet.

        Raises:
            UsageError: the suffix is that of audio.
            InputError: the target exists, or cannot be written.
        """
        from audiokit.io.chunkset import ArrayWriter, FolderWriter, create_chunks

        if self.draw is not None and str(path).lower().endswith(".png"):
            self.draw(path, force)
            return []
        count = 0
        with create_chunks(str(path), self.head, force=force) as writer:
            if self.in_parts is not None and isinstance(writer, FolderWriter):
                writer.write_joined(values for _, values in self.in_parts())
                count = 1
            else:
                joins = self.in_parts is not None and isinstance(writer, ArrayWriter)
                for item, values in self.in_parts() if joins else self:  # type: ignore[misc]
                    writer.write(values, item.start, item.stop)
                    count += 1
        self.notes.report["chunks"] = 1 if str(path).endswith(".npy") else count
        return []


def piece(values: NDArray[Any], start: int, stop: int, *, number: int = 0) -> Piece:
    """Make one piece that covers samples (or frames) start to stop; files and checksums come when it is saved."""
    from audiokit.io.chunkset import Item

    return Item(f"{number:06d}.npy", start, stop, values.shape, ""), values
