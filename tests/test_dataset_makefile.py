"""examples/dataset/Makefile: twice does nothing, one song redoes one song, -j4 and an interruption change no byte."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from audiokit.io import audio
from tests import signals
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def _make(folder, out, *options, background=False, status=0):
    env = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    command = ["make", "-f", ROOT / "examples/dataset/Makefile", "SONGS=my songs", f"OUT={out}", *options]
    if background:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=folder, env=env, start_new_session=True, **quiet)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def _bytes(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _touch(path):
    later = time.time() + 2
    os.utime(path, (later, later))
    return later


@pytest.fixture
def songs(tmp_path, rng):
    """Names with spaces, and several suffixes, in one folder and below it."""
    for name in ("one.wav", "a song.flac", "live takes/three.mp3"):
        audio.write(tmp_path / "my songs" / name, signals.plucks(rng, 2.0, 44_100), 44_100)
    return tmp_path / "my songs"


def test_incremental_parallel_interrupted(tmp_path, songs):
    assert "audiokit run" in _make(tmp_path, "first", "-n") and not (tmp_path / "first").exists()
    _make(tmp_path, "first", "-j4", "JOBS=2")
    first = _bytes(tmp_path / "first/shards")
    assert any(name.endswith(".tar") for name in first)
    made = sorted(str(p.parent.relative_to(tmp_path / "first/sets")) for p in tmp_path.glob("first/sets/**/*.json"))
    assert made == sorted(f"{s}/00{k}.chunks" for s in ("a song", "live takes/three", "one") for k in (0, 1))

    assert "audiokit" not in _make(tmp_path, "first")
    _touch(songs / "a song.flac")
    redone = _make(tmp_path, "first")
    assert "a song.flac -> " in redone and "2 of 3 up to date" in redone
    assert _bytes(tmp_path / "first/shards") == first

    process = _make(tmp_path, "interrupted", background=True)
    deadline = time.time() + 60
    while not list(tmp_path.glob("interrupted/sets/*/*/manifest.json")) and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _make(tmp_path, "interrupted")
    assert _bytes(tmp_path / "interrupted/shards") == first


def test_a_changed_chain_makes_everything_anew(tmp_path, songs):
    shutil.copy(ROOT / "examples/dataset/prepare.chain", tmp_path / "my.chain")
    _make(tmp_path, "out", "CHAIN=my.chain")
    text = (tmp_path / "my.chain").read_text()
    (tmp_path / "my.chain").write_text(text.replace("--to -20", "--to -23"))
    _touch(tmp_path / "my.chain")
    assert _make(tmp_path, "out", "CHAIN=my.chain").count("/000.chunks") == 3
    # A comment changes no recipe: nothing is made, and the shards are packed again of the same.
    (tmp_path / "my.chain").write_text("# softly\n" + text.replace("--to -20", "--to -23"))
    os.utime(tmp_path / "my.chain", (time.time() + 9,) * 2)
    assert "3 of 3 up to date" in _make(tmp_path, "out", "CHAIN=my.chain")


def test_a_song_less_takes_its_sets_with_it(tmp_path, songs):
    _make(tmp_path, "out")
    (songs / "a song.flac").unlink()
    (songs / "live takes/three.mp3").unlink()
    assert "1 of 1 up to date" in _make(tmp_path, "out")
    assert {p.parent.parent.name for p in tmp_path.glob("out/sets/**/manifest.json")} == {"one"}
    packed = b"".join(p.read_bytes() for p in tmp_path.glob("out/shards/*.tar"))
    assert b"one" in packed and b"a song" not in packed and b"three" not in packed


def test_a_song_more_or_none_at_all(tmp_path, songs, rng):
    _make(tmp_path, "out")
    audio.write(songs / "another.wav", signals.plucks(rng, 1.0, 44_100), 44_100)
    said = _make(tmp_path, "out")
    assert "3 of 4 up to date" in said and "another.wav -> " in said
    shutil.rmtree(songs)
    assert 'no songs in "my songs": say SONGS=folder' in _make(tmp_path, "out", status=2)
