"""Progress: how far one file has been read, on a terminal only, and never for what is over in a moment."""

import os
import pty
import subprocess
import sys

import numpy as np
import pytest

import audiokit
from audiokit.engine.at_work import Reading, follow, reading
from audiokit.engine.progress import shown_reading
from audiokit.engine.sound import Sound


def test_reading_is_counted_over_all_passes():
    sound = Sound.of(np.zeros((1, 8000), np.float32), 8000)
    follow(sound, passes=2)
    assert reading().share == 0
    for wanted in (0.5, 1.0):
        list(sound.blocks())
        assert reading().share == pytest.approx(wanted)


def test_a_stream_says_what_was_read():
    silent = Sound.of(np.zeros((1, 8000), np.float32), 8000)
    stream = silent.derive(silent.blocks, length=None)
    follow(stream, passes=1)
    list(stream.blocks())
    assert reading().share is None and shown_reading(reading()).startswith("1 s read")


def test_what_is_left_follows_the_speed():
    half = Reading(60.0)
    half.seconds = 30.0
    half._since -= 10.0
    assert shown_reading(half).split("  ")[:2] == [" 50 %", "0:10 left"]


def on_a_terminal(*arguments, cwd):
    """Everything that a command draws on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "audiokit", *arguments], stderr=theirs, stdout=theirs, cwd=cwd, env=environment
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(ours)
    assert process.wait() == 0, seen.decode(errors="replace")
    return seen.decode(errors="replace")


@pytest.mark.slow
def test_one_long_file_has_a_bar_and_a_short_one_has_none(tmp_path, rng):
    minute = (0.1 * rng.standard_normal((2, 44_100 * 60))).astype(np.float32)
    long = np.tile(minute, 5)  # a bar appears after a second, and a minute takes less
    audiokit.write(tmp_path / "long.wav", long, 44_100)
    audiokit.write(tmp_path / "short.wav", long[:, :4410], 44_100)
    drawn = on_a_terminal("split", "long.wav", "--engine", "hpss", "-o", "stems/", cwd=tmp_path)
    assert "split" in drawn and "left" in drawn and "x real time" in drawn and "━" in drawn
    assert "long.wav -> stems/" in drawn
    drawn = on_a_terminal("normalize", "short.wav", "--to", "-20", "-o", "out.wav", cwd=tmp_path)
    assert drawn.strip() == "short.wav -> out.wav"
