"""A chunk set as one array: a .npy, with a .json of the same fields beside it."""

from __future__ import annotations

import hashlib
import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from audiokit.io.files import atomic_file
from audiokit.io.heads import Head, manifest_text
from audiokit.io.npy import npy_head, npy_parts, write_hashed

if TYPE_CHECKING:
    import numpy as np

#: Bytes of parts that stay in memory, and of the array that are put together at once.
_IN_MEMORY = 1 << 26


class ArrayWriter:
    """Write one array plus a .json of the same fields (`spectro X -o x.npy`); chunks are joined end to end.

    An array has all of one bin before the next, so that nothing is final before the last frame: what is long waits in
    a temporary file.
    """

    def __init__(self, target: str | Path, head: Head, *, force: bool = False) -> None:
        self.head = head
        self._target, self._force = Path(target), force
        self._parts = Joined()
        self._position = 0

    def __enter__(self) -> ArrayWriter:
        return self

    def write(self, array: np.ndarray, start: int, stop: int) -> None:
        """Append what this chunk adds to those before."""
        self._parts.append(array[..., self._position - start :] if start < self._position else array)
        self._position = stop

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        import numpy as np

        if not self._parts.lengths:
            self._parts.append(np.zeros((self.head.channels, 0), np.float32))
        shape = self._parts.shape
        self.head.chunk = self.head.hop = max(1, shape[-1])
        checksum = hashlib.sha256()
        with atomic_file(self._target, force=self._force) as temporary, open(temporary, "wb") as file:
            write_hashed(file, self._parts.joined(), checksum)
        item = {
            "file": self._target.name,
            "start": 0,
            "stop": shape[-1],
            "shape": list(shape),
            "sha256": checksum.hexdigest(),
        }
        text = manifest_text({**self.head.to_dict(), "items": [item]})
        with atomic_file(self._target.with_suffix(".json"), force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")


class Joined:
    """Arrays (..., n), to be joined along the last axis; in a temporary file once they are large."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._held: list[np.ndarray] = []
        self._size = 0
        self._file: BinaryIO | None = None

    def append(self, part: np.ndarray) -> None:
        """Keep one more."""
        import numpy as np

        part = np.ascontiguousarray(part)
        self.lengths.append(part.shape[-1])
        self._leading, self._kind = part.shape[:-1], part.dtype
        self._held.append(part)
        self._size += part.nbytes
        if self._size > _IN_MEMORY:
            self._spill()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them together."""
        return (*self._leading, sum(self.lengths))

    def _spill(self) -> None:
        if self._file is None:
            import tempfile

            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the finalizer
            weakref.finalize(self, file.close)
            self._file = file  # type: ignore[assignment]
        assert self._file is not None
        for part in self._held:
            self._file.write(part.reshape(-1).view("u1").data)
        self._held.clear()
        self._size = 0

    def joined(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes of the .npy that holds all of them."""
        import numpy as np

        if self._file is None:
            yield from npy_parts(np.concatenate(self._held, axis=-1) if len(self._held) > 1 else self._held[0])
            return
        self._spill()
        yield npy_head(self.shape, self._kind)
        rows, width = math.prod(self._leading), self._kind.itemsize
        starts = np.concatenate([[0], np.cumsum(self.lengths)]).tolist()
        step = max(1, _IN_MEMORY // max(1, starts[-1] * width))
        for row in range(0, rows, step):
            count = min(step, rows - row)
            together = np.empty((count, starts[-1]), self._kind)
            for start, length in zip(starts, self.lengths, strict=False):
                self._file.seek((start * rows + row * length) * width)
                read = np.frombuffer(self._file.read(count * length * width), self._kind)
                together[:, start : start + length] = read.reshape(count, length)
            yield together.reshape(-1).view(np.uint8).data
