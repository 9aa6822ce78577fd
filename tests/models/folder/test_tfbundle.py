import json
import shutil
import struct
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import AudiokitError, DamagedError, InputError, ModelError
from audiokit.models.folder.tfbundle import Bundle, crc32c, find_prefix, mask


def write_bundle(prefix, tensors: dict[str, np.ndarray]) -> None:
    """Write a tensor bundle the way TensorFlow does, keys sharing prefixes, one data block."""

    def varint(n):
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    def block(pairs):
        out, before = b"", b""
        for key, value in pairs:
            shared = 0
            while shared < min(len(before), len(key)) and before[shared] == key[shared]:
                shared += 1
            out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
            before = key
        out += struct.pack("<II", 0, 1)
        return out, b"\0" + struct.pack("<I", mask(crc32c(out + b"\0")))

    data, pairs = b"", [(b"", b"\x08\x01\x1a\x02\x08\x01")]
    for name in sorted(tensors):
        raw = tensors[name].tobytes()
        dims = b"".join(b"\x12" + varint(len(d)) + d for d in (b"\x08" + varint(n) for n in tensors[name].shape))
        code = {"float32": 1, "int64": 9}[tensors[name].dtype.name]
        entry = b"\x08" + varint(code) + b"\x12" + varint(len(dims)) + dims
        entry += (
            b"\x20" + varint(len(data)) + b"\x28" + varint(len(raw)) + b"\x35" + struct.pack("<I", mask(crc32c(raw)))
        )
        pairs.append((name.encode(), entry))
        data += raw
    body, trailer = block(pairs)
    index, index_trailer = block([(b"~", varint(0) + varint(len(body)))])
    content = body + trailer + index + index_trailer
    footer = varint(0) + varint(0) + varint(len(body) + 5) + varint(len(index))
    content += footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    prefix.with_name(prefix.name + ".index").write_bytes(content)
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)


@pytest.fixture
def bundle(tmp_path, rng):
    tensors = {
        "conv/kernel": rng.standard_normal((5, 5, 2, 16)).astype(np.float32),
        "conv/bias": rng.standard_normal(16).astype(np.float32),
        "global_step": np.array(7, np.int64),
    }
    write_bundle(tmp_path / "model", tensors)
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/model"\n')
    return tmp_path, tensors


def test_crc32c_of_the_standards_examples():
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E


@given(st.integers(0, 9000), st.integers(0, 2**32 - 1))
def test_crc32c_in_lanes_equals_one_byte_at_a_time(size, seed):
    data = np.random.default_rng(seed).bytes(size)
    slow = 0xFFFFFFFF
    for byte in data[-300:] if size > 3000 else data:
        slow ^= byte
        for _ in range(8):
            slow = slow >> 1 ^ (0x82F63B78 if slow & 1 else 0)
    assert crc32c(data[-300:] if size > 3000 else data) == slow ^ 0xFFFFFFFF


@pytest.mark.parametrize("given_path", [".", "checkpoint", "model", "model.index", "model.data-00000-of-00001"])
def test_reads_what_was_written(bundle, given_path):
    folder, tensors = bundle
    read = Bundle(folder / given_path)
    assert list(read.entries) == sorted(tensors)
    for name, values in tensors.items():
        found = read.read(name)
        assert found.dtype == values.dtype and found.shape == values.shape
        assert np.array_equal(found, values)


def test_every_flipped_byte_is_noticed(bundle):
    folder, tensors = bundle
    for path in (folder / "model.index", folder / "model.data-00000-of-00001"):
        whole = path.read_bytes()
        for at in {*range(0, len(whole), 37), len(whole) - 1, len(whole) - 30}:
            damaged = bytearray(whole)
            damaged[at] ^= 0x10
            path.write_bytes(damaged)
            try:
                read = Bundle(folder)
                found = {name: read.read(name) for name in tensors}
                assert all(np.array_equal(found[name], tensors[name]) for name in tensors), (path, at)
            except AudiokitError as error:
                assert error.status in (4, 5)
        path.write_bytes(whole)


@pytest.mark.parametrize("size", [0, 10, 47, 100])
def test_a_shortened_index_is_damage(bundle, size):
    folder, _ = bundle
    (folder / "model.index").write_bytes((folder / "model.index").read_bytes()[:size])
    with pytest.raises(DamagedError, match="damaged checkpoint index"):
        Bundle(folder)


def test_shortened_missing_and_unknown_data(bundle):
    folder, _ = bundle
    data = folder / "model.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(DamagedError, match="cut short inside tensor 'conv/kernel'"):
        Bundle(folder).read("conv/kernel")
    data.unlink()
    with pytest.raises(DamagedError, match="missing beside the index"):
        Bundle(folder).read("conv/bias")
    with pytest.raises(ModelError, match="no tensor 'conv2'"):
        Bundle(folder).read("conv2")


def test_folders_without_one_checkpoint_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no TensorFlow checkpoint"):
        find_prefix(tmp_path)
    (tmp_path / "a.index").touch()
    (tmp_path / "b.index").touch()
    with pytest.raises(InputError, match="holds 2 checkpoints"):
        find_prefix(tmp_path)


@pytest.mark.parametrize("model", ["2stems", "4stems", "5stems", "2stems-trained"])
def test_checkpoints_written_by_tensorflow(shared, model, tmp_path):
    golden = shared / "golden" / "spleeter"
    shutil.copytree(golden / "pretrained_models" / model, tmp_path / model)
    read = Bundle(tmp_path / model)
    expected = json.loads((golden / f"{model}.variables.json").read_text())
    assert set(read.entries) == set(expected)
    for name, facts in expected.items():
        values = read.read(name)
        assert list(values.shape) == facts["shape"]
        assert sha256(values.tobytes()).hexdigest() == facts["sha256"], name
