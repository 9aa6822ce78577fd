"""Chunk sets: a folder of .npy files with a manifest written last (format "audiokit.chunks", version 1).

The same set travels as a tar stream (`audiokit.io.stream`) or as one array with a .json beside it; all three are
opened by `open_chunks` and made by `create_chunks`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import DamagedError, InputError, UsageError
from audiokit.io.files import atomic_file, atomic_folder

if TYPE_CHECKING:
    import numpy as np

FORMAT, VERSION = "audiokit.chunks", 1
MANIFEST = "manifest.json"


@dataclass
class Head:
    """Everything a chunk set says about itself, its items aside (the field names are those of manifest.json).

    Attributes:
        kind: "audio" (arrays (C, T)) or "spectrum" (arrays (C, F, N)).
        rate: sample rate of the audio it came from, Hz.
        length: length of that audio in samples; None while a stream does not know it yet.
        chunk, hop: length of a chunk and step between chunks, in samples (audio) or frames (spectrum).
        join: how overlaps are recombined: "crossfade", "replace" or "none".
        transform: all that inversion needs (see audiokit.dsp.spectrum.transform), None for audio.
        source: {"name", "sha256", "subtype"} of the file it came from.
        history: one {"name", "options", "seed", "version"} per command so far.
        extra: fields this version does not know; they are kept.
    """

    kind: str
    rate: int
    channels: int
    length: int | None
    dtype: str
    chunk: int
    hop: int
    name: str = ""
    axes: list[str] = field(default_factory=list)
    join: str = "crossfade"
    transform: dict[str, Any] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.axes:
            self.axes = ["channel", "sample"] if self.kind == "audio" else ["channel", "bin", "frame"]

    def to_dict(self) -> dict[str, Any]:
        """Give the head as manifest fields, unknown ones included.

        >>> Head("audio", 8000, 1, 10, "float32", 10, 10).to_dict()["axes"]
        ['channel', 'sample']
        """
        fields = {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "extra"}
        return {"format": FORMAT, "version": VERSION, **fields, **self.extra}

    @classmethod
    def from_dict(cls, fields: Any, name: str) -> Head:
        """Check manifest fields and make a Head of them.

        Raises:
            InputError: it is not a chunk set, or one of a newer major version.
            DamagedError: a field is missing or of the wrong type.
        """
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise InputError(
                f"{name}: not an audiokit chunk set",
                hint="make one with: audiokit spectro FILE -o NAME.chunks",
            )
        version = fields.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise InputError(
                f"{name}: chunk set version {version}, but this audiokit reads up to {VERSION}",
                hint="update audiokit",
            )
        known = {key: fields[key] for key in cls.__dataclass_fields__ if key in fields and key != "extra"}
        ignored = {"format", "version", "items", *known}
        try:
            head = cls(**known, extra={key: value for key, value in fields.items() if key not in ignored})
        except TypeError as error:
            missing = str(error).split(":")[-1].strip()
            raise DamagedError(f"{name}: the manifest lacks {missing}") from None
        head._check(name)
        return head

    def _check(self, name: str) -> None:
        numbers = {"rate": self.rate, "channels": self.channels, "chunk": self.chunk, "hop": self.hop}
        for key, value in numbers.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DamagedError(f"{name}: the manifest says {key} = {value!r}, which is no positive integer")
        if self.length is not None and (not isinstance(self.length, int) or self.length < 0):
            raise DamagedError(f"{name}: the manifest says length = {self.length!r}")
        if self.kind not in ("audio", "spectrum"):
            raise DamagedError(f"{name}: the manifest says kind = {self.kind!r}, not audio or spectrum")
        shapes = {"axes": list, "source": dict, "history": list, "join": str, "name": str, "dtype": str}
        for key, kind in shapes.items():
            if not isinstance(getattr(self, key), kind):
                raise DamagedError(f"{name}: the manifest's {key} is not a {kind.__name__}")
        if self.transform is not None and not isinstance(self.transform, dict):
            raise DamagedError(f"{name}: the manifest's transform is not an object")


@dataclass(frozen=True)
class Item:
    """One chunk: its file, where it starts and stops (samples or frames), its shape and checksum."""

    file: str
    start: int
    stop: int
    shape: tuple[int, ...]
    sha256: str

    @classmethod
    def from_dict(cls, fields: Any, name: str) -> Item:
        """Check one entry of a manifest's items (DamagedError if it is malformed)."""
        try:
            item = cls(
                str(fields["file"]),
                int(fields["start"]),
                int(fields["stop"]),
                tuple(int(n) for n in fields["shape"]),
                str(fields["sha256"]),
            )
        except (KeyError, TypeError, ValueError):
            raise DamagedError(f"{name}: the manifest has a malformed item") from None
        if item.file != os.path.basename(item.file) or item.file in ("", ".", ".."):
            raise DamagedError(f"{name}: the manifest names a file outside the set: {item.file!r}")
        return item


