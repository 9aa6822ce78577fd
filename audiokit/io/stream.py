"""Chunk sets as a tar stream: `__audiokit__/head.json`, pairs NAME/000000.json + .npy, last `__audiokit__/end.json`.

PAX with every time and owner zero, so the same input gives the same bytes. WebDataset reads it as it is (it skips
`__audiokit__/`). The end member carries the count: a stage that dies upstream never looks like a short song.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from audiokit.errors import DamagedError, InputError
from audiokit.io.files import atomic_file
from audiokit.io.heads import Head, Item
from audiokit.io.npy import decode_npy, encode_npy
from audiokit.io.standard import data_stream, reader_of, refuse_terminal

if TYPE_CHECKING:
    import numpy as np

HEAD, END = "__audiokit__/head.json", "__audiokit__/end.json"
_MAX_JSON = 1 << 26


def safe_key(name: str) -> str:
    """Reduce a name to the characters a WebDataset key may have.

    >>> safe_key("01 My Song.flac")
    '01-my-song-flac'
    """
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:80] or "chunks"


def add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Append one member with every time and owner zero, so that the same data give the same bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), 0, 0o644
    tar.addfile(info, io.BytesIO(data))


class TarWriter:
    """Write a chunk set as a tar stream to a file or, for "-", to standard output."""

    def __init__(self, target: str | Path, head: Head, *, force: bool = False, stream: IO[bytes] | None = None) -> None:
        self.head = head
        self._target, self._force, self._given = target, force, stream
        self._key = safe_key(head.name)
        self._count = 0
        self._position = 0
        self._stack = ExitStack()

    def __enter__(self) -> TarWriter:
        if self._given is not None:
            stream = self._given
        elif str(self._target) == "-":
            refuse_terminal(data_stream(), "audiokit invert - -o back.wav")
            stream = data_stream().buffer
        else:
            path = self._stack.enter_context(atomic_file(self._target, force=self._force))
            stream = self._stack.enter_context(open(path, "wb"))
        self._stream = stream
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=10240)
        add_member(self._tar, HEAD, _json_bytes(self.head.to_dict()))
        return self

    def write(self, array: np.ndarray, start: int, stop: int) -> None:
        """Append one chunk that covers samples (or frames) start to stop."""
        data = encode_npy(array)
        stem = f"{self._key}/{self._count:06d}"
        item = {
            "file": f"{self._count:06d}.npy",
            "start": start,
            "stop": stop,
            "shape": list(array.shape),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        add_member(self._tar, f"{stem}.json", _json_bytes(item))
        add_member(self._tar, f"{stem}.npy", data)
        self._count += 1
        self._position = max(self._position, stop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is None:
            try:
                add_member(self._tar, END, _json_bytes({"count": self._count, "length": self.head.length}))
                self._tar.close()
                self._stream.flush()
            except BaseException as failure:
                self._drop()
                self._stack.__exit__(type(failure), failure, failure.__traceback__)
                raise
        else:
            self._drop()
        return self._stack.__exit__(kind, error, trace)

    def _drop(self) -> None:
        """Close the tar of a failed set while its file is open: left alone, it writes once more as it is collected."""
        with suppress(OSError, ValueError):
            self._tar.fileobj.close()


def _json_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


class TarReader:
    """Read a chunk-set tar stream in order; `.head.length` may be filled in only at the end.

    Raises:
        InputError: nothing arrives, or it is no audiokit tar.
        DamagedError: the stream ends early, or a member does not match.
    """

    def __init__(self, stream: IO[bytes], name: str = "standard input") -> None:
        self.name = name
        self._stack = ExitStack()
        first = stream.read(1)
        if not first:
            raise InputError(f"{name}: no data arrived", hint="did the command before the pipe fail?")
        try:
            self._tar = tarfile.open(fileobj=_Pushback(first, stream), mode="r|", bufsize=10240)  # type: ignore[call-overload]  # noqa: SIM115
        except tarfile.TarError as error:
            raise InputError(
                f"{name}: not a chunk stream ({error})", hint="make one with: audiokit spectro FILE -o -"
            ) from None
        self._members = self._iterate()
        member = next(self._members, None)
        if member is None or member[0] != HEAD:
            raise InputError(f"{name}: a tar, but not an audiokit chunk stream")
        self.head = Head.from_dict(self._parse(*member), name)

    def _iterate(self) -> Iterator[tuple[str, bytes]]:
        while True:
            try:
                member = self._tar.next()
                if member is None:
                    return
                body = self._tar.extractfile(member)
                data = body.read() if body else b""
            except (tarfile.TarError, OSError, EOFError, ValueError) as error:
                raise DamagedError(f"{self.name}: the chunk stream is cut short or damaged ({error})") from None
            if len(data) != member.size:
                raise DamagedError(f"{self.name}: the chunk stream is cut short in {member.name}")
            yield member.name, data

    def _parse(self, name: str, data: bytes) -> Any:
        if len(data) > _MAX_JSON:
            raise DamagedError(f"{self.name}: {name} is unreasonably large")
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise DamagedError(f"{self.name}: {name} is not readable as JSON") from None

    def __iter__(self) -> Iterator[tuple[Item, np.ndarray]]:
        count = 0
        for name, data in self._members:
            if name == END:
                end = self._parse(name, data)
                if not isinstance(end, dict) or end.get("count") != count:
                    raise DamagedError(f"{self.name}: {count} chunks arrived, but the end says otherwise")
                if self.head.length is None:
                    self.head.length = self._length(end.get("length"))
                self.close()
                return
            if not name.endswith(".json"):
                raise DamagedError(f"{self.name}: unexpected member {name!r}")
            item = Item.from_dict(self._parse(name, data), self.name)
            self.head.check(item, self.name)
            body = next(self._members, None)
            if body is None or body[0] != name.removesuffix(".json") + ".npy":
                raise DamagedError(f"{self.name}: the chunk stream is cut short after {name}")
            if item.sha256 not in ("", hashlib.sha256(body[1]).hexdigest()):
                raise DamagedError(f"{self.name}: {body[0]} differs from its checksum")
            array = decode_npy(body[1], f"{self.name}: {body[0]}")
            if array.shape != item.shape or str(array.dtype) != self.head.dtype:
                raise DamagedError(
                    f"{self.name}: {body[0]} has shape {array.shape} of {array.dtype}, not {item.shape} of"
                    f" {self.head.dtype}"
                )
            count += 1
            yield item, array
        raise DamagedError(
            f"{self.name}: the chunk stream ends after {count} chunks without its end mark",
            hint="the command before the pipe died, or the file was cut",
        )

    def _length(self, length: Any) -> int | None:
        if length is not None and (type(length) is not int or not 0 <= length <= 1 << 48):
            raise DamagedError(f"{self.name}: the end says length = {length!r}")
        return length

    def verify(self) -> None:
        """Read everything, checking checksums, shapes and the end mark (DamagedError if anything differs)."""
        for _ in self:
            pass

    def close(self) -> None:
        """Close the file behind the stream, if this reader opened it."""
        self._stack.close()


class _Pushback:
    """Hand back the first byte, then the rest of a pipe."""

    def __init__(self, first: bytes, stream: IO[bytes]) -> None:
        self._first, self._read = first, reader_of(stream)

    def read(self, size: int) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first + self._read(size - 1)
        return self._read(size)


def open_tar(source: str | Path) -> TarReader:
    """Open a .tar file, or "-" for standard input."""
    if str(source) == "-":
        return TarReader(sys.stdin.buffer)
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed by the reader
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    reader = TarReader(stream, str(source))
    reader._stack.callback(stream.close)
    return reader
