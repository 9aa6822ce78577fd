import numpy as np
import pytest

from audiokit.dsp.separation.returns import new_power, return_lags
from audiokit.dsp.spectrum.stft import istft, stft

RATE, N_FFT, HOP = 8000, 512, 128


def looped(rng, *, seconds=12.0, period_s=1.7):
    period = round(period_s * RATE)
    return np.take(rng.standard_normal((2, period)), np.arange(round(seconds * RATE)) % period, axis=1)


def voice(seconds=12.0):
    """A tone that glides and is never the same twice."""
    t = np.arange(round(seconds * RATE)) / RATE
    return np.repeat(np.sin(2 * np.pi * (300 * t + 12 * t**2))[None], 2, axis=0) * (t > 2) * (t < 10)


def new_of(y):
    S = stft(y.astype(np.float32), n_fft=N_FFT, hop=HOP)
    power, own = new_power(S, rate=RATE, hop=HOP), S.real**2 + S.imag**2
    assert power.min() >= 0 and np.all(power <= own)
    return np.sqrt((power + 1e-20) / (own + 1e-20)), S


def test_a_voice_far_below_a_loop_is_what_is_new(rng):
    backing, sung = looped(rng), 0.1 * voice()
    mask, S = new_of(backing + sung)
    found = istft(mask * S, hop=HOP, length=sung.shape[1])
    before, after = (np.sum(sung**2) / np.sum((y - sung) ** 2) for y in (backing + sung, found))
    assert 10 * np.log10(after / before) > 15  # dB


def test_what_never_comes_back_is_new(rng):
    assert new_of(rng.standard_normal((2, 6 * RATE)))[0].min() == 1


@pytest.mark.parametrize("samples", [HOP, 3 * HOP, RATE])
def test_a_moment_and_silence_are_new(rng, samples):
    assert new_of(rng.standard_normal((2, samples)))[0].min() > 0.999
    assert new_of(np.zeros((2, samples)))[0].min() == 1


def test_lags_are_periods_to_the_sample(rng):
    period = round(1.7 * RATE)
    lags = return_lags(looped(rng).astype(np.float32), RATE)
    assert {lag % period for lag in lags} == {0}
    assert return_lags(rng.standard_normal((2, 6 * RATE)).astype(np.float32), RATE) == []


def test_another_sound_of_equal_loudness_is_no_return(rng):
    """Where magnitudes alone come back, phases tell: the bars are noise, each another."""
    bars = [rng.standard_normal((2, RATE)) * (np.arange(RATE) % 2000 < 800) for _ in range(8)]
    mask, S = new_of(np.concatenate(bars, axis=1))
    assert np.sum((mask * np.abs(S)) ** 2) > 0.9 * np.sum(np.abs(S) ** 2)