def encode_npy(array: np.ndarray) -> bytes:
    """Serialise an array as .npy bytes: C order, little endian, no pickle.

    >>> import numpy as np
    >>> encode_npy(np.zeros((2, 3), np.float32).T)[:6]
    b'\\x93NUMPY'
    """
    return b"".join(npy_parts(array))


def npy_parts(array: np.ndarray) -> tuple[bytes, memoryview]:
    """Serialise like `encode_npy`, as the header and the array's own memory: nothing is copied that need not be.

    >>> import numpy as np
    >>> header, values = npy_parts(np.zeros((2, 3), np.float32))
    >>> len(header) % 64, len(values)
    (0, 24)
    """
    import io

    import numpy as np

    array = np.ascontiguousarray(array)
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue(), array.reshape(-1).view(np.uint8).data


def decode_npy(data: bytes, name: str) -> np.ndarray:
    """Read .npy bytes without ever unpickling (DamagedError if they are not a plain array)."""
    import io

    import numpy as np

    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # numpy parses the header as Python, so damage surfaces as any kind of error
        raise DamagedError(f"{name}: not a readable .npy array ({error})") from None


def load_npy(path: str | Path, *, mmap: bool = False) -> np.ndarray:
    """Load one .npy file without unpickling.

    Raises:
        InputError: there is no such file.
        DamagedError: it is not a plain array, or cut short.
    """
    import numpy as np

    try:
        return np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError:
        raise
    except Exception as error:  # as in decode_npy
        reason = "it holds Python objects, which are never unpickled" if "pickle" in str(error) else error
        raise DamagedError(f"{path}: not a readable .npy array ({reason})") from None


def manifest_text(fields: dict[str, Any]) -> str:
    """Write a manifest as JSON with one line per field and per item, which people can read and diff.

    >>> print(manifest_text({"rate": 8000, "items": [{"file": "000000.npy"}]}))
    {
     "rate": 8000,
     "items": [
      {"file": "000000.npy"}
     ]
    }
    """
    lines = []
    for key, value in fields.items():
        text = json.dumps(value)
        if key == "items" and value:
            text = "[\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


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
        name = f"{len(self._items):06d}.npy"
        checksum = hashlib.sha256()
        with open(self._folder / name, "wb") as file:
            for part in npy_parts(array):
                file.write(part)
                checksum.update(part)
        item = {"file": name, "start": start, "stop": stop, "shape": list(array.shape), "sha256": checksum.hexdigest()}
        self._items.append(item)

    def __exit__(self, kind, error, trace) -> bool | None:
        if kind is None:
            manifest = {**self.head.to_dict(), "items": self._items}
            try:
                with atomic_file(self._folder / MANIFEST) as temporary:
                    temporary.write_text(manifest_text(manifest), encoding="utf-8")
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
        self.items = [Item.from_dict(item, self.name) for item in items]

    def __len__(self) -> int:
        return len(self.items)

    def load(self, index: int, *, mmap: bool = False) -> np.ndarray:
        """Load one chunk; its shape must be the manifest's (DamagedError otherwise)."""
        item = self.items[index]
        path = self._folder / item.file
        if not path.exists():
            raise DamagedError(f"{path}: listed in the manifest but missing")
        array = load_npy(path, mmap=mmap)
        if array.shape != item.shape:
            raise DamagedError(f"{path}: shape {array.shape}, but the manifest says {item.shape}")
        return array

    def __iter__(self) -> Iterator[tuple[Item, np.ndarray]]:
        for index, item in enumerate(self.items):
            yield item, self.load(index)

    def verify(self) -> None:
        """Check every file's checksum, shape and place (DamagedError at the first that differs)."""
        position = 0
        for index, item in enumerate(self.items):
            path = self._folder / item.file
            if not path.exists():
                raise DamagedError(f"{path}: listed in the manifest but missing")
            if hashlib.sha256(path.read_bytes()).hexdigest() != item.sha256:
                raise DamagedError(f"{path}: its checksum differs from the manifest's")
            array = self.load(index, mmap=True)
            if item.stop - item.start != array.shape[-1]:
                raise DamagedError(f"{path}: {array.shape[-1]} long, but covers {item.start} to {item.stop}")
            if item.start > position:
                raise DamagedError(f"{path}: starts at {item.start}, but the chunks before end at {position}")
            if str(array.dtype) != self.head.dtype:
                raise DamagedError(f"{path}: {array.dtype}, but the manifest says {self.head.dtype}")
            position = max(position, item.stop)


