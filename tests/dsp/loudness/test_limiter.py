"""The limiter: peaks held, everything else left alone, however the audio is cut."""

import numpy as np
import pytest

from audiokit.dsp.loudness.limiter import Limiter, sliding_max
from audiokit.dsp.loudness.true_peak import true_peak
from audiokit.errors import ParameterError
from tests.signals import noise, plucks, sine


def limit(y, rate, ceiling=-1.0, size=65_536):
    limiter = Limiter(rate, y.shape[0], ceiling_dbtp=ceiling)
    parts = [limiter.process(y[:, start : start + size]) for start in range(0, y.shape[1], size)]
    return np.concatenate([*parts, limiter.flush()], axis=1), limiter


def db(amplitude):
    return 20 * np.log10(amplitude)


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("ceiling", [-0.1, -1.0, -12.0])
def test_true_peak_is_held(rng, rate, ceiling):
    y = noise(rng, 0.7, rate, 0.5, channels=2)
    held, _ = limit(y, rate, ceiling)
    assert held.shape == y.shape
    assert ceiling - 0.1 < db(true_peak(held, rate)) <= ceiling


def test_what_is_under_the_ceiling_passes_bit_for_bit(rng):
    y = np.clip(noise(rng, 1, 44_100, channels=2), -0.3, 0.3)
    held, limiter = limit(y, 44_100)
    np.testing.assert_array_equal(held, y)
    assert limiter.reduction_db == limiter.limited_s == 0


@pytest.mark.parametrize("size", [1, 777, 4096])
def test_blocks_do_not_matter(rng, size):
    y = noise(rng, 0.05, 44_100, 0.5, channels=2)
    np.testing.assert_allclose(limit(y, 44_100, size=size)[0], limit(y, 44_100)[0], atol=1e-6)


def test_channels_share_the_gain():
    y = np.concatenate([sine(300, 1, 44_100, 2.0), sine(440, 1, 44_100, 0.2)])
    held, _ = limit(y, 44_100, -6.0)
    middle = slice(10_000, 30_000)
    ratio = np.abs(held[:, middle]).max(axis=1) / np.abs(y[:, middle]).max(axis=1)
    assert ratio[0] == pytest.approx(ratio[1], rel=0.05)


def test_gain_comes_back_and_only_the_neighbourhood_of_a_peak_changes():
    y = sine(440, 2, 44_100, 0.3)
    y[0, 44_100] = 1.8
    held, limiter = limit(y, 44_100)
    np.testing.assert_array_equal(held[:, : 44_100 - 600], y[:, : 44_100 - 600])
    np.testing.assert_allclose(held[:, -10_000:], y[:, -10_000:], atol=1e-4)
    assert 5 < limiter.reduction_db < 7
    assert np.abs(held).max() <= 10 ** (-1 / 20)


def test_limiting_stays_transparent(rng):
    """A limiter 3 dB deep leaves far less distortion than clipping the same peaks."""
    y = plucks(rng, 3, 44_100)
    y *= 10 ** (2 / 20) / true_peak(y, 44_100)
    held, limiter = limit(y, 44_100)
    assert 2.5 < limiter.reduction_db < 3.5
    ceiling = 10 ** (-1 / 20)
    over = np.abs(np.fft.rfft(np.clip(y, -ceiling, ceiling)[0]))[-20_000:].sum()
    ours = np.abs(np.fft.rfft(held[0]))[-20_000:].sum()
    clean = np.abs(np.fft.rfft(y[0]))[-20_000:].sum()
    assert ours < clean * 1.1 < over  # no new energy at the top of the spectrum


def test_sliding_max_equals_the_plain_one(rng):
    x = rng.random(1000)
    for window in (1, 2, 7, 999, 1000):
        expected = [x[k : k + window].max() for k in range(len(x) - window + 1)]
        np.testing.assert_array_equal(sliding_max(x, window), expected)


def test_empty_and_wrong():
    limiter = Limiter(44_100, 2)
    assert limiter.process(np.zeros((2, 0), np.float32)).shape == (2, 0)
    assert limiter.flush().shape == (2, 0)
    with pytest.raises(ParameterError):
        Limiter(44_100, 1, ceiling_dbtp=float("nan"))
