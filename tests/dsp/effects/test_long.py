"""Effects of long sounds: the samples that the whole would get, and no more held than a block."""

import numpy as np
import pytest

from audiokit.dsp.effects import long
from audiokit.dsp.effects.effects import drive, reverb
from audiokit.dsp.effects.long import BLOCK, drive_passing, reverb_passing

RATE = 16_000


class Counted:
    """A wave that tells how much of it is taken at once."""

    def __init__(self, blocks):
        self._y, self.most = np.concatenate(list(blocks)), 0

    def __len__(self):
        return len(self._y)

    def __getitem__(self, part):
        self.most = max(self.most, len(self._y[part]))
        return self._y[part]


@pytest.fixture
def sound(rng):
    n = 3 * BLOCK + 12_345
    return (np.linspace(0.2, 0.6, n) * np.sin(np.arange(n) * 0.03) + 0.05 * rng.standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("amount", [0.2, 1.0])
def test_drive(sound, amount):
    kept = []

    def keep(blocks):
        kept.append(Counted(blocks))
        return kept[-1]

    made = list(drive_passing(np.array_split(sound, 31), amount, keep=keep))
    assert max(len(y) for y in made) <= BLOCK and [wave.most for wave in kept] == [BLOCK, BLOCK]
    np.testing.assert_allclose(np.concatenate(made), drive(sound, amount), atol=2e-7)


@pytest.mark.parametrize("amount", [0.1, 1.0])
def test_reverb(sound, amount):
    read = []

    def blocks():
        for block in np.array_split(sound, 31):
            read.append(len(block))
            yield block

    made = reverb_passing(blocks(), RATE, amount, rng=np.random.default_rng(1))
    first = next(made)
    assert len(first) == BLOCK and sum(read) < 1.2 * BLOCK
    whole = reverb(sound, RATE, amount, rng=np.random.default_rng(1))
    np.testing.assert_allclose(np.concatenate([first, *made]), whole, atol=5e-7)


def test_short_sounds_are_one_block(sound):
    y = sound[: BLOCK // 2]
    np.testing.assert_array_equal(np.concatenate([*drive_passing(np.array_split(y, 3), 0.5)]), drive(y, 0.5))
    (made,) = reverb_passing(np.array_split(y, 3), RATE, 0.5, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(made, reverb(y, RATE, 0.5, rng=np.random.default_rng(1)))
    assert not [*drive_passing([], 0.5)] and long.in_memory([]).shape == (0,)


def test_silence_stays_silent():
    made = np.concatenate([*drive_passing([np.zeros(2 * BLOCK, np.float32)], 0.5)])
    assert made.shape == (2 * BLOCK,) and not made.any()