class ArrayWriter:
    """Write one array plus a .json of the same fields (`spectro X -o x.npy`); chunks are joined end to end."""

    def __init__(self, target: str | Path, head: Head, *, force: bool = False) -> None:
        self.head = head
        self._target, self._force = Path(target), force
        self._parts: list[np.ndarray] = []
        self._position = 0

    def __enter__(self) -> ArrayWriter:
        return self

    def write(self, array: np.ndarray, start: int, stop: int) -> None:
        """Append what this chunk adds to those before."""
        self._parts.append(array[..., self._position - start :] if start < self._position else array)
        self._position = stop

    def __exit__(self, kind, error, trace) -> None:
        if kind is not None:
            return
        import numpy as np

        array = np.concatenate(self._parts, axis=-1) if self._parts else np.zeros((self.head.channels, 0), np.float32)
        self.head.chunk = self.head.hop = max(1, array.shape[-1])
        data = encode_npy(array)
        item = {
            "file": self._target.name,
            "start": 0,
            "stop": array.shape[-1],
            "shape": list(array.shape),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        text = manifest_text({**self.head.to_dict(), "items": [item]})
        with atomic_file(self._target, force=self._force) as temporary:
            temporary.write_bytes(data)
        with atomic_file(self._target.with_suffix(".json"), force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")


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
        self.items = [Item.from_dict({**items[0], "file": Path(path).name}, self.name)]


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


def is_chunks(source: str | Path) -> bool:
    """Tell whether a path looks like a chunk set: a folder with a manifest, a .tar, or a .npy.

    >>> is_chunks("song.wav"), is_chunks("x.npy")
    (False, True)
    """
    path = Path(source)
    return path.suffix in (".npy", ".tar") or (path.is_dir() and (path / MANIFEST).exists())


def open_chunks(source: str | Path):
    """Open a chunk set: a folder, a .npy with its .json, a .tar file, or "-" for a tar on standard input.

    Returns:
        A reader with `.head`, `.name` and iteration over (Item, array) in order.
    """
    if str(source) == "-" or Path(source).suffix == ".tar":
        from audiokit.io.stream import open_tar

        return open_tar(source)
    path = Path(source)
    if path.suffix == ".npy":
        return ArrayReader(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.name == MANIFEST:
        path = path.parent
    if not path.is_dir():
        raise InputError(f"{path}: not a chunk set", hint="make one with: audiokit spectro FILE -o NAME.chunks")
    return FolderReader(path)


def create_chunks(target: str | Path, head: Head, *, force: bool = False):
    """Make the writer for a target: a folder, a .npy with its .json, a .tar, or "-" for a tar on standard output."""
    if str(target) == "-" or Path(target).suffix == ".tar":
        from audiokit.io.stream import TarWriter

        return TarWriter(target, head, force=force)
    if Path(target).suffix == ".npy":
        return ArrayWriter(target, head, force=force)
    if Path(target).suffix in (".wav", ".flac", ".mp3", ".ogg"):
        raise UsageError(f"{target}: chunks cannot be written as audio", hint="use a folder, .npy, .tar or -")
    return FolderWriter(target, head, force=force)
