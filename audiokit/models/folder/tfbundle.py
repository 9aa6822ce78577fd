"""Read TensorFlow V2 checkpoints ("tensor bundles") without TensorFlow.

A bundle PREFIX is two kinds of files. PREFIX.index is a LevelDB table: tensor name -> dtype, shape, place, checksum,
as protocol buffers. PREFIX.data-00000-of-00001 (and more shards) holds the raw little-endian numbers. Every block of
the table and every tensor carries a masked CRC-32C, and all that is read is checked.

References:
    The LevelDB table format (table_format.md); tensorflow/core/protobuf/tensor_bundle.proto;
    Castagnoli, Braeuer and Herrmann (1993), Optimization of cyclic redundancy-check codes (CRC-32C).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiokit.errors import DamagedError, InputError, ModelError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_MASK_DELTA = 0xA282EAD8
#: Larger indexes than this, and longer names, are no checkpoint's; a hostile file could ask for any memory with them.
_MOST_INDEX, _MOST_NAME = 64 << 20, 1024
#: TensorFlow's dtype numbers that checkpoints of networks hold.
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies in the bundle.

    Attributes:
        dtype: numpy's name of the type, None for one that cannot be read.
        shape: as stored.
        shard, offset, size: file number, first byte, bytes.
        crc: masked CRC-32C of the bytes.
    """

    dtype: str | None
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


class Bundle:
    """The tensors of one checkpoint, read one at a time when asked for.

    Args:
        path: a folder with a `checkpoint` file, PREFIX, or PREFIX.index.

    Attributes:
        prefix: path without suffix.
        entries: tensor name -> Entry, in the file's order (sorted by name).

    Raises:
        InputError: there is no checkpoint.
        DamagedError: the index is damaged or cut short.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.prefix = find_prefix(path)
        self.index = Path(f"{self.prefix}.index")
        try:
            size = self.index.stat().st_size
            content = self.index.read_bytes() if size <= _MOST_INDEX else b""
        except FileNotFoundError:
            raise InputError(f"{self.index}: no such file", hint="a TensorFlow checkpoint has an .index file") from None
        self.entries: dict[str, Entry] = {}
        try:
            if size > _MOST_INDEX:
                raise ValueError(f"over {_MOST_INDEX >> 20} MB")
            for key, value in _table(content):
                if key == b"":
                    self.shards = _header(value)
                else:
                    self.entries[key.decode("utf-8")] = _entry(value)
        except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
            raise DamagedError(
                f"{self.index}: damaged checkpoint index ({error})", hint="copy or download it again"
            ) from None
        if not hasattr(self, "shards"):
            raise DamagedError(f"{self.index}: damaged checkpoint index (it has no header)")

    def read(self, name: str) -> np.ndarray:
        """Read one tensor and check its sum.

        Raises:
            ModelError: there is no such tensor, or its type cannot be read.
            DamagedError: the data is missing, cut short or altered.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise ModelError(f"{self.prefix}: holds no tensor {name!r}", hint="is it a checkpoint of another model?")
        if entry.dtype is None:
            raise ModelError(f"{self.prefix}: tensor {name!r} is of a type that is not read")
        dtype = np.dtype(entry.dtype)
        path = Path(f"{self.prefix}.data-{entry.shard:05d}-of-{self.shards:05d}")
        if math.prod(entry.shape) * dtype.itemsize != entry.size:
            raise DamagedError(f"{self.index}: tensor {name!r} of shape {entry.shape} cannot have {entry.size} bytes")
        try:
            with open(path, "rb") as file:
                held = os.fstat(file.fileno()).st_size - entry.offset  # asked first: a size may be any number
                data = b""
                if 0 <= entry.size <= held:
                    file.seek(entry.offset)
                    data = file.read(entry.size)
        except FileNotFoundError:
            raise DamagedError(f"{path}: missing beside the index", hint="copy both files of the checkpoint") from None
        if len(data) < entry.size:
            raise DamagedError(f"{path}: cut short inside tensor {name!r}", hint="copy or download it again")
        if mask(crc32c(data)) != entry.crc:
            raise DamagedError(f"{path}: tensor {name!r} does not match its checksum", hint="copy or download it again")
        return np.frombuffer(data, dtype).reshape(entry.shape).copy()


def find_prefix(path: str | os.PathLike[str]) -> Path:
    """Find the prefix of a checkpoint from its folder, its prefix or one of its files.

    A folder may hold several; the one its `checkpoint` file names is taken.

    Raises:
        InputError: there is no checkpoint.
    """
    path = Path(path)
    if path.is_dir():
        listed = path / "checkpoint"
        if listed.exists():
            for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition(":")
                if key.strip() == "model_checkpoint_path":
                    # An absolute path is where it was trained; the files lie here.
                    return path / Path(value.strip().strip('"')).name
        found = sorted(path.glob("*.index"))
        if len(found) == 1:
            return found[0].with_suffix("")
        raise InputError(
            f"{path}: holds no TensorFlow checkpoint" if not found else f"{path}: holds {len(found)} checkpoints",
            hint="give the folder with the files checkpoint, model.index and model.data-00000-of-00001",
        )
    if path.name == "checkpoint":
        return find_prefix(path.parent)
    text = str(path).removesuffix(".index").removesuffix(".meta").split(".data-")[0]
    return Path(text)


