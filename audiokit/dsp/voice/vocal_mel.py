"""The mel columns a VocalCycleGAN works on, and the way back from them to sound."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
from audiokit.dsp.spectrum.mel import linear_to_mel, mel_filterbank, mel_to_linear
from audiokit.dsp.spectrum.phase import PhaseStream
from audiokit.dsp.spectrum.samples import Wave, blocks_of
from audiokit.dsp.spectrum.stft import IstftStream, StftStream

#: Framing of the published system (its preset of `spectro` has the same numbers).
RATE, N_FFT, HOP, MELS = 44_100, 2048, 512, 128
#: Value of silence, in dB.
SILENCE_DB = -80.0
#: Level that sounds are brought to before a network sees them: RMS of the active frames, dB below full scale.
LEVEL_DB = -20.0
#: Columns turned back into spectra at once.
_FRAMES = 256


def to_mel(y: np.ndarray) -> np.ndarray:
    """Turn audio into mel power columns in dB.

    Args:
        y: audio (T,) at 44,100 Hz, float32.

    Returns:
        Mels (128, N), float32, N = 1 + T // 512, not below -80 dB.

    >>> to_mel(np.zeros(5120, np.float32)).shape
    (128, 11)
    """
    return np.concatenate([*to_mels(blocks_of(y[None]))], axis=1)


def to_mels(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Turn audio that arrives in blocks (1, n) into mel columns (128, k) as they come; all together are `to_mel`'s.

    >>> [mel.shape[1] for mel in to_mels([np.zeros((1, 2560), np.float32)] * 2)]
    [4, 5, 2]
    """
    filters = mel_filterbank(RATE, N_FFT, MELS)
    stream = StftStream(channels=1, n_fft=N_FFT, hop=HOP)
    for block in itertools.chain(blocks, [None]):
        S = stream.finish() if block is None else stream.push(block)
        mel = linear_to_mel(S.real**2 + S.imag**2, filters)[0]
        yield np.maximum(10 * np.log10(np.maximum(mel, 1e-10)), SILENCE_DB).astype(np.float32)


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
    own = None if source is None else blocks_of(source[None])
    return np.concatenate([*from_mels([mel_db], length=length, source=own, iterations=iterations, rng=rng)], axis=1)[0]


def from_mels(
    mels_db: Iterable[np.ndarray],
    *,
    length: int,
    source: Iterable[np.ndarray] | None = None,
    iterations: int = 32,
    rng: np.random.Generator | None = None,
) -> Iterator[np.ndarray]:
    """Turn mel columns (128, k) that arrive one after the other into audio, as `from_mel` does with all of them.

    Args:
        mels_db: mels in dB.
        length: samples to return in all.
        source: audio in blocks (1, n), as for `from_mel`; read as far as the mels have come.
        iterations: rounds of fast Griffin-Lim.
        rng: of the phase of inaudible bins.

    Yields:
        Blocks (1, n), float32.

    >>> mels = [np.full((128, 50), -80, np.float32)] * 2
    >>> sum(block.shape[1] for block in from_mels(mels, length=50_000, iterations=1))
    50000
    """
    filters = mel_filterbank(RATE, N_FFT, MELS)
    settings = PhaseSettings(N_FFT, HOP, init="pghi" if source is None else "source", iterations=iterations)
    phases, audio = PhaseStream(1, settings, rng=rng), IstftStream(channels=1, n_fft=N_FFT, hop=HOP)
    spectra = None if source is None else _Spectra(source)
    for all_db in mels_db:
        for first in range(0, all_db.shape[1], _FRAMES):
            mel_db = all_db[:, first : first + _FRAMES]
            mel = np.where(mel_db > SILENCE_DB + 0.5, 10 ** (mel_db / 10), 0.0).astype(np.float32)
            if spectra is None:
                S, power = None, mel_to_linear(mel[None], filters)
            else:
                S = spectra.take(mel.shape[1])
                power = mel_to_linear(mel[None], filters, start=S.real**2 + S.imag**2 + 1e-9, iterations=20)
            yield audio.push(phases.push(np.sqrt(power), S))
    yield audio.push(phases.finish(length))
    yield audio.finish(length)


class _Spectra:
    """The short-time spectra of a sound that is read as far as they are asked for."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self._blocks = iter(blocks)
        self._stream = StftStream(channels=1, n_fft=N_FFT, hop=HOP)

    def take(self, count: int) -> np.ndarray:
        """The next frames (1, F, count)."""
        while self._stream.ready < count:
            block = next(self._blocks, None)
            if block is None:
                self._stream.end()
                break
            self._stream.hold(block)
        return self._stream.take(min(count, self._stream.ready))


def level_gain(y: Wave) -> float:
    """Find the gain that brings the active part of a sound (T,) to `LEVEL_DB`; 1 for silence.

    >>> round(level_gain(0.05 * np.ones(44100, np.float32)), 3)
    2.0
    """
    stop = len(y) // 1024 * 1024
    parts = [y[k : min(k + (1 << 18), stop)].reshape(-1, 1024) for k in range(0, stop, 1 << 18)]
    power = np.concatenate([np.zeros(0), *((frames.astype(np.float64) ** 2).mean(axis=1) for frames in parts)])
    if not power.size or power.max() < 1e-10:
        return 1.0
    active = power[power > 1e-3 * power.max()]
    return float(10 ** (LEVEL_DB / 20) / np.sqrt(active.mean()))
