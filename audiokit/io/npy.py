"""Arrays as .npy bytes and files, never unpickled."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from audiokit.errors import DamagedError, InputError

if TYPE_CHECKING:
    import hashlib

    import numpy as np

#: Bytes that are written and hashed before the next: they stay in the second cache for both.
_AT_ONCE = 1 << 18


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
    import numpy as np

    array = np.ascontiguousarray(array)
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return npy_head(array.shape, array.dtype), array.reshape(-1).view(np.uint8).data


def write_hashed(file: IO[bytes], parts: Iterable[bytes | memoryview], checksum: hashlib._Hash) -> None:
    """Write bytes to a file and add them to a checksum, a piece after the other, so that the cache has them for both.

    >>> import hashlib, io
    >>> file, checksum = io.BytesIO(), hashlib.sha256()
    >>> write_hashed(file, [b"ab", memoryview(b"c")], checksum)
    >>> file.getvalue(), checksum.digest() == hashlib.sha256(b"abc").digest()
    (b'abc', True)
    """
    for part in parts:
        for start in range(0, len(part), _AT_ONCE):
            piece = part[start : start + _AT_ONCE]
            file.write(piece)
            checksum.update(piece)


@lru_cache(maxsize=64)
def npy_head(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """What stands before the values in a .npy of a shape and type.

    >>> import numpy as np
    >>> npy_head((2, 3), np.dtype(np.float32))[:6]
    b'\\x93NUMPY'
    """
    import io

    import numpy as np

    header, kind = io.BytesIO(), np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": False, "shape": shape})
    return header.getvalue()


def decode_npy(data: bytes, name: str) -> np.ndarray:
    """Read .npy bytes without ever unpickling (DamagedError if they are not a plain array)."""
    import io

    import numpy as np

    _header(io.BytesIO(data), len(data), name)
    try:
        array: np.ndarray = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        return array
    except Exception as error:  # numpy parses the header as Python, so damage surfaces as any kind of error
        raise DamagedError(f"{name}: not a readable .npy array ({error})") from None


def check_npy(path: str | Path, shape: tuple[int, ...], dtype: str) -> None:
    """Check by its header alone that a .npy holds what a manifest says.

    Raises:
        DamagedError: it holds something else, less than its own header says, or is no plain array.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        found, _, kind = _header(file, size, str(path))
    if found != shape:
        raise DamagedError(f"{path}: shape {found}, but the manifest says {shape}")
    if str(kind) != dtype:
        raise DamagedError(f"{path}: {kind}, but the manifest says {dtype}")


def _header(file: IO[bytes], size: int, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis runs fastest, and type, as a header says them and the size of the rest confirms.

    Nothing is allocated before; the file stands where the values begin.
    """
    import math

    import numpy as np

    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        rest = size - file.tell()
    except Exception as error:  # as in decode_npy
        raise DamagedError(f"{name}: not a readable .npy array ({error})") from None
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > rest:
        raise DamagedError(f"{name}: not a readable .npy array (shape {shape} of {dtype}, but {rest} bytes follow)")
    return shape, fortran, dtype


def load_npy(path: str | Path, *, mmap: bool = False) -> np.ndarray:
    """Load one .npy file without unpickling.

    Raises:
        InputError: there is no such file.
        DamagedError: it is not a plain array, or cut short.
    """
    import numpy as np

    try:
        with open(path, "rb") as file:
            _header(file, os.fstat(file.fileno()).st_size, str(path))
        array: np.ndarray = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
        return array
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, DamagedError):
        raise
    except Exception as error:  # as in decode_npy
        pickled = "pickle" in str(error) or "Python objects" in str(error)
        reason = "it holds Python objects, which are never unpickled" if pickled else error
        raise DamagedError(f"{path}: not a readable .npy array ({reason})") from None


def load_npy_part(path: str | Path, start: int, stop: int) -> np.ndarray:
    """Read entries `start` to `stop` of the last axis of a .npy, and no others.

    Read row by row, not mapped: a system counts all that lies near what is touched of a map as the process's memory.

    Raises:
        DamagedError: it is not a plain array, or cut short.

    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "x.npy"
    >>> np.save(path, np.arange(12).reshape(2, 6))
    >>> load_npy_part(path, 2, 4).tolist()
    [[2, 3], [8, 9]]
    """
    import math

    import numpy as np

    with open(path, "rb", buffering=0) as file:
        shape, fortran, kind = _header(file, os.fstat(file.fileno()).st_size, str(path))
        if fortran:
            return np.array(load_npy(path, mmap=True)[..., start:stop], order="C")
        first, row = file.tell(), shape[-1] * kind.itemsize
        part = np.empty((math.prod(shape[:-1]), stop - start), kind)
        for number, values in enumerate(part):
            file.seek(first + number * row + start * kind.itemsize)
            if file.readinto(values.view(np.uint8).data) != values.nbytes:
                raise DamagedError(f"{path}: cut short while it was read")
    return part.reshape(*shape[:-1], stop - start)
