"""The moment a key is let go is found where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.notes.notes import analyse_note
from audiokit.dsp.notes.release import described, find_release

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


class Counted:
    """A wave that tells how much of it is taken at once."""

    def __init__(self, y):
        self._y, self.most = y, 0

    def __len__(self):
        return len(self._y)

    def __getitem__(self, part):
        self.most = max(self.most, len(self._y[part]))
        return self._y[part]


@pytest.mark.parametrize("held", [2.0, 100.0, None])
def test_a_long_note_is_described_by_its_start_and_its_release(rng, held):
    y = note(0.05, held or 120.0, 100 if held else 0, seconds=120.0)
    y = (y * (1 + 0.3 * np.sin(np.arange(len(y)) / RATE)) + 1e-4 * rng.standard_normal(len(y))).astype(np.float32)
    wave = Counted(y)
    found = find_release(wave, RATE)
    assert (found is None) == (held is None) and (held is None or abs(found - held) < 0.05)
    part, released = described(wave, RATE, found)
    assert wave.most < 45 * RATE and len(part) < 12.1 * RATE
    whole, short = (analyse_note(x, RATE, 57, held_s=at) for x, at in ((y, found), (part, released)))
    same = ("partials_db", "noise_db", "halves_db", "beating_db")
    for name in same if held != 100.0 else ():
        np.testing.assert_array_equal(getattr(short, name), getattr(whole, name))
    heard = whole.partials_db > -70
    np.testing.assert_allclose(short.partials_db[heard], whole.partials_db[heard], atol=1.0)
    assert min(short.seen_s, 3) == min(whole.seen_s, 3)
