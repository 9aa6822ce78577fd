"""The one place where audio on its way is kept in a temporary file, to be read again."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from audiokit.io.about import BLOCK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.spectrum.samples import Samples

#: Shorter sounds stay in memory: so many values, of four bytes each.
_IN_MEMORY = 1 << 23


class Spool:
    """Audio (C, n), float32, block by block in a temporary file, to be read as often as needed.

    The file has no name, so nothing is left of it whatever happens; it is closed when the spool is dropped. Any part is
    taken as of an array.

    >>> import numpy as np
    >>> spool = Spool.of([np.ones((2, 3), np.float32), np.zeros((2, 1), np.float32)], channels=2)
    >>> spool.length, [block.shape for block in spool.blocks()], spool[:1, 2:9].tolist()
    (4, [(2, 4)], [[1.0, 0.0]])
    """

    def __init__(self, channels: int) -> None:
        self.channels, self.length = channels, 0
        import tempfile

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, self._file.close)

    @classmethod
    def of(cls, blocks: Iterable[NDArray[np.float32]], *, channels: int) -> Spool:
        """Keep everything that comes."""
        spool = cls(channels)
        for block in blocks:
            spool.write(block)
        return spool

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block (C, n)."""
        import numpy as np

        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(block.T, np.float32).data)
        self.length += block.shape[1]

    def blocks(self, size: int = BLOCK) -> Iterator[NDArray[np.float32]]:
        """Yield all blocks from the beginning; several readers may take turns."""
        for start in range(0, self.length, size):
            yield self._read(start, min(self.length, start + size))

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and samples."""
        return self.channels, self.length

    def __getitem__(self, part: tuple[slice, slice]) -> NDArray[np.float32]:
        channels, samples = part
        start, stop, step = samples.indices(self.length)
        return self._read(start, max(start, stop))[channels, ::step]

    def _read(self, start: int, stop: int) -> NDArray[np.float32]:
        import numpy as np

        width = 4 * self.channels
        self._file.seek(start * width)
        data = self._file.read((stop - start) * width)
        return np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self.channels).T)


def at_hand(blocks: Iterable[NDArray[np.float32]], *, channels: int, most: int | None = None) -> Samples:
    """Keep blocks (C, n) where parts can be taken in any order: in memory while they are short, else in a spool.

    Args:
        blocks: in order.
        channels: of each.
        most: values that stay in memory, 2^23 if nothing is said.

    >>> import numpy as np
    >>> at_hand([np.ones((1, 3), np.float32), np.zeros((1, 1), np.float32)], channels=1)[:, 2:].tolist()
    [[1.0, 0.0]]
    """
    import numpy as np

    limit = _IN_MEMORY if most is None else most
    held: list[NDArray[np.float32]] = []
    spool = None
    for block in blocks:
        # A first block of any size lies in memory anyhow, and may be all there is.
        if spool is None and held and sum(part.size for part in held) + block.size > limit:
            spool, held = Spool.of(held, channels=channels), []
        if spool is None:
            held.append(block)
        else:
            spool.write(block)
    if spool is not None:
        return spool
    whole = held[0] if len(held) == 1 else np.concatenate([np.zeros((channels, 0), np.float32), *held], axis=1)
    return np.ascontiguousarray(whole, np.float32)
