"""The moment a key is let go is found where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.notes.release import find_release

RATE = 16000


def note(decay_db_s, held_s, release_db_s, seconds=4.0):
    t = np.arange(round(seconds * RATE)) / RATE
    level = -decay_db_s * np.minimum(t, held_s) - release_db_s * np.maximum(t - held_s, 0)
    return (0.3 * np.sin(2 * np.pi * 220 * t) * np.clip(t / 0.02, 0, 1) * 10 ** (level / 20)).astype(np.float32)


@pytest.mark.parametrize("held", [0.8, 3.0])
@pytest.mark.parametrize(("decay", "release"), [(0, 100), (8, 200), (0, 2000)])
def test_the_release_is_found(held, decay, release):
    assert abs(find_release(note(decay, held, release), RATE) - held) < 0.05


@pytest.mark.parametrize("decay", [0, 5, 40])
def test_a_note_that_rings_on_has_none(decay):
    assert find_release(note(decay, 4.0, 0), RATE) is None


def test_a_tremolo_is_no_release():
    t = np.arange(4 * RATE) / RATE
    assert find_release(note(0, 4.0, 0) * (1 + 0.5 * np.sin(2 * np.pi * 5 * t)), RATE) is None


def test_short_and_silent_notes_have_none():
    assert find_release(np.zeros(RATE, np.float32), RATE) is None
    assert find_release(note(0, 0.1, 0, seconds=0.1), RATE) is None
    assert find_release(np.zeros(0, np.float32), RATE) is None
