"""Data sets: parts that never change, shards that the real WebDataset library reads."""

import numpy as np
import pytest

from audiokit.errors import ParameterError
from audiokit.io.chunkset import Head, create_chunks
from audiokit.io.shards import pack, parse_bytes, parse_split, part_of


def _sets(folder, rng, count=3, chunks=4):
    made = []
    for index in range(count):
        path = folder / f"{index}.chunks"
        head = Head("spectrum", 22_050, 1, 1000, "float32", 16, 16, name=f"song {index}", transform={"n_fft": 512})
        with create_chunks(path, head) as writer:
            for place in range(chunks):
                writer.write(rng.standard_normal((1, 257, 16)).astype(np.float32), 16 * place, 16 * place + 16)
        made.append((str(path), f"Album/Song {index}.wav"))
    return made


def test_the_real_webdataset_library_reads_shards(tmp_path, rng):
    wds = pytest.importorskip("webdataset", reason="a test dependency")
    sets = _sets(tmp_path, rng)
    shards = pack(sets, tmp_path / "train", 60_000)
    assert [p.name for p in shards] == [f"train-{i:06d}.tar" for i in range(4)]
    assert all(p.stat().st_size <= 60_000 + 10_240 for p in shards)
    samples = list(wds.WebDataset([str(p) for p in shards], shardshuffle=False).decode())
    assert len(samples) == 12 and len({s["__key__"] for s in samples}) == 12
    first = samples[0]
    assert first["__key__"] == "album-song-0-wav/000000" and first["npy"].shape == (1, 257, 16)
    assert first["json"]["transform"] == {"n_fft": 512} and first["json"]["start"] == 0
    np.testing.assert_array_equal(first["npy"], np.load(tmp_path / "0.chunks/000000.npy"))


def test_same_sets_same_bytes(tmp_path, rng):
    sets = _sets(tmp_path, rng)
    a = [p.read_bytes() for p in pack(sets, tmp_path / "a", 60_000)]
    assert a == [p.read_bytes() for p in pack(sets, tmp_path / "b", 60_000)]


def test_parts_are_stable_and_about_right():
    shares = parse_split("train:0.8,valid:0.1,test:0.1")
    names = [f"folder/song {i}" for i in range(3000)]
    parts = [part_of(name, shares, 7) for name in names]
    for name, share in shares.items():
        assert abs(parts.count(name) / 3000 - share) < 0.03
    assert parts[:50] == [part_of(name, shares, 7) for name in names[:50]]
    assert parts != [part_of(name, shares, 8) for name in names]


@pytest.mark.parametrize("text", ["train", "train:0.5", "train:1.5,valid:-0.5", "a:0.5,b:0.6", ":1"])
def test_malformed_splits(text):
    with pytest.raises(ParameterError):
        parse_split(text)


@pytest.mark.parametrize("text", ["500", "MB", "-1MB", "1B", "0KB"])
def test_malformed_sizes(text):
    with pytest.raises(ParameterError):
        parse_bytes(text)
