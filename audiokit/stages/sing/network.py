"""The network engines of `sing`: the published way alone, and as a refiner of what the default engine sang."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.spectrum.samples import whole
from audiokit.stages.sing.levels import Sung, one_voice, resample
from audiokit.stages.sing.settings import Singing

if TYPE_CHECKING:
    from audiokit.models.voice.vocal_slide import VocalGenerators

#: The model that is used unless another is named.
DEFAULT_MODEL = "sing-gan"


def _load(how: Singing) -> VocalGenerators:
    from audiokit.models.folder.runtime import open_network
    from audiokit.models.voice.vocal_slide import VocalGenerators

    return VocalGenerators(open_network(how.model or DEFAULT_MODEL, kind="sing", device=how.device))


def sing_with_network(speech: np.ndarray, rate: int, backing: np.ndarray, backing_rate: int, how: Singing) -> Sung:
    """The published way: mel columns of speech and backing in, mel columns of a vocal out, phase found anew."""
    from audiokit.dsp.voice.vocal_mel import RATE, SILENCE_DB, from_mel, level_gain, to_mel

    generators = _load(how)
    mono, own = one_voice(speech, rate)
    x = resample(mono[:][None], own, RATE, None)[0]
    warnings = []
    frames_s = backing.shape[1] / backing_rate
    if len(x) / RATE > frames_s:
        if how.fit == "loop":
            repeats = int(np.ceil(len(x) / RATE / frames_s))
            backing = np.tile(backing, (1, repeats))[:, : round(len(x) / RATE * backing_rate)]
        else:
            warnings.append(f"the speech is cut to the backing's {frames_s:.1f} s (--fit loop repeats the backing)")
    elif how.fit == "loop":
        x = np.tile(x, int(np.ceil(frames_s * RATE / len(x))))
    total = backing.shape[1]
    x = x[: round(total / backing_rate * RATE)]
    spoken = to_mel(x * np.float32(level_gain(x)))
    z = resample(backing.mean(axis=0, keepdims=True), backing_rate, RATE, len(x))[0]
    played = to_mel(z * np.float32(level_gain(z)))
    mel = np.maximum(generators.sing(spoken, played), SILENCE_DB)
    rng = np.random.default_rng(how.seed)
    y = from_mel(mel, length=len(x), iterations=64 if how.quality == "best" else 16, rng=rng)
    y *= _gate(x, RATE)
    return Sung(resample(y[None], RATE, backing_rate, total), backing_rate, backing, None, warnings)


def refine(sung: Sung, how: Singing) -> Sung:
    """Let the network correct the spectrum of what the default engine sang; pitch and phase are kept."""
    from audiokit.dsp.voice.vocal_mel import RATE, SILENCE_DB, from_mel, level_gain, to_mel

    generators = _load(how)
    x = resample(whole(sung.vocal), sung.rate, RATE, None)[0]
    gain = np.float32(level_gain(x))
    mel = to_mel(x * gain)
    better = generators.sing(mel, np.full_like(mel, SILENCE_DB))
    iterations = 16 if how.quality == "best" else 4
    y = from_mel(better, length=len(x), source=x * gain, iterations=iterations, rng=np.random.default_rng(how.seed))
    y = y / gain * _gate(x, RATE)
    return replace(sung, vocal=resample(y[None], RATE, sung.rate, sung.vocal.shape[1]))


def _gate(x: np.ndarray, rate: int) -> np.ndarray:
    """1 where there is sound, 0 where there was silence, 20 ms ramps between: silence is kept."""
    size = rate // 100
    blocks = np.abs(np.pad(x, (0, -len(x) % size))).reshape(-1, size).max(axis=1)
    open_ = np.convolve(blocks > 1e-4 * max(blocks.max(), 1e-9), np.ones(5), "same") > 0
    smooth = np.convolve(open_, np.ones(3) / 3, "same")
    return np.interp(np.arange(len(x)), (np.arange(len(blocks)) + 0.5) * size, smooth).astype(np.float32)  # type: ignore[no-any-return]


def speak(vocal: np.ndarray, rate: int, how: Singing) -> np.ndarray:
    """Turn singing into speech with the VocalCycleGAN's other generator.

    Args:
        vocal: audio (C, T), float32.
        rate: its sample rate in Hz.
        how: model, device, quality and seed.

    Returns:
        Audio (1, T), float32, at the same rate.
    """
    from audiokit.dsp.voice.vocal_mel import RATE, SILENCE_DB, from_mel, level_gain, to_mel

    generators = _load(how)
    x = resample(np.atleast_2d(vocal).mean(axis=0, keepdims=True, dtype=np.float32), rate, RATE, None)[0]
    gain = np.float32(level_gain(x))
    mel = np.maximum(generators.speak(to_mel(x * gain)), SILENCE_DB)
    iterations = 64 if how.quality == "best" else 16
    y = from_mel(mel, length=len(x), iterations=iterations, rng=np.random.default_rng(how.seed))
    return resample((y / gain * _gate(x, RATE))[None], RATE, rate, np.atleast_2d(vocal).shape[1])
