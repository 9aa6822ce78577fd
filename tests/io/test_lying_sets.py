"""Chunk sets whose heads lie: refused before anything is made of them, in every form and by every reader."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from audiokit.dsp.spectrum.transform import Transform
from audiokit.errors import DamagedError
from audiokit.io.audio import write
from audiokit.io.chunkset import Head, create_chunks, encode_npy, open_chunks
from audiokit.io.npy import decode_npy, load_npy
from audiokit.io.stream import END, HEAD, TarReader, TarWriter, add_member

RATE, FRAMES = 8000, 20
TRANSFORM = Transform(rate=RATE, n_fft=256, hop=64)


def _head(**changes) -> Head:
    fields = {"kind": "spectrum", "rate": RATE, "channels": 2, "length": 1216, "dtype": "complex64"}
    return Head(**{**fields, "chunk": FRAMES, "hop": FRAMES, "transform": TRANSFORM.to_dict(), **changes})


def _values() -> np.ndarray:
    return np.zeros((2, 129, FRAMES), np.complex64)


def _save(path) -> None:
    with create_chunks(path, _head()) as writer:
        writer.write(_values(), 0, FRAMES)


def _tar(*, head=(), item=(), end=(), transform=()) -> bytes:
    """A stream whose head, item or end says something else than it should."""
    stream = io.BytesIO()
    with TarWriter("-", _head(), stream=stream) as writer:
        writer.write(_values(), 0, FRAMES)
    changed = io.BytesIO()
    stream.seek(0)
    with (
        tarfile.open(fileobj=stream) as old,
        tarfile.open(fileobj=changed, mode="w|", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            data = old.extractfile(member).read()
            if member.name.endswith(".json"):
                changes = head if member.name == HEAD else end if member.name == END else item
                fields = {**json.loads(data), **dict(changes)}
                if member.name == HEAD and transform:
                    fields["transform"] = {**fields["transform"], **dict(transform)}
                data = json.dumps(fields).encode()
            add_member(new, member.name, data)
    return changed.getvalue()


LIES = {
    "rate": {"head": {"rate": 10**12}},
    "rate of the transform": {"head": {"rate": 44_100}},
    "channels": {"head": {"channels": 10**9}},
    "other channels": {"head": {"channels": 3}},
    "length": {"head": {"length": 10**15}},
    "length below 2**48": {"head": {"length": 10**14}},
    "too short": {"head": {"length": 1}},
    "length true": {"head": {"length": True}},
    "chunk": {"head": {"chunk": 10**30}},
    "hop": {"head": {"hop": FRAMES + 1}},
    "axes": {"head": {"axes": ["sample", "channel"]}},
    "dtype": {"head": {"dtype": "object"}},
    "other dtype": {"head": {"dtype": "float32"}},
    "shape": {"item": {"shape": [2, 129, 10**12]}},
    "negative shape": {"item": {"shape": [2, 129, -1]}},
    "flat shape": {"item": {"shape": [2]}},
    "start": {"item": {"start": -5}},
    "stop": {"item": {"stop": 10**12}},
    "infinite": {"item": {"stop": float("inf")}},
    "n_fft": {"transform": {"n_fft": 10**12}},
    "n_fft as text": {"transform": {"n_fft": "256"}},
    "mel bands": {"transform": {"kind": "mel", "n_mels": 10**9}},
    "pad": {"transform": {"pad": [10**12, 0]}},
    "gain": {"transform": {"gain": float("nan")}},
    "slope": {"transform": {"slope": 0}},
    "first bin": {"transform": {"first_bin": 10**9}},
    "end": {"head": {"length": None}, "end": {"length": 10**15}},
    "end as text": {"head": {"length": None}, "end": {"length": "long"}},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_stream_that_lies_is_damage(cli, tmp_path, lie):
    done = cli("invert", "-", "-o", "out.wav", stdin=_tar(**LIES[lie]), status=4)
    assert not (tmp_path / "out.wav").exists() and done.stderr.startswith(b"audiokit: standard input: ")


def test_a_stream_that_does_not_lie_is_read(cli):
    cli("invert", "-", "-o", "out.wav", stdin=_tar())


@pytest.mark.parametrize("lie", [name for name in LIES if "end" not in LIES[name]])
@pytest.mark.parametrize("form", ["a.chunks", "a.npy"])
def test_manifests_that_lie_are_damage(cli, tmp_path, form, lie):
    _save(tmp_path / form)
    path = tmp_path / "a.chunks/manifest.json" if form == "a.chunks" else tmp_path / "a.json"
    fields = json.loads(path.read_text())
    fields |= LIES[lie].get("head", {})
    fields["items"][0] |= LIES[lie].get("item", {})
    fields["transform"] |= LIES[lie].get("transform", {})
    path.write_text(json.dumps(fields))
    from audiokit.stages.invert.stage import invert

    with pytest.raises(DamagedError):
        invert(tmp_path / form).save(tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_an_array_that_lies_about_itself_allocates_nothing(tmp_path):
    shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9999), }"
    huge = b"\x93NUMPY\x01\x00v\x00" + shape.ljust(117) + b"\n"
    longer = encode_npy(np.zeros((1, 4), np.float32)).replace(b"(1, 4)", b"(1, 5)")
    for bad in (longer, huge + bytes(16)):
        with pytest.raises(DamagedError, match="npy array"):
            decode_npy(bad, "x.npy")
        (tmp_path / "x.npy").write_bytes(bad)
        with pytest.raises(DamagedError, match="npy array"):
            load_npy(tmp_path / "x.npy")


@pytest.mark.parametrize("form", ["a.chunks", "a.npy", "a.tar"])
def test_a_wrong_checksum_is_damage_for_every_reader(cli, tmp_path, form):
    _save(tmp_path / form)
    if form == "a.tar":
        (tmp_path / form).write_bytes(_tar(item={"sha256": "0" * 64}))
    else:
        path = tmp_path / ("a.chunks/000000.npy" if form == "a.chunks" else "a.npy")
        path.write_bytes(path.read_bytes()[:-1] + b"\1")
    for line in (f"invert {form} -o x.wav", f"info {form} --check", f"run invert {form} -o x.wav"):
        assert b"checksum" in cli(*line.split(), status=4).stderr
    if form == "a.chunks":
        cli("spectro", form, "-o", "packed/", "--shards", "1MB", status=4)


def test_chunk_join_and_training_check_sums_too(cli, tmp_path, rng):
    write(tmp_path / "a.wav", rng.standard_normal((1, 16_000)).astype(np.float32) * 0.1, RATE)
    cli("chunk", "a.wav", "--every", "1s", "--format", "chunks", "-o", "a.chunks")
    path = tmp_path / "a.chunks/000001.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\1")
    done = cli("chunk", "a.chunks", "--join", "-o", "b.wav", status=4)
    assert b"000001.npy: its checksum differs" in done.stderr and b"hint: " in done.stderr
    manifest = json.loads((tmp_path / "a.chunks/manifest.json").read_text())
    manifest["items"][1]["sha256"] = ""  # as the hint says, for values changed on purpose
    (tmp_path / "a.chunks/manifest.json").write_text(json.dumps(manifest))
    cli("chunk", "a.chunks", "--join", "-o", "b.wav")
    manifest["items"][1]["sha256"] = hashlib.sha256(whole).hexdigest()
    (tmp_path / "a.chunks/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedError, match="checksum"):
        open_chunks(tmp_path / "a.chunks").load(1, mmap=True)


def test_a_folder_of_pieces_that_lies(cli, tmp_path):
    write(tmp_path / "a.wav", np.full((2, 16_000), 0.1, np.float32), RATE)
    cli("chunk", "a.wav", "--every", "1s", "-o", "pieces/")
    index = tmp_path / "pieces/a/pieces.json"
    good = json.loads(index.read_text())
    first = good["items"][0]
    for changes in ({"rate": 10**12}, {"length": 10**15}, {"items": [{**first, "stop": 10**9}]}, {"items": [5]}):
        index.write_text(json.dumps({**good, **changes}))
        cli("chunk", "pieces/a", "--join", "-o", "b.wav", status=4)
        assert not (tmp_path / "b.wav").exists()
    index.write_text(json.dumps(good))
    cli("chunk", "pieces/a", "--join", "-o", "b.wav")


def test_numbers_of_a_head_are_checked_before_its_members():
    with pytest.raises(DamagedError, match=r"channels = 1000000000, which makes no sense"):
        TarReader(io.BytesIO(_tar(head={"channels": 10**9})))
