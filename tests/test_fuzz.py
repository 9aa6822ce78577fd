"""Bounded fuzzing of every reader: whatever the bytes, the outcome is data or one of the documented errors."""

import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiokit.errors import AudiokitError
from audiokit.io.audio import Reader
from audiokit.io.chunkset import FolderReader, Head, create_chunks, decode_npy, encode_npy
from audiokit.io.stream import TarReader, TarWriter
from audiokit.io.told import heard
from audiokit.io.wav import WavStreamReader, encode, header
from tests.headers import LYING, OPEN
from tests.models.folder.test_tfbundle import write_bundle

BOUNDED = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def mutations(seed: bytes):
    """Cut, overwrite, insert and repeat pieces of a valid input."""
    edit = st.tuples(
        st.sampled_from(["set", "cut", "insert", "fill"]),
        st.integers(0, max(0, len(seed) - 1)),
        st.binary(min_size=1, max_size=8),
    )

    def apply(edits):
        data = bytearray(seed)
        for kind, place, piece in edits:
            place = min(place, len(data))
            if kind == "set":
                data[place : place + len(piece)] = piece
            elif kind == "insert":
                data[place:place] = piece
            elif kind == "cut":
                del data[place : place + 16 * len(piece)]
            else:
                data[place : place + 4] = b"\xff\xff\xff\xff"
        return bytes(data)

    return st.one_of(st.lists(edit, min_size=1, max_size=4).map(apply), st.binary(max_size=200))


def documented(action):
    """Run an action; only the documented errors with status 2 to 6 may come out."""
    try:
        return action()
    except AudiokitError as error:
        assert 2 <= error.status <= 6 and str(error)
        return None


Y = np.linspace(-1, 1, 64, dtype=np.float32).reshape(2, 32)
WAV = header(8000, 2, 'audiokit 0 [{"name":"x"}]') + encode(Y, "FLOAT")


@BOUNDED
@given(mutations(WAV))
def test_wav_stream(data):
    documented(lambda: [b.shape for b in WavStreamReader(io.BytesIO(data)).blocks(7)])


@BOUNDED
@given(mutations(WAV))
def test_audio_file(tmp_path, data):
    path = tmp_path / "x.wav"
    path.write_bytes(data)

    def read():
        with heard(), Reader(path) as reader:
            return reader.read()

    y = documented(read)
    assert y is None or (y.ndim == 2 and np.isfinite(y).all())


@BOUNDED
@given(st.sampled_from(sorted({**LYING, **OPEN})), st.data())
def test_headers_of_every_format(tmp_path, name, data):
    """Bytes of the header are changed: whatever is read lies within what is there, and never takes more memory."""
    path, mutated = tmp_path / name, bytearray({**LYING, **OPEN}[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 120))
        values = data.draw(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, bytes(4), b"data", b"\1"]))
        mutated[at : at + len(values)] = values
    path.write_bytes(mutated[: data.draw(st.sampled_from([len(mutated), 60, 13]))])

    def read():
        with heard(), Reader(path) as reader:
            return reader.read()

    y = documented(read)
    assert y is None or y.size <= 16 * len(mutated)


def _head():
    return Head("audio", 8000, 2, 32, "float32", 16, 16, name="x")


def _tar() -> bytes:
    buffer = io.BytesIO()
    with TarWriter("-", _head(), stream=buffer) as writer:
        writer.write(Y[:, :16], 0, 16)
        writer.write(Y[:, 16:], 16, 32)
    return buffer.getvalue()


@BOUNDED
@given(mutations(_tar()))
def test_tar_stream(data):
    documented(lambda: [array.shape for _, array in TarReader(io.BytesIO(data))])


