"""Arrays as .npy bytes."""

import hashlib
import io

import numpy as np

from audiokit.io.npy import encode_npy, npy_parts, write_hashed


def test_what_is_written_is_hashed_piece_by_piece(rng):
    pieces: list[int] = []

    class File(io.BytesIO):
        def write(self, data):
            pieces.append(len(data))
            return super().write(data)

    array = rng.standard_normal((3, 100_000)).astype(np.float32)
    file, checksum = File(), hashlib.sha256()
    write_hashed(file, npy_parts(array), checksum)
    assert file.getvalue() == encode_npy(array) and checksum.digest() == hashlib.sha256(encode_npy(array)).digest()
    assert max(pieces) <= 1 << 18
