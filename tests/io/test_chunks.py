"""Chunk sets, tar streams and single arrays say everything and never look whole when they are not."""

import gc
import io
import json
import sys
import tarfile

import numpy as np
import pytest

from audiokit.errors import AudiokitError, DamagedError, InputError
from audiokit.io import chunk_folder
from audiokit.io.chunkset import FolderReader, Head, create_chunks, open_chunks
from audiokit.io.stream import TarReader, TarWriter


def _head(**changes):
    fields = {"kind": "audio", "rate": 8000, "channels": 2, "length": 50, "dtype": "float32", "chunk": 20, "hop": 15}
    return Head(**{**fields, "name": "My Song", **changes})


def _chunks(rng):
    y = rng.standard_normal((2, 50)).astype(np.float32)
    return y, [(y[:, a : a + 20], a, min(a + 20, 50)) for a in (0, 15, 30)]


@pytest.mark.parametrize("name", ["set.chunks", "set.tar"])
def test_round_trip(tmp_path, rng, name):
    _y, chunks = _chunks(rng)
    with create_chunks(tmp_path / name, _head(extra={"mood": "blue"})) as writer:
        for chunk in chunks:
            writer.write(*chunk)
    reader = open_chunks(tmp_path / name)
    assert reader.head == _head(extra={"mood": "blue"})
    back = [(array, item.start, item.stop) for item, array in reader]
    for (a, start, stop), (b, start2, stop2) in zip(back, chunks, strict=True):
        assert (start, stop) == (start2, stop2)
        np.testing.assert_array_equal(a, b)
    open_chunks(tmp_path / name).verify()


@pytest.mark.parametrize("name", ["set.chunks", "x.npy"])
def test_parts_of_long_chunks_follow_each_other_and_keep_what_is_shared_whole(tmp_path, rng, monkeypatch, name):
    monkeypatch.setattr(chunk_folder, "PART", 4)
    _y, chunks = _chunks(rng)
    with create_chunks(tmp_path / name, _head()) as writer:
        for chunk in chunks:
            writer.write(*chunk)
    whole = list(open_chunks(tmp_path / name))
    parts = list(open_chunks(tmp_path / name).parts())
    assert len(parts) > 2 * len(whole) and max(values.shape[-1] for _, values in parts) <= 8
    for item, values in whole:
        of_it = [(part, piece) for part, piece in parts if part.file == item.file]
        assert [part.start for part, _ in of_it] == [item.start, *(part.stop for part, _ in of_it[:-1])]
        assert of_it[-1][0].stop == item.stop
        np.testing.assert_array_equal(np.concatenate([piece for _, piece in of_it], axis=-1), values)
        assert all(type(piece) is np.ndarray and piece.flags.c_contiguous for _, piece in of_it)


def test_a_part_of_a_chunk_that_was_changed_is_damage(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(chunk_folder, "PART", 4)
    with create_chunks(tmp_path / "x.npy", _head()) as writer:
        writer.write(rng.standard_normal((2, 50)).astype(np.float32), 0, 50)
    values = np.load(tmp_path / "x.npy")
    values[1, 49] += 1
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DamagedError, match="checksum"):
        next(open_chunks(tmp_path / "x.npy").parts())


def test_single_array_joins_overlaps(tmp_path, rng):
    y, chunks = _chunks(rng)
    with create_chunks(tmp_path / "x.npy", _head()) as writer:
        for chunk in chunks:
            writer.write(*chunk)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), y)
    assert json.loads((tmp_path / "x.json").read_text())["length"] == 50
    ((_, array),) = list(open_chunks(tmp_path / "x.npy"))
    np.testing.assert_array_equal(array, y)


def test_arrays_are_stored_contiguous_and_little_endian(tmp_path):
    with create_chunks(tmp_path / "s", _head()) as writer:
        writer.write(np.arange(6, dtype=">f4").reshape(3, 2).T, 0, 3)
    array = np.load(tmp_path / "s/000000.npy")
    assert array.flags.c_contiguous and array.dtype.str == "<f4"


def _stream(rng) -> bytes:
    buffer = io.BytesIO()
    with TarWriter("-", _head(), stream=buffer) as writer:
        for chunk in _chunks(rng)[1]:
            writer.write(*chunk)
    return buffer.getvalue()


