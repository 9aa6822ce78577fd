"""Levels along time: windows equal the plain ones, excerpts stay small and are spread over all of a recording."""

import numpy as np
import pytest

from audiokit.dsp.loudness.levels import Excerpt, Windows, sliding_mean


@pytest.mark.parametrize("steps", [40, 300])
def test_windows_equal_the_plain_ones_however_they_come(rng, steps):
    powers = rng.random(2345)
    windows, start = Windows(steps), 0
    while start < len(powers):
        size = int(rng.integers(0, 99))
        windows.add(powers[start : start + size])
        start += size
    np.testing.assert_allclose(windows.means, sliding_mean(powers, steps)[::10], rtol=1e-12)
    padded = np.concatenate([np.zeros(steps - 1), powers])
    assert windows.highest == pytest.approx(sliding_mean(padded, steps).max())


def test_a_copy_goes_on_by_itself():
    windows = Windows(40)
    windows.add(np.ones(50))
    ahead = windows.copy()
    ahead.add(np.full(50, 9.0))
    assert len(windows.means) == 2 and windows.highest == 1.0
    assert len(ahead.means) == 7 and ahead.highest == 9.0


def test_an_excerpt_of_hours_is_small_and_evenly_spread(rng):
    excerpt, hours = Excerpt(longest_s=64), 1000
    second = np.repeat(np.arange(hours, dtype=np.float64), 100)
    start = 0
    while start < len(second):
        piece = second[start : start + int(rng.integers(1, 777))]
        excerpt.add(piece, np.repeat(piece, 4).astype(np.float32))
        start += len(piece)
    kept = excerpt.powers.reshape(-1, 100)
    assert 32 < len(kept) <= 64 and len(excerpt.peaks) == 400 * len(kept)
    assert (kept == kept[:, :1]).all() and len(set(np.diff(kept[:, 0]))) == 1
    np.testing.assert_array_equal(excerpt.peaks.reshape(-1, 400)[:, 0], kept[:, 0])


def test_an_excerpt_of_little_is_all_of_it(rng):
    powers, peaks = rng.random(1234), rng.random(4 * 1234).astype(np.float32)
    excerpt = Excerpt()
    for start in range(0, 1234, 170):
        excerpt.add(powers[start : start + 170], peaks[4 * start : 4 * (start + 170)])
    np.testing.assert_array_equal(excerpt.powers, powers)
    np.testing.assert_array_equal(excerpt.peaks, peaks)
