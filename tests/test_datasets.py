"""Data sets from folders: divided by recording for good, shards that WebDataset reads, bad files left out."""

import numpy as np
import pytest

from audiokit.io import audio
from tests import signals


@pytest.fixture
def songs(tmp_path, rng):
    for index in range(8):
        audio.write(tmp_path / f"songs/album/{index}.wav", signals.noise(rng, 0.5), 22_050)
    return tmp_path / "songs"


def _parts(folder):
    return {p.parent.name: p.relative_to(folder).parts[0] for p in folder.rglob("manifest.json")}


def test_adding_files_moves_none_of_the_others(songs, cli, rng):
    line = ["--preset", "melgan", "--split", "train:0.5,valid:0.5", "--seed", "3"]
    cli("spectro", "songs", "-o", "a", *line)
    before = _parts(songs.parent / "a")
    assert len(before) == 8 and set(before.values()) == {"train", "valid"}
    audio.write(songs / "album/new.wav", signals.noise(rng, 0.5), 22_050)
    cli("spectro", "songs", "-o", "b", *line)
    after = _parts(songs.parent / "b")
    assert {name: after[name] for name in before} == before and len(after) == 9


def test_shards_of_what_could_be_read(songs, cli, tmp_path):
    wds = pytest.importorskip("webdataset", reason="a test dependency")
    (songs / "bad.wav").write_text("words")
    line = [
        "--kind",
        "mel",
        "--chunk",
        "0.2s",
        "--overlap",
        "0.1s",
        "--shards",
        "200KB",
        "--split",
        "train:0.7,valid:0.3",
    ]
    done = cli("spectro", "songs", "-o", "d", *line, status=7)
    assert "bad.wav: not audio" in done.stderr.decode()
    shards = sorted((tmp_path / "d").iterdir())
    assert {p.name.split("-")[0] for p in shards} == {"train", "valid"} and all(p.suffix == ".tar" for p in shards)
    samples = list(wds.WebDataset([str(p) for p in shards], shardshuffle=False).decode())
    assert len({s["json"]["name"] for s in samples}) == 8
    parts = {s["json"]["name"]: s["__url__"].split("/")[-1].split("-")[0] for s in samples}
    assert all(s["__url__"].split("/")[-1].startswith(parts[s["json"]["name"]]) for s in samples)
    assert samples[0]["npy"].dtype == np.float32 and samples[0]["json"]["transform"]["n_mels"] == 128
    cli("spectro", "songs", "-o", "d", *line, status=3)


def test_chunk_sets_are_packed_as_they_are(songs, cli, tmp_path):
    cli("spectro", "songs", "-o", "sets/", "--kind", "magnitude")
    cli("spectro", "sets", "-o", "shards", "--shards", "100MB")
    first = (tmp_path / "shards/data-000000.tar").read_bytes()
    cli("spectro", "sets", "-o", "shards", "--shards", "100MB", "--force")
    assert first == (tmp_path / "shards/data-000000.tar").read_bytes()


@pytest.mark.parametrize("line", [["--split", "a:2"], ["--shards", "many"], ["--shards", "1MB", "-o", "x.npy"]])
def test_nonsense(songs, cli, line):
    cli("spectro", "songs", "-o", "d", *line, status=2)
