"""Spectra, mel bands and phases beside librosa and scipy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
from audiokit.dsp.spectrum.mel import linear_to_mel, mel_filterbank, mel_to_linear
from audiokit.dsp.spectrum.phase import retrieve_phase
from audiokit.dsp.spectrum.stft import istft, stft, window_values
from audiokit.io import audio
from tests import signals
from tests.bench.dependencies.measuring import Inputs, Row, timed

N_FFT, HOP = 2048, 512
_STFT = "from audiokit.dsp.spectrum.stft import stft"
_MEL = "from audiokit.dsp.spectrum.mel import mel_filterbank"


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons."""
    y, rate = music(inputs)
    yield from _transforms(y)
    yield from _mel(y, rate)
    yield from _phase(y[:1, : 10 * rate])


def music(inputs: Inputs, seconds: int = 30) -> tuple[np.ndarray, int]:
    """Half a minute of a real song (C, T), or of plucked strings where there is none."""
    found = sorted((inputs.shared / "audio/stems/everythingisremixed").glob("*/mixture.flac"))
    if found:
        y, info = audio.read(found[0])
        return np.ascontiguousarray(y[:, : seconds * info.rate]), info.rate
    return signals.plucks(np.random.default_rng(0), float(seconds), 44_100), 44_100


def _db(error: np.ndarray, truth: np.ndarray) -> str:
    ratio = np.linalg.norm(np.asarray(error).ravel()) / np.linalg.norm(np.asarray(truth).ravel())
    return f"{20 * np.log10(max(ratio, 1e-20)):.0f} dB"