def mask(crc: int) -> int:
    """Disguise a CRC the way LevelDB stores it."""
    return ((int(crc) >> 15 | int(crc) << 17) + _MASK_DELTA) & 0xFFFFFFFF


def crc32c(data: bytes | memoryview) -> int:
    """Compute the CRC-32C (Castagnoli) of bytes.

    Long data is cut into equal lanes that numpy advances together; the sums of the lanes are then joined, which is
    possible because a CRC is linear.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    bytes_ = np.frombuffer(data, np.uint8)
    lanes = max(1, min(4096, len(bytes_) // 512))
    if lanes == 1:
        return _advance(np.zeros(1, np.uint32) ^ np.uint32(0xFFFFFFFF), bytes_[None])[0] ^ 0xFFFFFFFF
    length = len(bytes_) // lanes
    body = bytes_[: lanes * length].reshape(lanes, length)
    state = np.zeros(lanes, np.uint32)
    state[0] = 0xFFFFFFFF
    state = _advance(state, body)
    shift = _shift_operator(length)
    total = 0
    for lane in state.tolist():
        total = _apply(shift, total) ^ lane
    return int(_advance(np.array([total], np.uint32), bytes_[None, lanes * length :])[0]) ^ 0xFFFFFFFF


def _make_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(0x82F63B78), table >> 1).astype(np.uint32)
    return table


_TABLE = _make_table()


def _advance(state: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Feed bytes (lanes, n) to CRC registers (lanes,)."""
    for column in np.ascontiguousarray(data.T):
        state = _TABLE[(state ^ column) & 0xFF] ^ state >> 8
    return state


def _apply(matrix: list[int], value: int) -> int:
    """Multiply a 32 x 32 matrix over GF(2), given by the images of the single bits, with a register."""
    result = 0
    while value:
        low = value & -value
        result ^= matrix[low.bit_length() - 1]
        value ^= low
    return result


def _shift_operator(count: int) -> list[int]:
    """Build the matrix that feeds `count` zero bytes to a register, by repeated squaring."""
    power = [int(v) for v in _advance(np.uint32(1) << np.arange(32, dtype=np.uint32), np.zeros((32, 1), np.uint8))]
    result = [1 << bit for bit in range(32)]
    while count:
        if count & 1:
            result = [_apply(power, column) for column in result]
        power = [_apply(power, column) for column in power]
        count >>= 1
    return result


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the (key, value) pairs of a LevelDB table."""
    if len(content) < _FOOTER:
        raise ValueError("shorter than its footer")
    footer = content[-_FOOTER:]
    if struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("no table, or cut short")
    position = 0
    for _ in range(2):  # of the handle of the metaindex
        _, position = _varint(footer, position)
    offset, position = _varint(footer, position)
    size, position = _varint(footer, position)
    end = 0
    for _, handle in _block(content, offset, size):
        offset, position = _varint(handle, 0)
        size, _ = _varint(handle, position)
        if offset < end:  # every block once: a short index must not make a long reading
            raise ValueError("its blocks overlap")
        end = offset + size
        yield from _block(content, offset, size)


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if offset + size + 5 > len(content) - _FOOTER:
        raise ValueError("a block reaches past the end")
    block = content[offset : offset + size]
    kind = content[offset + size]
    stored = struct.unpack_from("<I", content, offset + size + 1)[0]
    if mask(crc32c(content[offset : offset + size + 1])) != stored:
        raise ValueError("a block does not match its checksum")
    if kind != 0:
        raise ValueError(f"compressed by method {kind}, which checkpoints never are")
    restarts = struct.unpack("<I", block[-4:])[0]
    end = size - 4 * (restarts + 1)
    if end < 0:
        raise ValueError("a block is shorter than its own list of restarts")
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or position + fresh + length > end:
            raise ValueError("an entry reaches past its block")
        if shared + fresh > _MOST_NAME:
            raise ValueError("a name without end")
        key = key[:shared] + block[position : position + fresh]
        yield key, block[position + fresh : position + fresh + length]
        position += fresh + length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number without end")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a protocol buffer message."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire = tag & 7
        value: int | bytes
        if wire == 0:
            value, position = _varint(message, position)
        elif wire == 2:
            size, position = _varint(message, position)
            value, position = message[position : position + size], position + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, position = struct.unpack_from("<Q" if wire == 1 else "<I", message, position)[0], position + size
        else:
            raise ValueError(f"a field of unknown kind {wire}")
        if position > len(message):
            raise ValueError("a field reaches past its message")
        yield tag >> 3, value


def _number(fields: dict[int, int | bytes], key: int, default: int = 0) -> int:
    value = fields.get(key, default)
    if not isinstance(value, int):
        raise ValueError(f"field {key} is no number")
    return value


def _message(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field is no message")
    return value


def _header(message: bytes) -> int:
    fields = dict(_fields(message))
    if _number(fields, 2) != 0:
        raise ValueError("stored in big-endian order")
    return _number(fields, 1, 1)


def _entry(message: bytes) -> Entry:
    fields = dict(_fields(message))
    dims = [dim for number, dim in _fields(_message(fields.get(2, b""))) if number == 2]
    shape = tuple(_number(dict(_fields(_message(dim))), 1) for dim in dims)
    place = (_number(fields, key) for key in (3, 4, 5, 6))
    return Entry(_DTYPES.get(_number(fields, 1)), shape, *place)
