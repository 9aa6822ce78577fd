"""Short-time Fourier transform: librosa's framing, exact inverse, blocks equal to the whole."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.dsp.spectrum.fft import rfft
from audiokit.dsp.spectrum.frames import squared, transformed
from audiokit.dsp.spectrum.stft import IstftStream, StftStream, istft, stft, window_values
from audiokit.errors import ParameterError


def noise(channels, length, seed=0):
    return np.random.default_rng(seed).standard_normal((channels, length)).astype(np.float32)


@st.composite
def framings(draw):
    n_fft = draw(st.sampled_from([16, 50, 64, 127, 256, 1000]))
    hop = draw(st.integers(max(1, n_fft // 8), n_fft // 2))
    return {
        "n_fft": n_fft,
        "hop": hop,
        "window": draw(st.sampled_from(["hann", "hamming", "sqrt-hann"])),
        "pad": draw(st.sampled_from([n_fft // 2, (n_fft + hop) // 2, (3 * n_fft, n_fft // 2)])),
    }


@pytest.mark.parametrize("length", [1, 255, 256, 5000])
def test_equals_librosa(length):
    import librosa

    y = noise(2, length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = librosa.stft(y, n_fft=256, hop_length=64)
    np.testing.assert_allclose(stft(y, n_fft=256, hop=64), expected, atol=2e-5)
    back = librosa.istft(expected, n_fft=256, hop_length=64)
    np.testing.assert_allclose(istft(expected, n_fft=256, hop=64), back, atol=2e-5)


def test_equals_reference_values(shared):
    golden = shared / "golden" / "models" / "dsp"
    y = np.load(golden / "mono_22050.npy")[None, :44100]
    expected = np.load(golden / "librosa_stft_2s.npy")
    np.testing.assert_allclose(stft(y, n_fft=1024, hop=256)[0, :, ::4], expected, atol=1e-4)


@given(framings(), st.integers(1, 3), st.integers(0, 4000), st.sampled_from(["constant", "reflect"]))
@settings(max_examples=60, deadline=None)
def test_inverse_is_exact(framing, channels, length, pad_mode):
    y = noise(channels, length)
    S = stft(y, **framing, pad_mode=pad_mode, tail=True)
    back = istft(S, **framing, length=length)
    assert back.shape == y.shape
    assert np.abs(back - y).max(initial=0) < 1e-5


@given(
    framings(),
    st.lists(st.integers(0, 700), min_size=1, max_size=8),
    st.sampled_from(["constant", "reflect"]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_blocks_equal_the_whole(framing, sizes, pad_mode, tail):
    y = noise(2, sum(sizes))
    whole = stft(y, **framing, pad_mode=pad_mode, tail=tail)
    stream = StftStream(channels=2, **framing, pad_mode=pad_mode, tail=tail)
    inverse = IstftStream(channels=2, **framing)
    blocks = np.split(y, np.cumsum(sizes)[:-1], axis=1)
    spectra = [*(stream.push(block) for block in blocks), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(spectra, axis=2), whole)
    audio = [*(inverse.push(S) for S in spectra), inverse.finish(y.shape[1])]
    expected = istft(whole, **framing, length=y.shape[1])
    np.testing.assert_allclose(np.concatenate(audio, axis=1), expected, atol=1e-6)


def test_tone_lands_in_its_bin():
    y = np.sin(2 * np.pi * 32 / 512 * np.arange(8192, dtype=np.float32))[None]
    S = np.abs(stft(y, n_fft=512, hop=128))[0]
    assert (S[:, 8:-8].argmax(axis=0) == 32).all()
    np.testing.assert_allclose(S[32, 8:-8], 512 / 4, rtol=1e-3)


def test_input_is_unchanged_and_channels_are_independent():
    y = noise(3, 3000)
    kept = y.copy()
    together = stft(y, n_fft=256, hop=64)
    np.testing.assert_array_equal(y, kept)
    alone = np.concatenate([stft(y[c : c + 1], n_fft=256, hop=64) for c in range(3)])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman"])
def test_windows_are_periodic(window):
    from scipy.signal import get_window

    np.testing.assert_allclose(window_values(window, 50), get_window(window, 50), atol=1e-7)


@pytest.mark.parametrize("wrong", [{"hop": 0}, {"hop": 257}, {"window": "kaiser"}, {"pad_mode": "wrap"}, {"pad": 256}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError):
        stft(noise(1, 1000), **{"n_fft": 256, "hop": 64, **wrong})


def test_bins_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="129"):
        istft(np.zeros((1, 100, 5), np.complex64), n_fft=256, hop=64)


@pytest.mark.parametrize(
    ("n_fft", "hop", "count"), [(2048, 512, 700), (2048, 512, 256), (7, 3, 20), (1 << 20, 1000, 2)]
)
@pytest.mark.parametrize("into", [False, True])
def test_frames_that_are_turned_in_groups_are_those_of_a_plain_transform(n_fft, hop, count, into, rng):
    """More frames than are held at once, as many, and frames longer than what is."""
    y = rng.standard_normal((2, (count - 1) * hop + n_fft)).astype(np.float32)
    window = rng.random(n_fft, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft, axis=1)[:, ::hop] * window
    plain = rfft(frames).transpose(0, 2, 1)
    place = np.zeros((2, n_fft // 2 + 1, count + 3), np.complex64)[:, :, 1:-2] if into else None
    np.testing.assert_array_equal(transformed(y, count, hop, window, place), plain)
    place = None if place is None else place.real.copy()
    np.testing.assert_array_equal(squared(y, count, hop, window, place), plain.real**2 + plain.imag**2)


@pytest.mark.parametrize("make", [transformed, squared])
def test_frames_beyond_the_end_are_not_read(make):
    y, window = np.ones((1, 99), np.float32), np.ones(64, np.float32)
    assert make(y[:, :96], 3, 16, window).shape == (1, 33, 3)
    with pytest.raises(ValueError, match="95 samples do not hold 3 frames"):
        make(y[:, :95], 3, 16, window)
