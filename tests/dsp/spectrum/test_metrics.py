"""Own measures: zero for equals, known values for known changes, and never better for worse."""

import numpy as np
import pytest

from audiokit.dsp.spectrum.metrics import (
    embed,
    find_lag,
    frechet_distance,
    log_spectral_distance,
    mel_cepstral_distortion,
    multi_resolution_distance,
    sdr,
    self_checks,
    si_sdr,
)
from audiokit.errors import InputError, ParameterError
from tests.signals import noise, plucks, sine, talk

RATE = 22_050


def test_equals_are_at_no_distance(rng):
    y = plucks(rng, 2, RATE, 2)
    assert si_sdr(y, y) > 100 and si_sdr(y, 0.3 * y) > 100
    assert log_spectral_distance(y, y) == multi_resolution_distance(y, y) == 0
    assert mel_cepstral_distortion(y, y, RATE) == 0
    assert find_lag(y, y, RATE) == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize("level_db", [-5, 10, 30])
def test_si_sdr_of_known_noise(rng, level_db):
    y = plucks(rng, 2, RATE)
    error = noise(rng, 2, RATE)
    error -= (error @ y.T) / (y @ y.T) * y  # at a right angle to the sound
    error *= np.sqrt((y**2).sum() / (error**2).sum()) * 10 ** (-level_db / 20)
    assert si_sdr(y, 3 * (y + error)) == pytest.approx(level_db, abs=0.01)
    assert sdr(y, y + error) == pytest.approx(level_db, abs=0.01)


def test_more_noise_is_never_better(rng):
    y, disturbance = plucks(rng, 2, RATE), noise(rng, 2, RATE, 1.0)
    worse = [y + level * disturbance for level in (0.001, 0.01, 0.1)]
    for measure in (
        log_spectral_distance,
        multi_resolution_distance,
        lambda a, b: mel_cepstral_distortion(a, b, RATE),
        lambda a, b: -si_sdr(a, b),
    ):
        values = [measure(y, bad) for bad in worse]
        assert values[0] < values[1] < values[2]


def test_log_spectral_distance_of_a_gain_is_the_gain(rng):
    y = noise(rng, 2, RATE)
    assert log_spectral_distance(y, 0.5 * y) == pytest.approx(6.02, abs=0.01)
    assert mel_cepstral_distortion(y, 0.5 * y, RATE) < 1e-4  # the level does not count there


@pytest.mark.parametrize("samples", [-441, 0, 17, 4000])
def test_lag_and_gain(rng, samples):
    y = talk(rng, rate=RATE)[0]
    moved = np.zeros_like(y)
    if samples >= 0:
        moved[:, samples:] = 0.5 * y[:, : y.shape[1] - samples]
    else:
        moved[:, :samples] = 0.5 * y[:, -samples:]
    lag, gain = find_lag(y, moved, RATE)
    assert lag * RATE == pytest.approx(samples, abs=0.1) and gain == pytest.approx(-6.02, abs=0.2)


def test_checks_find_the_faults(rng):
    clean = talk(rng, rate=RATE)[0]
    healthy = self_checks(clean, RATE)
    assert healthy["clipped"] == 0 and healthy["dc"] < 0.02 and healthy["clicks_per_min"] == 0
    assert self_checks(np.clip(5 * clean, -0.5, 0.5), RATE)["clipped"] > 0.001
    assert self_checks(clean + 0.1, RATE)["dc"] == pytest.approx(0.1, abs=0.01)
    assert self_checks(np.pad(clean, ((0, 0), (0, clean.shape[1]))), RATE)["silent"] >= 0.5
    clicked = sine(440, 3, RATE, 0.3)
    clicked[0, [RATE, 2 * RATE]] += 0.5
    assert self_checks(clicked, RATE)["clicks_per_min"] == pytest.approx(2 / 3 * 60)
    assert self_checks(sine(440, 3, RATE, 0.3), RATE)["clicks_per_min"] == 0
    spectrum = np.fft.rfft(noise(rng, 2, RATE)[0])
    spectrum[10_000:] = 0
    narrow = np.fft.irfft(spectrum).astype(np.float32)[None]
    assert self_checks(narrow, RATE)["bandwidth_hz"] == pytest.approx(5000, rel=0.05)
    assert self_checks(np.zeros((1, 0), np.float32), RATE)["silent"] == 1


def test_frechet_tells_kinds_of_sound_apart(rng):
    first, second = (embed(plucks(rng, 8, RATE), RATE) for _ in range(2))
    other = embed(noise(rng, 8, RATE), RATE)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(first, second) < frechet_distance(first, other) / 3
    with pytest.raises(ParameterError):
        frechet_distance(first[:1], second)


def test_what_cannot_be_compared(rng):
    y = noise(rng, 0.1, RATE)
    with pytest.raises(InputError):
        si_sdr(y, y[:, 1:])
    with pytest.raises(InputError):
        si_sdr(y[:, :0], y[:, :0])
    assert np.isnan(si_sdr(0 * y, y)) and np.isnan(si_sdr(y, 0 * y))
