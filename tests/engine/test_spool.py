"""Sounds that any part is taken from: short ones in memory, long ones in a temporary file, the same samples."""

import os
import subprocess
import sys

import numpy as np
import pytest

from audiokit.engine import spool
from audiokit.engine.sound import Sound
from audiokit.engine.spool import Spool, at_hand
from audiokit.io import audio
from audiokit.stages.align_beats.stage import align_beats
from audiokit.stages.chunk.stage import chunk
from audiokit.stages.score.compare import METRICS, check_metrics, scores_of
from tests.drums import pattern

RATE = 22_050


@pytest.fixture
def laid_down(monkeypatch):
    """Sounds of more than one block go to a temporary file."""
    monkeypatch.setattr(spool, "_IN_MEMORY", 0)


@pytest.fixture
def song(tmp_path):
    drums = pattern("rock", 104, 11, seconds=9, rate=RATE)
    y = np.concatenate([drums.y, 0.5 * np.roll(drums.y, 40)])
    audio.write(tmp_path / "song.wav", y, RATE, subtype="PCM_16")
    return tmp_path / "song.wav"


@pytest.mark.parametrize(
    "part", [(0, 9), (7, 1000), (990, 2000), (5, 5), (9, 3), (None, None), (-7, None), (1200, 1300)]
)
def test_parts_are_those_of_an_array(laid_down, rng, part):
    y = rng.standard_normal((3, 1000)).astype(np.float32)
    held = at_hand(np.split(y, [100, 101, 700], axis=1), channels=3)
    assert isinstance(held, Spool) and held.shape == y.shape
    for channels in (slice(None), slice(1), slice(1, 3)):
        assert np.array_equal(held[channels, slice(*part)], y[channels, slice(*part)])


def test_short_sounds_and_arrays_stay_in_memory(laid_down, rng):
    y = rng.standard_normal((1, 1 << 18)).astype(np.float32)
    assert Sound.of(y, RATE).at_hand() is y
    assert at_hand(iter([]), channels=2).shape == (2, 0)


def test_only_what_is_long_goes_to_a_file(rng):
    block = rng.standard_normal((2, 1 << 16)).astype(np.float32)
    limit = spool._IN_MEMORY // block.size
    assert isinstance(at_hand([block] * limit, channels=2), np.ndarray)
    assert isinstance(at_hand([block] * (limit + 1), channels=2), Spool)


def test_scores_do_not_depend_on_where_sounds_lie(monkeypatch, song, rng):
    y, _ = audio.read(song)
    audio.write(song.with_name("other.wav"), 0.9 * y[:, 30:] + 0.01 * rng.standard_normal(y[:, 30:].shape), RATE)
    found = []
    for limit in (1 << 23, 0):
        monkeypatch.setattr(spool, "_IN_MEMORY", limit)
        pair = [Sound.open(path).at_hand() for path in (song.with_name("other.wav"), song)]
        assert all(isinstance(sound, Spool) == (not limit) for sound in pair)
        names = [name for name in check_metrics(["all"], True) if name in METRICS]
        found.append(scores_of(pair[0], RATE, reference=pair[1], names=names, pitch_tracker="world"))
    assert found[0] == found[1] and found[0]["lag_ms"] == pytest.approx(-30 / RATE * 1000, abs=0.1)


def test_alignment_does_not_depend_on_where_sounds_lie(monkeypatch, song, tmp_path):
    made = []
    for name, limit in (("memory", 1 << 23), ("file", 0)):
        monkeypatch.setattr(spool, "_IN_MEMORY", limit)
        out = tmp_path / f"{name}.wav"
        align_beats(Sound.open(song), bpm=110.0, fit="all").save(out)
        made.append(audio.read(out)[0])
        pieces = chunk(Sound.open(song), at="beats").save(tmp_path / f"{name}/")
        assert pieces is not None
    assert np.array_equal(*made) and made[0].any()
    cuts = [(tmp_path / name / "pieces.json").read_text() for name in ("memory", "file")]
    assert cuts[0] == cuts[1]


def test_a_full_disk_is_said_and_leaves_nothing(song, tmp_path):
    y, _ = audio.read(song)
    long = Sound(RATE, 2, lambda: iter([y] * 25), length=25 * y.shape[1])
    long.save(tmp_path / "long.wav", subtype="PCM_16")
    (tmp_path / "space").mkdir()
    # No file may grow beyond 16 MB: what is laid down of the sound takes 40.
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))"
    line = [sys.executable, "-c", f"{limited}; runpy.run_module('audiokit', run_name='__main__')"]
    done = subprocess.run(
        [*line, "score", "long.wav", "--ref", "long.wav"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "space")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3 and "file too large" in done.stderr.lower() and "Traceback" not in done.stderr
    assert not list((tmp_path / "space").iterdir())
