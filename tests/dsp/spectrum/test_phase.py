"""Phase retrieval: the reference algorithm's numbers, better starts, and joins that cannot be heard."""

import numpy as np
import pytest

from audiokit.dsp.spectrum.griffin_lim import BandKeeper, PhaseSettings
from audiokit.dsp.spectrum.mel import mel_filterbank, mel_to_linear
from audiokit.dsp.spectrum.phase import PhaseStream, griffin_lim, pghi, retrieve_phase
from audiokit.dsp.spectrum.stft import istft, stft
from audiokit.errors import ParameterError

N_FFT, HOP, RATE = 1024, 256, 22050


def music(seconds=3.0, seed=0):
    """Plucked chords over soft noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(RATE * seconds)) / RATE
    y = 0.003 * rng.standard_normal(t.size)
    for start in np.arange(0, seconds, 0.35):
        since = np.maximum(t - start, 0)
        f0 = 220 * 2 ** (rng.integers(0, 24) / 12)
        for k in range(1, 9):
            y += (t >= start) * 0.2 / k * np.exp(-3 * k**0.5 * since) * np.sin(2 * np.pi * k * f0 * since)
    return (y / np.abs(y).max() * 0.8).astype(np.float32)[None]


def magnitude_of(y):
    return np.abs(stft(y, n_fft=N_FFT, hop=HOP))


def convergence_db(S, target, length):
    """Spectral convergence: how far the magnitude of the resulting audio is from the target."""
    y = istft(S, n_fft=N_FFT, hop=HOP, length=length)
    return 20 * np.log10(np.linalg.norm(magnitude_of(y) - target) / np.linalg.norm(target))


@pytest.mark.parametrize(("iterations", "tolerance"), [(1, 1e-5), (4, 1e-4), (32, 3e-3)])
def test_griffin_lim_equals_librosa_from_zero_phase(shared, iterations, tolerance):
    golden = shared / "golden" / "models" / "dsp"
    y = np.load(golden / "mono_22050.npy")[None, :44100]
    expected = np.load(golden / f"librosa_griffinlim_{iterations}_zero.npy")
    target = magnitude_of(y)
    S = griffin_lim(target, n_fft=N_FFT, hop=HOP, iterations=iterations, start=target + 0j, length=expected.size)
    found = istft(S, n_fft=N_FFT, hop=HOP, length=expected.size)[0]
    assert np.abs(found - expected).max() < tolerance


def test_gradient_start_beats_librosa_by_6_db():
    import librosa

    y = music()
    target = magnitude_of(y)
    S = retrieve_phase(target, PhaseSettings(N_FFT, HOP), length=y.shape[1])
    theirs = librosa.griffinlim(target[0], n_iter=32, hop_length=HOP, n_fft=N_FFT, length=y.shape[1], random_state=0)
    baseline = convergence_db(stft(theirs[None], n_fft=N_FFT, hop=HOP), target, y.shape[1])
    assert convergence_db(S, target, y.shape[1]) < baseline - 6
    np.testing.assert_allclose(np.abs(S), target, rtol=1e-4, atol=1e-5)


def test_pghi_alone_beats_plain_griffin_lim():
    y = music()
    target = magnitude_of(y)
    alone = convergence_db(pghi(target, n_fft=N_FFT, hop=HOP), target, y.shape[1])
    plain = griffin_lim(target, n_fft=N_FFT, hop=HOP, momentum=0, iterations=8, length=y.shape[1])
    assert alone < convergence_db(plain, target, y.shape[1]) - 3


def test_source_phase_of_the_same_sound_is_exact():
    y = music(1.0)
    S = stft(y, n_fft=N_FFT, hop=HOP)
    settings = PhaseSettings(N_FFT, HOP, init="source", iterations=4)
    found = retrieve_phase(np.abs(S), settings, source=S, length=y.shape[1])
    back = istft(found, n_fft=N_FFT, hop=HOP, length=y.shape[1])
    assert np.abs(back - y).max() < 1e-4


def test_source_phase_of_a_changed_sound_beats_none():
    y = music(2.0)
    S = stft(y, n_fft=N_FFT, hop=HOP)
    envelope = np.exp(-np.linspace(0, 2, S.shape[1]))[None, :, None].astype(np.float32)
    target = magnitude_of(istft(S * envelope, n_fft=N_FFT, hop=HOP, length=y.shape[1]))
    errors = {}
    for init in ("source", "random"):
        settings = PhaseSettings(N_FFT, HOP, init=init, iterations=8)
        found = retrieve_phase(target, settings, source=S, length=y.shape[1])
        errors[init] = convergence_db(found, target, y.shape[1])
    assert errors["source"] < errors["random"] - 15


@pytest.mark.parametrize("init", ["pghi", "random"])
def test_blocks_equal_the_whole(init, rng):
    magnitude = magnitude_of(music(3.0))
    settings = PhaseSettings(N_FFT, HOP, init=init, iterations=3, segment=70)
    whole = retrieve_phase(magnitude, settings, length=3 * RATE)
    stream = PhaseStream(1, settings)
    cuts = np.sort(rng.integers(0, magnitude.shape[2], 5))
    parts = [stream.push(block) for block in np.split(magnitude, cuts, axis=2)]
    parts.append(stream.finish(3 * RATE))
    np.testing.assert_allclose(np.concatenate(parts, axis=2), whole, atol=1e-4)


def test_joins_of_segments_are_no_worse_than_the_rest():
    """A tone that stops matching at a join would click: look at the error exactly there."""
    y = music(6.0) + 0.3 * np.sin(2 * np.pi * 440.3 / RATE * np.arange(6 * RATE, dtype=np.float32))
    target = magnitude_of(y)
    segment = 64
    settings = PhaseSettings(N_FFT, HOP, segment=segment)
    S = retrieve_phase(target, settings, length=y.shape[1])
    found = magnitude_of(istft(S, n_fft=N_FFT, hop=HOP, length=y.shape[1]))
    error = np.linalg.norm(found - target, axis=1)[0]
    joins = np.arange(segment, target.shape[2] - segment, segment)
    at_joins = np.sqrt(np.mean([np.mean(error[j - 2 : j + 3] ** 2) for j in joins]))
    assert at_joins < 1.5 * np.sqrt(np.mean(error**2))
    cut = [retrieve_phase(target[:, :, j - segment : j], settings) for j in joins]
    careless = magnitude_of(istft(np.concatenate(cut, axis=2), n_fft=N_FFT, hop=HOP))
    wrong = np.linalg.norm(careless - target[:, :, : careless.shape[2]], axis=1)[0]
    careless_joins = np.sqrt(np.mean([np.mean(wrong[j - 2 : j + 3] ** 2) for j in joins[:-1]]))
    assert at_joins < 0.5 * careless_joins


def test_bands_of_an_estimate_are_kept():
    y = music(2.0)
    W = mel_filterbank(RATE, N_FFT, 60)
    mel = W @ magnitude_of(y)
    estimate = mel_to_linear(mel, W)
    errors = []
    for keeper in (None, BandKeeper(W)):
        S = retrieve_phase(estimate, PhaseSettings(N_FFT, HOP), length=y.shape[1], keeper=keeper)
        bands = W @ magnitude_of(istft(S, n_fft=N_FFT, hop=HOP, length=y.shape[1]))
        floor = 1e-3 * mel.max()
        errors.append(np.abs(np.log((bands + floor) / (mel + floor))).mean())
    assert errors[1] < 0.9 * errors[0]


def test_middle_of_a_stereo_picture_stays_in_the_middle():
    y = np.concatenate([music(2.0), 0.5 * music(2.0)])
    S = retrieve_phase(magnitude_of(y), PhaseSettings(N_FFT, HOP), length=y.shape[1])
    left, right = istft(S, n_fft=N_FFT, hop=HOP, length=y.shape[1])
    np.testing.assert_allclose(right, left / 2, atol=1e-3)


def test_tone_keeps_its_frequency():
    y = np.sin(2 * np.pi * 1234.5 / RATE * np.arange(2 * RATE, dtype=np.float32))[None]
    found = istft(pghi(magnitude_of(y), n_fft=N_FFT, hop=HOP), n_fft=N_FFT, hop=HOP, length=y.shape[1])[0]
    spectrum = np.abs(np.fft.rfft(found * np.hanning(found.size)))
    assert abs(spectrum.argmax() / 2 - 1234.5) <= 0.5


@pytest.mark.parametrize("shape", [(1, 513, 0), (1, 513, 1), (2, 513, 3)])
def test_short_and_silent_spectra(shape):
    S = retrieve_phase(np.zeros(shape, np.float32), PhaseSettings(N_FFT, HOP), length=10)
    assert S.shape == shape
    assert not S.any()


def test_same_seed_same_result():
    magnitude = magnitude_of(music(0.5))
    settings = PhaseSettings(N_FFT, HOP, init="random", iterations=2)
    first, again, other = (retrieve_phase(magnitude, settings, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize(
    "wrong", [{"init": "zero"}, {"iterations": -1}, {"hop": 700}, {"window": "kaiser"}, {"hop": 0}]
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError):
        PhaseSettings(**{"n_fft": N_FFT, "hop": HOP, **wrong})


def test_a_missing_source_is_refused():
    with pytest.raises(ParameterError, match="source"):
        retrieve_phase(np.ones((1, 513, 4), np.float32), PhaseSettings(N_FFT, HOP, init="source"))


def test_compiled_code_needs_no_place_to_be_kept(monkeypatch):
    from numba.core.caching import CacheImpl

    from audiokit.dsp.spectrum.phase_kernels import compiled

    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert compiled.__wrapped__() is not None