def _transforms(y: np.ndarray) -> Iterator[Row]:
    import librosa
    from scipy.signal import ShortTimeFFT, get_window

    window = window_values("hann", N_FFT)
    padded = np.pad(y.astype(np.float64), ((0, 0), (N_FFT // 2, N_FFT // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP]
    exact = np.moveaxis(np.fft.rfft(frames * get_window("hann", N_FFT), axis=2), 2, 1)
    scipy_stft = ShortTimeFFT(window.astype(np.float32), HOP, 1, fft_mode="onesided", phase_shift=None)
    last = exact.shape[2]

    own_s, S = timed(lambda: stft(y, n_fft=N_FFT, hop=HOP))
    # Everything after it wants C order, which librosa's spectra do not have.
    librosa_s, theirs = timed(lambda: np.ascontiguousarray(librosa.stft(y, n_fft=N_FFT, hop_length=HOP)))
    scipy_s, found = timed(lambda: np.ascontiguousarray(scipy_stft.stft(y, p0=0, p1=last)))
    measure = "error against float64"
    file = "dsp/spectrum/stft.py"
    yield Row(
        "STFT", file, "librosa.stft", measure, _db(S - exact, exact), _db(theirs - exact, exact),
        (own_s, librosa_s), (_STFT, "from librosa import stft"),
    )  # fmt: skip
    yield Row(
        "STFT", file, "scipy.signal.ShortTimeFFT", measure, _db(S - exact, exact), _db(found - exact, exact),
        (own_s, scipy_s), (_STFT, "from scipy.signal import ShortTimeFFT"),
    )  # fmt: skip
    length = y.shape[1]
    own_s, again = timed(lambda: istft(S, hop=HOP, length=length))
    librosa_s, theirs = timed(lambda: librosa.istft(S, hop_length=HOP, length=length))
    # scipy counts its frames from one that lies before the signal.
    whole = scipy_stft.stft(y)
    scipy_s, found = timed(lambda: scipy_stft.istft(whole, k1=length))
    measure = "round trip"
    yield Row(
        "ISTFT", file, "librosa.istft", measure, _db(again - y, y), _db(theirs - y, y),
        (own_s, librosa_s), (_STFT, "from librosa import istft"),
    )  # fmt: skip
    yield Row(
        "ISTFT", file, "scipy.signal.ShortTimeFFT", measure, _db(again - y, y), _db(found - y, y),
        (own_s, scipy_s), (_STFT, "from scipy.signal import ShortTimeFFT"),
    )  # fmt: skip


def _mel(y: np.ndarray, rate: int) -> Iterator[Row]:
    import librosa

    def own_filters() -> np.ndarray:
        mel_filterbank.cache_clear()
        return mel_filterbank(rate, N_FFT, 128)

    own_s, filters = timed(own_filters)
    librosa_s, theirs = timed(lambda: librosa.filters.mel(sr=rate, n_fft=N_FFT, n_mels=128))
    difference = f"max difference {np.abs(filters - theirs).max():.1e}"
    yield Row(
        "mel filter bank", "dsp/spectrum/mel.py", "librosa.filters.mel", "the two", difference, "reference",
        (own_s, librosa_s), (_MEL, "from librosa.filters import mel"),
    )  # fmt: skip

    own_s, bands = timed(lambda: linear_to_mel(np.abs(stft(y, n_fft=N_FFT, hop=HOP)) ** 2, filters))
    librosa_s, theirs = timed(
        lambda: librosa.feature.melspectrogram(y=y, sr=rate, n_fft=N_FFT, hop_length=HOP, n_mels=128)
    )
    yield Row(
        "mel bands of a song", "dsp/spectrum/mel.py", "librosa.feature.melspectrogram", "the two",
        _db(bands - theirs, theirs), "reference", (own_s, librosa_s),
        (_MEL, "from librosa.feature import melspectrogram"),
    )  # fmt: skip

    truth = np.abs(stft(y[:1, : 5 * rate], n_fft=N_FFT, hop=HOP))
    mel = linear_to_mel(truth, filters)

    def quality(found: np.ndarray) -> str:
        distance = np.abs(20 * np.log10((found + 1e-4) / (truth + 1e-4))).mean()
        return f"{distance:.2f} dB off; bands {_db(filters @ found - mel, mel)}"

    own_s, found = timed(lambda: mel_to_linear(mel, filters), repeats=1)
    librosa_s, theirs = timed(
        lambda: librosa.feature.inverse.mel_to_stft(mel, sr=rate, n_fft=N_FFT, power=1.0), repeats=1, warm=False
    )
    yield Row(
        "mel to linear", "dsp/spectrum/mel.py", "librosa.feature.inverse.mel_to_stft", "bins; bands, 5 s",
        quality(found), quality(theirs), (own_s, librosa_s), (_MEL, "from librosa.feature.inverse import mel_to_stft"),
    )  # fmt: skip


def _phase(y: np.ndarray) -> Iterator[Row]:
    import librosa

    magnitude = np.abs(stft(y, n_fft=N_FFT, hop=HOP))
    length = y.shape[1]

    def off(audio_found: np.ndarray) -> str:
        again = np.abs(stft(audio_found.reshape(1, -1), n_fft=N_FFT, hop=HOP))
        return _db(again - magnitude, magnitude)

    def ours(init: str) -> np.ndarray:
        settings = PhaseSettings(n_fft=N_FFT, hop=HOP, init=init)
        return istft(retrieve_phase(magnitude, settings, length=length), hop=HOP, length=length)

    librosa_s, theirs = timed(
        lambda: librosa.griffinlim(magnitude[0], n_iter=32, hop_length=HOP, length=length, random_state=0), repeats=1
    )
    start = ("from audiokit.dsp.spectrum.phase import griffin_lim", "from librosa import griffinlim")
    for init in ("pghi", "random"):
        own_s, found = timed(lambda init=init: ours(init), repeats=1)
        yield Row(
            f"phase, 32 rounds, start {init}", "dsp/spectrum/griffin_lim.py", "librosa.griffinlim",
            "spectral convergence, 10 s", off(found), off(theirs), (own_s, librosa_s), start,
        )  # fmt: skip
