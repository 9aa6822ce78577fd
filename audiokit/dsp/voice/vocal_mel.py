"""The mel columns a VocalCycleGAN works on, and the way back from them to sound."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
from audiokit.dsp.spectrum.mel import mel_filterbank, mel_to_linear
from audiokit.dsp.spectrum.phase import retrieve_phase
from audiokit.dsp.spectrum.stft import istft, stft

#: Framing of the published system (its preset of `spectro` has the same numbers).
RATE, N_FFT, HOP, MELS = 44_100, 2048, 512, 128
#: Value of silence, in dB.
SILENCE_DB = -80.0
#: Level that sounds are brought to before a network sees them: RMS of the active frames, dB below full scale.
LEVEL_DB = -20.0


def to_mel(y: np.ndarray) -> np.ndarray:
    """Turn audio into mel power columns in dB.

    Args:
        y: audio (T,) at 44,100 Hz, float32.

    Returns:
        Mels (128, N), float32, N = 1 + T // 512, not below -80 dB.

    >>> to_mel(np.zeros(5120, np.float32)).shape
    (128, 11)
    """
    S = stft(np.ascontiguousarray(y[None], np.float32), n_fft=N_FFT, hop=HOP)[0]
    mel = mel_filterbank(RATE, N_FFT, MELS) @ (S.real**2 + S.imag**2)
    return np.maximum(10 * np.log10(np.maximum(mel, 1e-10)), SILENCE_DB).astype(np.float32)


def from_mel(
    mel_db: np.ndarray,
    *,
    length: int,
    source: np.ndarray | None = None,
    iterations: int = 32,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Turn mel power columns back into audio.

    Args:
        mel_db: mels (128, N) in dB.
        length: samples to return.
        source: audio (T,) whose fine structure and phase the mels were made from, if there is one: then only the
            difference of the mels is put on it.
        iterations: rounds of fast Griffin-Lim.
        rng: of the phase of inaudible bins.

    Returns:
        Audio (length,), float32.
    """
    filters = mel_filterbank(RATE, N_FFT, MELS)
    mel_db = np.maximum(mel_db, SILENCE_DB)
    mel = np.where(mel_db > SILENCE_DB + 0.5, 10 ** (mel_db / 10), 0.0).astype(np.float32)
    S = None
    if source is not None:
        S = stft(np.ascontiguousarray(source[None], np.float32), n_fft=N_FFT, hop=HOP)[:, :, : mel.shape[1]]
        start = S.real**2 + S.imag**2 + 1e-9
        power = mel_to_linear(mel[None], filters, start=start, iterations=20)
    else:
        power = mel_to_linear(mel[None], filters)
    settings = PhaseSettings(N_FFT, HOP, init="source" if S is not None else "pghi", iterations=iterations)
    spectrum = retrieve_phase(np.sqrt(power), settings, source=S, length=length, rng=rng)
    return istft(spectrum, n_fft=N_FFT, hop=HOP, length=length)[0]


def level_gain(y: np.ndarray) -> float:
    """Find the gain that brings the active part of a sound to `LEVEL_DB`; 1 for silence.

    >>> round(level_gain(0.05 * np.ones(44100, np.float32)), 3)
    2.0
    """
    frames = y[: len(y) // 1024 * 1024].reshape(-1, 1024)
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    if not power.size or power.max() < 1e-10:
        return 1.0
    active = power[power > 1e-3 * power.max()]
    return float(10 ** (LEVEL_DB / 20) / np.sqrt(active.mean()))
