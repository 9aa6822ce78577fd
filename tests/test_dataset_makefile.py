"""examples/dataset/Makefile: twice does nothing, one song redoes one song, -j4 and an interruption change no byte."""

import os
import signal
import subprocess
import sys
import time

import pytest

from audiokit.io import audio
from tests import signals
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def _make(folder, out, *options, background=False):
    env = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    command = ["make", "-f", ROOT / "examples/dataset/Makefile", "SONGS=songs", f"OUT={out}", *options]
    if background:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=folder, env=env, start_new_session=True, **quiet)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _bytes(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_incremental_parallel_interrupted(tmp_path, rng):
    for name in ("one", "two"):
        audio.write(tmp_path / f"songs/{name}.wav", signals.plucks(rng, 3.0, 44_100), 44_100)
    _make(tmp_path, "parallel", "-j4")
    first = _bytes(tmp_path / "parallel/shards")
    assert any(name.endswith(".tar") for name in first)

    assert "audiokit" not in _make(tmp_path, "parallel")
    later = time.time() + 2
    os.utime(tmp_path / "songs/two.wav", (later, later))
    redone = _make(tmp_path, "parallel")
    assert (
        "songs/two.wav" in redone
        and "songs/one.wav" not in redone
        and "one" not in redone.split("--shards")[0].replace("done", "")
    )
    assert _bytes(tmp_path / "parallel/shards") == first

    process = _make(tmp_path, "interrupted", background=True)
    deadline = time.time() + 60
    while not list(tmp_path.glob("interrupted/pieces/*/.done")) and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _make(tmp_path, "interrupted")
    assert _bytes(tmp_path / "interrupted/shards") == first