@BOUNDED
@given(mutations(encode_npy(Y)))
def test_npy(data):
    documented(lambda: decode_npy(data, "x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@BOUNDED
@given(st.data())
def test_manifest(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz") / "s"
    with create_chunks(folder, _head()) as writer:
        writer.write(Y, 0, 32)
    fields = json.loads((folder / "manifest.json").read_text())
    key = data.draw(st.sampled_from([*fields, "file", "start", "stop", "shape", "sha256"]))
    value = data.draw(JSON)
    if key in fields:
        fields[key] = value
    else:
        fields["items"][0][key] = value
    (folder / "manifest.json").write_text(json.dumps(fields))
    documented(lambda: FolderReader(folder).verify())


@BOUNDED
@given(st.data())
def test_model_card(tmp_path_factory, data):
    from audiokit.models.folder.checkpoint import FORMAT, read_card

    folder = tmp_path_factory.mktemp("fuzz")
    fields = {"format": FORMAT, "version": 1, "architecture": "patchgan", "settings": {}, "kind": "x"}
    fields[data.draw(st.sampled_from([*fields, "other"]))] = data.draw(JSON)
    (folder / "model.json").write_text(json.dumps(fields))
    documented(lambda: read_card(folder))


@BOUNDED
@given(st.data())
def test_midi(tmp_path_factory, data):
    from audiokit.io.midi import read_midi, write_midi
    from audiokit.io.midi_format import Note, Score

    folder = tmp_path_factory.mktemp("fuzz")
    write_midi(folder / "a.mid", Score([Note(0.0, 0.5, 60, 100), Note(0.5, 1.0, 64, 90)]))
    (folder / "b.mid").write_bytes(data.draw(mutations((folder / "a.mid").read_bytes())))
    documented(lambda: read_midi(folder / "b.mid"))


def _bundle(folder):
    write_bundle(folder / "model", {"conv/bias": np.ones(3, np.float32), "conv/kernel": np.ones((2, 2), np.float32)})
    return (folder / "model.index").read_bytes()


def sealed(content: bytes) -> bytes:
    """Give the blocks of a damaged index fresh checksums, so that the damage is read instead of refused at once."""
    from audiokit.models.folder.tfbundle import _varint, crc32c, mask

    data, position = bytearray(content), 0
    try:
        numbers = []
        for _ in range(4):
            number, position = _varint(content[-48:], position)
            numbers.append(number)
        for start, stop in ((0, numbers[2] - 5), (numbers[2], numbers[2] + numbers[3])):
            if 0 <= start < stop and stop + 5 <= len(data) - 48:
                data[stop + 1 : stop + 5] = mask(crc32c(bytes(data[start : stop + 1]))).to_bytes(4, "little")
    except (ValueError, IndexError):
        pass
    return bytes(data)


@settings(BOUNDED, max_examples=250)
@given(st.data())
def test_tensorflow_index(tmp_path_factory, data):
    import tracemalloc

    from audiokit.models.folder.tfbundle import Bundle

    folder = tmp_path_factory.mktemp("fuzz")
    content = data.draw(mutations(_bundle(folder)))
    (folder / "model.index").write_bytes(sealed(content) if data.draw(st.booleans()) else content)
    tracemalloc.start()
    try:
        bundle = documented(lambda: Bundle(folder / "model"))
        for name in bundle.entries if bundle else ():
            documented(lambda name=name: bundle.read(name))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20  # whatever sizes the bytes claim
    finally:
        tracemalloc.stop()


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


@pytest.mark.parametrize(
    "entry",
    [
        b"\x08\x01\x10" + varint(2**40),  # the shape is a number: bytes(2**40) would be a terabyte
        b"\x08\x01\x28" + varint(2**62),  # a size of four exabytes
        b"\x08\x01\x20" + varint(2**63 + 5) + b"\x28\x04",  # an offset that no file has
        b"\x08\x01\x12\x0c\x12\x0a\x08" + varint(2**56) + b"\x28\x04",  # a dimension beyond any memory
        b"\x08\x01\x18" + varint(2**50) + b"\x28\x04",  # a shard that is not there
    ],
)
def test_tensorflow_index_with_hostile_numbers(tmp_path, entry):
    import struct

    from audiokit.models.folder.tfbundle import Bundle, crc32c, mask

    def block(pairs):
        out = b"".join(bytes([0, len(k), len(v)]) + k + v for k, v in pairs) + struct.pack("<II", 0, 1)
        return out + b"\0" + struct.pack("<I", mask(crc32c(out + b"\0")))

    body = block([(b"", b"\x08\x01"), (b"w", entry)])
    table = block([(b"~", b"\0" + varint(len(body) - 5))])
    footer = (b"\0\0" + varint(len(body)) + varint(len(table) - 5)).ljust(40, b"\0")
    (tmp_path / "m.index").write_bytes(body + table + footer + struct.pack("<Q", 0xDB4775248B80FB57))
    (tmp_path / "m.data-00000-of-00001").write_bytes(b"\0" * 4)
    with pytest.raises(AudiokitError):
        Bundle(tmp_path / "m").read("w")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "\ud800", "1e999999", '{"rate": 1e400}'])
def test_hostile_json(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text, errors="surrogatepass")
    with pytest.raises(AudiokitError):
        FolderReader(tmp_path)
