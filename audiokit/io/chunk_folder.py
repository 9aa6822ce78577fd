"""Chunk sets as folders of .npy files with a manifest written last, or as one array with a .json beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from audiokit.errors import DamagedError, InputError
from audiokit.io.files import atomic_folder
from audiokit.io.heads import MANIFEST, Head, Item, manifest_text
from audiokit.io.npy import check_npy, load_npy, load_npy_part, npy_parts, write_hashed
from audiokit.io.one_array import Joined

if TYPE_CHECKING:
    import numpy as np

_Kind = type[BaseException] | None
#: Frames (or samples) of long chunks that `parts` reads at once.
PART = 4096


class FolderWriter:
    """Write a chunk set as a folder; the manifest comes last and the folder appears whole.

    Use as a context manager; leaving it with an error leaves nothing behind.
    """

    def __init__(self, target: str | Path, head: Head, *, force: bool = False) -> None:
        self.head = head
        self._target, self._force = Path(target), force
        self._items: list[dict[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> FolderWriter:
        self._folder = self._stack.enter_context(atomic_folder(self._target, force=self._force))
        return self

    def write(self, array: np.ndarray, start: int, stop: int) -> None:
        """Append one chunk that covers samples (or frames) start to stop."""
        self._append(npy_parts(array), start, stop, array.shape)

    def write_joined(self, parts: Iterable[np.ndarray]) -> None:
        """Append one chunk from the beginning on that comes in parts (..., n), and is never held as a whole."""
        joined = Joined()
        for part in parts:
            joined.append(part)
        if joined.lengths:
            self._append(joined.joined(), 0, joined.shape[-1], joined.shape)

    def _append(self, parts: Iterable[bytes | memoryview], start: int, stop: int, shape: tuple[int, ...]) -> None:
        name = f"{len(self._items):06d}.npy"
        checksum = hashlib.sha256()
        with open(os.path.join(self._folder, name), "wb") as file:
            write_hashed(file, parts, checksum)
        item = {"file": name, "start": start, "stop": stop, "shape": list(shape), "sha256": checksum.hexdigest()}
        self._items.append(item)

    def __exit__(self, kind: _Kind, error: BaseException | None, trace: TracebackType | None) -> bool | None:
        if kind is None:
            manifest = {**self.head.to_dict(), "items": self._items}
            try:
                # The folder appears whole, so nothing in it needs to.
                with open(os.path.join(self._folder, MANIFEST), "wb") as file:
                    file.write(manifest_text(manifest).encode())
            except BaseException as failure:
                self._stack.__exit__(type(failure), failure, failure.__traceback__)
                raise
        return self._stack.__exit__(kind, error, trace)


class FolderReader:
    """Read a chunk-set folder, in order or at random.

    Args:
        folder: path of the set.

    Raises:
        InputError: there is no manifest, or it is of another format.
        DamagedError: the manifest cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.name = str(folder)
        self._folder = Path(folder)
        fields = _read_json(self._folder / MANIFEST, f"{folder}: not a chunk set (no {MANIFEST})")
        self.head = Head.from_dict(fields, self.name)
        items = fields.get("items")
        if not isinstance(items, list):
            raise DamagedError(f"{folder}: the manifest has no list of items")
        self.items = self._checked([Item.from_dict(item, self.name) for item in items])

    def _checked(self, items: list[Item]) -> list[Item]:
        self._whole: set[int] = set()
        for item in items:
            self.head.check(item, self.name)
        return items

    def __len__(self) -> int:
        return len(self.items)

    def load(self, index: int, *, mmap: bool = False) -> np.ndarray:
        """Load one chunk; shape, type and checksum must be the manifest's (DamagedError otherwise)."""
        return load_npy(self._whole_file(index), mmap=mmap)

    def _whole_file(self, index: int) -> Path:
        """Find the file of a chunk, and check that it is what the manifest says."""
        item = self.items[index]
        path = self._folder / item.file
        if not path.exists():
            raise DamagedError(f"{path}: listed in the manifest but missing")
        check_npy(path, item.shape, self.head.dtype)
        if index not in self._whole:
            self._check_sum(path, item)
            self._whole.add(index)
        return path

    def _check_sum(self, path: Path, item: Item) -> None:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if item.sha256 not in ("", found):
            raise DamagedError(
                f"{path}: its checksum differs from the manifest's",
                hint="make the set again; if you changed the values yourself, empty its sha256 in the manifest",
            )

    def __iter__(self) -> Iterator[tuple[Item, np.ndarray]]:
        for index, item in enumerate(self.items):
            yield item, self.load(index)

    def parts(self) -> Iterator[tuple[Item, np.ndarray]]:
        """Read in order like iteration, but long chunks part by part, so that none is held as a whole.

        Parts follow each other without a gap; what a chunk shares with the next one stays in one part.
        """
        for index, item in enumerate(self.items):
            following = self.items[index + 1].start if index + 1 < len(self.items) else item.stop
            cuts = range(item.start, min(following, item.stop), PART)[1:]
            if not cuts or item.shape[-1:] != (item.stop - item.start,):
                yield item, self.load(index)
                continue
            path = self._whole_file(index)
            for start, stop in pairwise((item.start, *cuts, item.stop)):
                values = load_npy_part(path, start - item.start, stop - item.start)
                yield replace(item, start=start, stop=stop, shape=values.shape, sha256=""), values

    def verify(self) -> None:
        """Check every file's checksum, shape and place (DamagedError at the first that differs)."""
        position = 0
        for index, item in enumerate(self.items):
            path = self._folder / item.file
            if not path.exists():
                raise DamagedError(f"{path}: listed in the manifest but missing")
            self._whole.discard(index)
            self.load(index, mmap=True)
            if item.start > position:
                raise DamagedError(f"{path}: starts at {item.start}, but the chunks before end at {position}")
            position = max(position, item.stop)


class ArrayReader(FolderReader):
    """Read one .npy whose .json says what it is, as a chunk set of one item."""

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._folder = Path(path).parent
        side = Path(path).with_suffix(".json")
        fields = _read_json(side, f"{path}: no {side.name} beside it says what this array is")
        self.head = Head.from_dict(fields, str(side))
        items = fields.get("items")
        if not isinstance(items, list) or len(items) != 1:
            raise DamagedError(f"{side}: must describe exactly one array")
        if not isinstance(items[0], dict):
            raise DamagedError(f"{side}: the manifest has a malformed item")
        self.items = self._checked([Item.from_dict({**items[0], "file": Path(path).name}, self.name)])


def _read_json(path: Path, missing: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            missing,
            hint="give --preset NAME or the options that say what the array is"
            if path.suffix == ".json" and path.name != MANIFEST
            else None,
        ) from None
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: not readable as JSON ({error})") from None
