"""Players that are added: where they come, that they waver, and that blocks do not matter."""

import numpy as np
import pytest

from audiokit.dsp.effects.ensemble import Ensemble, EnsembleStream
from audiokit.errors import ModelError, ParameterError
from tests.signals import plucks, sine

THREE = Ensemble(0.6, ((14.0, 3.0, 0.6), (19.0, 3.0, 0.83), (25.0, 3.0, 1.1)))


def added(y, rate=22050, ensemble=THREE, strength=1.0, block=None):
    stream = EnsembleStream(ensemble, rate, y.shape[0], strength)
    step = block or max(1, y.shape[1])
    return np.concatenate([stream.push(y[:, a : a + step]) for a in range(0, y.shape[1], step)], axis=1)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_a_player_without_swing_is_an_echo(rate):
    y = np.zeros((1, rate // 10), np.float32)
    y[0, 100] = 1
    out = added(y, rate, Ensemble(0.5, ((20.0, 0.0, 1.0),)))[0] * np.sqrt(1.25)
    late = 100 + rate // 50
    assert out[100] == pytest.approx(1, abs=1e-6) and out[late] == pytest.approx(0.5, abs=1e-4)
    out[[100, late]] = 0
    assert np.abs(out).max() < 1e-4


@pytest.mark.parametrize("block", [1, 7, 500, 4096])
def test_blocks_do_not_matter(rng, block):
    y = plucks(rng, 0.5, 22050, channels=2)[:, : 2000 if block == 1 else None]
    assert np.array_equal(added(y, block=block), added(y))


def test_a_steady_tone_beats():
    y = sine(440.0, 4.0, 22050, 0.2)
    levels = [np.sqrt(np.mean(s[0][4000 : 4000 + 110 * 700].reshape(-1, 700) ** 2, axis=1)) for s in (y, added(y))]
    still, moving = (np.ptp(20 * np.log10(level)) for level in levels)
    assert still < 0.5 and moving > 3


def test_pitch_wavers_by_what_the_swing_says():
    """A copy alone: its frequency is that of the tone times 1 - swing of the delay per second."""
    y = sine(1000.0, 4.0, 22050, 0.2)
    copy = added(y, ensemble=Ensemble(1.0, ((15.0, 3.0, 0.7),))) * np.sqrt(2) - y
    from scipy.signal import hilbert

    hz = np.diff(np.unwrap(np.angle(hilbert(copy[0].astype(float))))) * 22050 / (2 * np.pi)
    time = np.arange(len(hz)) / 22050
    wanted = 1000 * (1 - 0.003 * 2 * np.pi * 0.7 * np.cos(2 * np.pi * 0.7 * time))
    assert np.abs(hz - wanted)[2000:-2000].max() < 1.0


def test_loudness_stays_about_and_strength_turns_it_off(rng):
    y = plucks(rng, 2.0)
    change = 20 * np.log10(np.std(added(y)) / np.std(y))
    assert abs(change) < 3
    assert np.allclose(added(y, strength=0.0), y, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 0), (2, 1), (3, 40)])
def test_short_sounds(rng, shape):
    y = rng.standard_normal(shape).astype(np.float32)
    assert EnsembleStream(THREE, 22050, shape[0]).push(y).shape == shape


def test_what_is_no_ensemble_is_refused():
    with pytest.raises(ParameterError):
        Ensemble(0.5, ((3.0, 3.0, 1.0),))
    for card in (
        {},
        {"level": 1, "players": [[1, 2]]},
        {"level": "loud", "players": []},
        {"level": 1, "players": 3},
        {"level": -1, "players": []},
        {"level": float("nan"), "players": []},
        {"level": 1, "players": [[float("nan"), 1, 1]]},
        {"level": 1, "players": [[1e9, 1, 1]]},  # hours of samples to hold
        {"level": 1, "players": [[15, 1, float("inf")]]},
    ):
        with pytest.raises(ModelError):
            Ensemble.from_dict(card)
