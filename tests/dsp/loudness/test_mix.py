"""Sums, gains, lengths, channels and the balance of a voice."""

import numpy as np
import pytest

from audiokit.dsp.loudness.loudness import measure
from audiokit.dsp.loudness.mix import mix, spread
from audiokit.dsp.loudness.true_peak import true_peak
from audiokit.errors import ParameterError
from tests.signals import noise, sine

RATE = 22_050


def test_the_mix_is_the_sum_with_gains(rng):
    a, b = noise(rng, 1, RATE, 0.1, 2), noise(rng, 1, RATE, 0.1, 2)
    np.testing.assert_allclose(mix([a, b], RATE), a + b, atol=1e-7)
    np.testing.assert_allclose(mix([a, b], RATE, gains_db=[0, -20]), a + 0.1 * b, atol=1e-7)
    np.testing.assert_allclose(mix([a, b], RATE, gains_db=[-20]), 0.1 * a + 0.1 * b, atol=1e-7)


def test_lengths(rng):
    a, b = noise(rng, 1, RATE), noise(rng, 0.5, RATE)
    assert mix([b, a], RATE).shape == a.shape
    assert mix([a, b], RATE, length="shortest").shape == b.shape
    first = mix([b, a], RATE, length="first")
    np.testing.assert_allclose(first, b + a[:, : b.shape[1]], atol=1e-7)
    np.testing.assert_array_equal(mix([b, a], RATE)[:, b.shape[1] :], a[:, b.shape[1] :])


@pytest.mark.parametrize("balance", [-6.0, 0.0, 4.0])
def test_balance_is_the_loudness_between_voice_and_accompaniment(rng, balance):
    voice, band, drums = sine(500, 3, RATE, 0.02), noise(rng, 3, RATE, 0.05, 2), noise(rng, 3, RATE, 0.02, 2)
    mixed = mix([voice, band, drums], RATE, balance_db=balance)
    accompaniment = band + drums
    sung = measure(mixed - accompaniment, RATE).integrated_lufs
    assert sung - measure(accompaniment, RATE).integrated_lufs == pytest.approx(balance, abs=0.05)


def test_balance_with_silence_changes_nothing(rng):
    band = noise(rng, 1, RATE)
    np.testing.assert_array_equal(mix([np.zeros_like(band), band], RATE, balance_db=0.0), band)


def test_no_clipping_unless_allowed(rng):
    a = noise(rng, 1, RATE, 0.5)
    assert np.abs(mix([a, a], RATE)).max() == pytest.approx(1.0)
    assert 20 * np.log10(true_peak(mix([a, a], RATE, clip="limit"), RATE)) <= -0.1
    assert np.abs(mix([a, a], RATE, clip="allow")).max() > 1
    with pytest.raises(ParameterError):
        mix([a], RATE, clip="hope")


def test_mono_is_heard_in_the_middle_at_its_own_level(rng):
    y = noise(rng, 0.1, RATE)
    np.testing.assert_array_equal(spread(y, 2), np.concatenate([y, y]))
    assert not spread(y, 6)[2:].any()
    np.testing.assert_allclose(spread(np.concatenate([y, y]), 1), y, atol=1e-8)


def test_surround_folds_down_as_the_standard_says():
    y = np.eye(6, dtype=np.float32)
    folded = spread(y, 2)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(folded, [[1, 0, half, 0, half, 0], [0, 1, half, 0, 0, half]], atol=1e-6)


def test_wrong_values(rng):
    y = noise(rng, 0.1, RATE)
    for wrong in ({"gains_db": [0, 0, 0]}, {"length": "longer"}):
        with pytest.raises(ParameterError):
            mix([y, y], RATE, **wrong)
    with pytest.raises(ParameterError):
        mix([], RATE)
    with pytest.raises(ParameterError):
        spread(np.zeros((7, 10), np.float32), 2)
