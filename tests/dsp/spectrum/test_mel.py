"""Mel filter bank equal to librosa's; the non-negative solve gives the same bands back."""

import numpy as np
import pytest

from audiokit.dsp.spectrum.mel import hz_to_mel, linear_to_mel, mel_filterbank, mel_to_hz, mel_to_linear
from audiokit.errors import ParameterError

BANKS = [
    (22050, 2048, 128, 0.0, None, "slaney", False),
    (22050, 1024, 80, 0.0, 8000.0, "slaney", False),
    (24000, 1024, 100, 0.0, None, None, True),
    (16000, 1000, 40, 80.0, 7600.0, None, False),
]


@pytest.mark.parametrize("bank", BANKS)
def test_equals_librosa(bank):
    import librosa

    rate, n_fft, n_mels, fmin, fmax, norm, htk = bank
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, norm=norm, htk=htk)
    np.testing.assert_allclose(mel_filterbank(*bank), expected, atol=1e-7)


def test_equals_reference_rows(shared):
    rows = np.load(shared / "golden" / "models" / "melgan_neurips" / "audio2mel_mel_basis_rows_0_40_79.npy")
    np.testing.assert_allclose(mel_filterbank(22050, 1024, 80)[[0, 40, 79]], rows, atol=1e-7)


@pytest.mark.parametrize("htk", [False, True])
def test_scales_invert(htk):
    hz = np.linspace(0, 20000, 500)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz, htk=htk), htk=htk), hz, atol=1e-6)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_solve_explains_the_bands_better_than_the_clipped_pseudo_inverse(n_mels, rng):
    W = mel_filterbank(22050, 1024, n_mels)
    envelope = np.exp(-np.linspace(0, 5, 513))[None, :, None]
    truth = (rng.gamma(0.3, size=(2, 513, 40)) * envelope).astype(np.float32)
    mel = W @ truth
    found = mel_to_linear(mel, W)
    clipped = np.maximum(np.linalg.pinv(W) @ mel, 0)
    assert (found >= 0).all()
    assert np.linalg.norm(W @ found - mel) < 0.25 * np.linalg.norm(W @ clipped - mel)


def test_silence_stays_silent():
    W = mel_filterbank(22050, 1024, 80)
    assert not mel_to_linear(np.zeros((1, 80, 4), np.float32), W).any()


@pytest.mark.parametrize("cut", [1, 2, 100, 255, 256, 299])
@pytest.mark.parametrize("started", [False, True])
def test_bins_of_a_frame_do_not_depend_on_its_neighbours(rng, cut, started):
    W = mel_filterbank(22_050, 1024, 80)
    mel = rng.random((2, 80, 300), np.float32)
    start = rng.random((2, 300, 513), np.float32).transpose(0, 2, 1) if started else None

    def solved(part: slice) -> np.ndarray:
        return mel_to_linear(mel[:, :, part], W, start=None if start is None else start[:, :, part], iterations=5)

    whole = solved(slice(None))
    parts = [solved(slice(cut)), solved(slice(cut, None))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=2), whole)


@pytest.mark.parametrize("n_mels", [80, 300])
def test_solve_is_that_of_the_whole_matrices(n_mels, rng):
    """300 filters of 257 bins: some see none, and no band is alone."""
    W = mel_filterbank(22_050, 512, n_mels)
    mel = W @ rng.random((1, 257, 30), np.float32)
    H = np.maximum(np.linalg.pinv(W.astype(np.float64)) @ mel, 1e-6 * mel.max(axis=1)) * (W.max(axis=0) > 0)[:, None]
    for _ in range(60):
        H *= W.T.astype(np.float64) @ mel / np.maximum(W.T @ (W @ H), 1e-20)
    np.testing.assert_allclose(mel_to_linear(mel, W), H, rtol=2e-3, atol=1e-6 * H.max())


@pytest.mark.parametrize("wrong", [{"fmax": 12000.0}, {"fmin": 9000.0, "fmax": 8000.0}, {"n_mels": 0}, {"norm": "l2"}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError):
        mel_filterbank(**{"rate": 22050, "n_fft": 1024, "n_mels": 80, **wrong})


@pytest.mark.parametrize("cut", [1, 31, 32, 100, 199])
def test_bands_of_a_frame_do_not_depend_on_its_neighbours(rng, cut):
    filters = mel_filterbank(22_050, 1024, 80)
    values = rng.random((2, 513, 200), np.float32)
    whole = linear_to_mel(values, filters)
    parts = [linear_to_mel(values[:, :, :cut], filters), linear_to_mel(values[:, :, cut:], filters)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=2), whole)
    np.testing.assert_allclose(whole, filters @ values, rtol=1e-4)


def test_bands_are_the_same_wherever_the_spectrum_lies(rng):
    """Neither how it lies in memory nor where it begins there changes the order of a sum."""
    filters = mel_filterbank(22_050, 1024, 80)
    values = rng.random((1, 513, 203), np.float32)
    whole = linear_to_mel(values, filters)
    shifted = np.empty(values.size + 1, np.float32)[1:].reshape(values.shape)
    shifted[:] = values
    frames_first = np.ascontiguousarray(values.transpose(0, 2, 1)).transpose(0, 2, 1)
    wider = np.zeros((1, 513, 1000), np.float32)
    wider[:, :, 7:210] = values
    for other in (shifted, frames_first, wider[:, :, 7:210]):
        np.testing.assert_array_equal(linear_to_mel(other, filters), whole)
    exact = filters.astype(np.float64) @ values.astype(np.float64)
    np.testing.assert_allclose(whole, exact, rtol=2e-6)