class Full(io.BytesIO):
    """A disk that takes 20 KB."""

    def write(self, data) -> int:
        if self.tell() + len(data) > 20_000:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_the_only_thing_that_is_said(monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(OSError, match="No space left"), Full() as disk, TarWriter("-", _head(), stream=disk) as writer:
        while True:
            writer.write(np.zeros((1, 999), np.float32), 0, 1)
    del writer
    gc.collect()
    assert not ignored


def test_same_input_same_bytes(rng):
    assert _stream(np.random.default_rng(1)) == _stream(np.random.default_rng(1))


def test_tar_cut_at_every_member_boundary_and_elsewhere_is_an_error(rng):
    data = _stream(rng)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        boundaries = [member.offset for member in tar]
    assert len(boundaries) == 8  # head, three pairs, end
    for cut in [*boundaries, *range(0, len(data) - 10_240, 333)]:
        with pytest.raises((DamagedError, InputError)):
            for _ in TarReader(io.BytesIO(data[:cut])):
                pass
    # Cut at a boundary and closed properly, as tar itself would after losing members: still an error.
    for cut in boundaries[1:]:
        with pytest.raises(DamagedError, match=r"end mark|cut short"):
            for _ in TarReader(io.BytesIO(data[:cut] + bytes(1024))):
                pass


def test_flipped_bit_is_found(rng):
    data = bytearray(_stream(rng))
    position = bytes(data).find(b"\x93NUMPY") + 140
    data[position] ^= 1
    with pytest.raises(DamagedError, match="checksum"):
        for _ in TarReader(io.BytesIO(bytes(data))):
            pass


def test_webdataset_reads_the_stream_as_it_is(tmp_path, rng):
    import webdataset as wds

    _y, chunks = _chunks(rng)
    (tmp_path / "s.tar").write_bytes(_stream(np.random.default_rng(20_240)))
    samples = list(wds.WebDataset(str(tmp_path / "s.tar"), shardshuffle=False).decode())
    assert [s["__key__"] for s in samples] == [f"my-song/{i:06d}" for i in range(3)]
    np.testing.assert_array_equal(samples[1]["npy"], chunks[1][0])


@pytest.fixture
def chunk_set(tmp_path, rng):
    with create_chunks(tmp_path / "s", _head()) as writer:
        for chunk in _chunks(rng)[1]:
            writer.write(*chunk)
    return tmp_path / "s"


def _edit(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        (lambda s: (s / "manifest.json").unlink(), 3, "not a chunk set"),
        (lambda s: (s / "manifest.json").write_text("{"), 4, "JSON"),
        (lambda s: (s / "000001.npy").unlink(), 4, "missing"),
        (lambda s: (s / "000001.npy").write_bytes(b"\x93NUMPY"), 4, "npy|checksum"),
        (lambda s: _edit(s, version=2), 3, "version 2"),
        (lambda s: _edit(s, version=None), 4, "without a version"),
        (lambda s: _edit(s, rate=0), 4, "rate"),
        (lambda s: _edit(s, items=3), 4, "items"),
        (lambda s: _edit(s, format="other"), 3, "not an audiokit chunk set"),
        (lambda s: _edit(s, items=[{"file": "../x", "start": 0, "stop": 1, "shape": [1], "sha256": ""}]), 4, "outside"),
    ],
)
def test_damaged_sets(chunk_set, damage, status, words):
    damage(chunk_set)
    with pytest.raises(AudiokitError, match=words) as caught:
        open_chunks(chunk_set).verify()
    assert caught.value.status == status


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "p.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    from audiokit.io.chunkset import load_npy

    with pytest.raises(DamagedError, match="never unpickled"):
        load_npy(tmp_path / "p.npy")


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), create_chunks(tmp_path / "s", _head()) as writer:
        writer.write(np.zeros((2, 5), np.float32), 0, 5)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_manifest_is_written_last(chunk_set):
    times = {p.name: p.stat().st_mtime_ns for p in chunk_set.iterdir()}
    assert times.pop("manifest.json") >= max(times.values())
    assert isinstance(open_chunks(chunk_set / "manifest.json"), FolderReader)
