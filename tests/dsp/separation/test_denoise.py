"""The plain engines: noise goes, the rest stays, in time, in place, whatever the blocks."""

import numpy as np
import pytest

from audiokit.dsp.separation.content import music_score
from audiokit.dsp.separation.denoise import (
    PlainDenoiser,
    denoise_plain,
    denoise_rows,
    exponential_integral,
)
from audiokit.dsp.separation.noise import ENGINES, Rule, music_rule, noise_profile
from audiokit.dsp.spectrum.stft import stft
from audiokit.errors import ParameterError
from tests.signals import noise, plucks, sine, syllables


def sdr_db(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((estimate - reference) ** 2))


@pytest.fixture
def noisy(rng):
    clean = syllables(rng, seconds=4, rate=16_000)
    return clean, clean + noise(rng, seconds=4, rate=16_000, amplitude=0.03)


@pytest.mark.parametrize(("engine", "gain_db"), [("wiener", 4), ("gate", 3), ("mask", 3)])
def test_white_noise_goes_and_speech_stays(noisy, engine, gain_db):
    clean, mixed = noisy
    kept = mixed.copy()
    result = denoise_plain(mixed, rate=16_000, rule=Rule(engine))
    assert np.array_equal(mixed, kept)
    assert result.dtype == np.float32 and result.shape == mixed.shape
    assert sdr_db(clean, result) > sdr_db(clean, mixed) + gain_db


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [777, 9000])
def test_blocks_change_nothing(rng, engine, size):
    y = syllables(rng, seconds=3, rate=11_025, channels=2) + noise(rng, seconds=3, rate=11_025, channels=2)
    stream = PlainDenoiser(channels=2, rate=11_025, rule=Rule(engine))
    parts = [stream.push(y[:, a : a + size]) for a in range(0, y.shape[1], size)]
    whole = denoise_plain(y, rate=11_025, rule=Rule(engine))
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()], axis=1), whole, atol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_there_is_no_delay(noisy, engine):
    clean, mixed = noisy
    result = denoise_plain(mixed, rate=16_000, rule=Rule(engine))[0]
    lags = range(-20, 21)
    match = [np.dot(clean[0, 50:-50], result[50 + lag : result.size - 50 + lag]) for lag in lags]
    assert lags[int(np.argmax(match))] == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_channels_share_one_gain(noisy, engine):
    _, mixed = noisy
    result = denoise_plain(np.concatenate([mixed, -0.3 * mixed]), rate=16_000, rule=Rule(engine))
    np.testing.assert_allclose(result[1], -0.3 * result[0], atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_silence_stays_silent_at_every_rate(engine, rate):
    result = denoise_plain(np.zeros((1, rate), np.float32), rate=rate, rule=Rule(engine))
    assert result.shape == (1, rate) and not np.any(result)


@pytest.mark.parametrize("length", [0, 1, 37, 511])
def test_very_short_audio_keeps_its_length(length):
    assert denoise_plain(np.ones((2, length), np.float32), rate=16_000).shape == (2, length)


def test_strength_scales_what_is_removed(noisy):
    _, mixed = noisy
    removed = [mixed - denoise_plain(mixed, rate=16_000, strength=s) for s in (0.0, 0.5, 1.0)]
    assert np.abs(removed[0]).max() < 1e-6
    np.testing.assert_allclose(removed[1], removed[2] / 2, atol=1e-5)


def test_a_profile_finds_noise_that_never_pauses(rng):
    rate = 16_000
    voice = sine(700, seconds=3, rate=rate)  # without a pause, it looks like noise to a tracker
    hiss = noise(rng, seconds=3, rate=rate, amplitude=0.05)
    profile = noise_profile(noise(rng, seconds=1, rate=rate, amplitude=0.05), rate=rate)
    tracked = denoise_plain(voice + hiss, rate=rate)
    told = denoise_plain(voice + hiss, rate=rate, profile=profile)
    assert sdr_db(voice, told) > sdr_db(voice, voice + hiss) + 6
    assert sdr_db(voice, told) > sdr_db(voice, tracked) + 6
    with pytest.raises(ParameterError, match="bins"):
        denoise_plain(voice, rate=48_000, profile=profile)
    with pytest.raises(ParameterError, match="too short"):
        noise_profile(hiss[:, :100], rate=rate)


def test_the_music_rule_spares_held_notes(rng):
    rate = 22_050
    chord = sum(sine(f, seconds=6, rate=rate, amplitude=0.1) for f in (220, 277.2, 329.6, 440))
    assert sdr_db(chord, denoise_plain(chord, rate=rate, rule=music_rule(Rule()))) > 30
    noisy = chord + noise(rng, seconds=6, rate=rate, amplitude=0.02)
    assert sdr_db(chord, denoise_plain(noisy, rate=rate, rule=music_rule(Rule()))) > sdr_db(chord, noisy) + 2


def test_the_gentle_mask_leaves_no_musical_noise(rng):
    """A hard mask lets single bins of noise flicker through; the gentle one leaves noise what it is."""
    rate = 16_000
    hiss = noise(rng, seconds=3, rate=rate, amplitude=0.03)

    def roughness(rule):
        level = np.abs(stft(denoise_plain(hiss, rate=rate, rule=rule), n_fft=512, hop=128))
        return float(np.mean(level**4) / np.mean(level**2) ** 2)  # 2 for Gaussian noise

    assert roughness(Rule("mask", threshold_db=-44.0, hard=True)) > 10
    assert roughness(Rule("mask", threshold_db=-44.0)) < 3


def test_rows_are_denoised_each_for_itself(noisy):
    _, mixed = noisy
    rows = denoise_rows(np.concatenate([mixed, 0.1 * mixed[:, ::-1]]), rate=16_000)
    np.testing.assert_allclose(rows[:1], denoise_plain(mixed, rate=16_000), atol=1e-5)


def test_bad_values_are_refused():
    with pytest.raises(ParameterError, match="engine"):
        Rule("magic")
    with pytest.raises(ParameterError, match="floor"):
        Rule(floor_db=3)
    with pytest.raises(ParameterError, match="strength"):
        denoise_plain(np.zeros((1, 100), np.float32), rate=8000, strength=1.5)


def test_music_is_told_from_speech(rng):
    assert music_score(plucks(rng, seconds=8), rate=22_050) > 0.5
    speech = syllables(rng, seconds=8, rate=22_050)
    assert music_score(speech, rate=22_050) < 0.5
    assert music_score(speech + noise(rng, seconds=8), rate=22_050) < 0.5
    assert music_score(np.zeros((2, 100_000), np.float32), rate=22_050) == 0


def test_the_exponential_integral_is_scipys():
    from scipy.special import exp1

    x = np.geomspace(1e-3, 1e4, 2000)
    assert np.abs(exponential_integral(x) - exp1(x)).max() < 3e-7
