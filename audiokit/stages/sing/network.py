"""The network engines of `sing`: the published way alone, and as a refiner of what the default engine sang.

Sounds lie in temporary files where they are long, and pass through mel columns, network and phase part by part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.spectrum.samples import Beginning, Line, Samples, blocks_of
from audiokit.dsp.voice.vocal_mel import level_gain
from audiokit.engine.spool import at_hand
from audiokit.io.means import averaged
from audiokit.io.reader import resampled
from audiokit.stages.sing.levels import Sung, one_voice, resample_blocks
from audiokit.stages.sing.melody import looped
from audiokit.stages.sing.settings import Singing

if TYPE_CHECKING:
    from audiokit.models.voice.vocal_slide import VocalGenerators

#: The model that is used unless another is named.
DEFAULT_MODEL = "sing-gan"
#: Samples that are held in memory of what the network hears, which is read twice.
_HELD = 1 << 21


def _load(how: Singing) -> VocalGenerators:
    from audiokit.models.folder.runtime import open_network
    from audiokit.models.voice.vocal_slide import VocalGenerators

    return VocalGenerators(open_network(how.model or DEFAULT_MODEL, kind="sing", device=how.device))


def sing_with_network(speech: Samples, rate: int, backing: Samples, backing_rate: int, how: Singing) -> Sung:
    """The published way: mel columns of speech and backing in, mel columns of a vocal out, phase found anew."""
    from audiokit.dsp.voice.vocal_mel import RATE, SILENCE_DB, from_mels, to_mels

    generators = _load(how)
    mono, own = one_voice(speech, rate)
    x = _at(RATE, (mono[k : k + own][None] for k in range(0, len(mono), own)), own)
    warnings = []
    frames_s = backing.shape[1] / backing_rate
    if x.shape[1] / RATE > frames_s:
        if how.fit == "loop":
            backing = _repeated(backing, round(x.shape[1] / RATE * backing_rate))
        else:
            warnings.append(f"the speech is cut to the backing's {frames_s:.1f} s (--fit loop repeats the backing)")
    elif how.fit == "loop":
        x = _repeated(x, round(frames_s * RATE))
    total = backing.shape[1]
    x = Beginning(x, round(total / backing_rate * RATE))
    z = _at(RATE, map(averaged, blocks_of(backing)), backing_rate, x.shape[1])
    spoken, played = (to_mels(_louder(y, level_gain(Line(y)))) for y in (x, z))
    both = (np.concatenate(pair) for pair in zip(spoken, played, strict=True))
    mels = (np.maximum(mel, SILENCE_DB) for mel in generators.sing_parts(both))
    rng, iterations = np.random.default_rng(how.seed), 64 if how.quality == "best" else 16
    y = _gated(from_mels(mels, length=x.shape[1], iterations=iterations, rng=rng), x, RATE)
    return Sung(resample_blocks(y, RATE, backing_rate, total), backing_rate, backing, None, warnings)


def refine(sung: Sung, how: Singing) -> Sung:
    """Let the network correct the spectrum of what the default engine sang; pitch and phase are kept."""
    from audiokit.dsp.voice.vocal_mel import RATE, SILENCE_DB, from_mels, to_mels

    generators = _load(how)
    x = _at(RATE, blocks_of(sung.vocal), sung.rate)
    gain = level_gain(Line(x))
    both = (np.concatenate([mel, np.full_like(mel, SILENCE_DB)]) for mel in to_mels(_louder(x, gain)))
    mels = generators.sing_parts(both)
    rng, iterations = np.random.default_rng(how.seed), 16 if how.quality == "best" else 4
    y = from_mels(mels, length=x.shape[1], source=_louder(x, gain), iterations=iterations, rng=rng)
    y = _gated((block / np.float32(gain) for block in y), x, RATE)
    return replace(sung, vocal=resample_blocks(y, RATE, sung.rate, sung.vocal.shape[1]))


def speak(vocal: Samples, rate: int, how: Singing) -> Samples:
    """Turn singing into speech with the VocalCycleGAN's other generator.

    Args:
        vocal: audio (C, T), float32: an array, or what takes parts of it from a file.
        rate: its sample rate in Hz.
        how: model, device, quality and seed.

    Returns:
        Audio (1, T), float32, at the same rate.
    """
    from audiokit.dsp.voice.vocal_mel import RATE, SILENCE_DB, from_mels, to_mels

    generators = _load(how)
    x = _at(RATE, map(averaged, blocks_of(vocal)), rate)
    gain = level_gain(Line(x))
    mels = (np.maximum(mel, SILENCE_DB) for mel in generators.speak_parts(to_mels(_louder(x, gain))))
    rng, iterations = np.random.default_rng(how.seed), 64 if how.quality == "best" else 16
    y = from_mels(mels, length=x.shape[1], iterations=iterations, rng=rng)
    y = _gated((block / np.float32(gain) for block in y), x, RATE)
    return resample_blocks(y, RATE, rate, vocal.shape[1])


def _at(target: int, blocks: Iterable[np.ndarray], rate: int, length: int | None = None) -> Samples:
    """Bring one channel (1, n), block by block, to another rate, and to a length if one is given."""
    if length is None:
        return at_hand(resampled(blocks, rate, target, 1), channels=1, most=_HELD)
    return resample_blocks(blocks, rate, target, length, most=_HELD)


def _repeated(y: Samples, length: int) -> Samples:
    """Play a sound (C, T) over and over until a length."""
    return at_hand(looped(y, 0, y.shape[1], 0, length), channels=y.shape[0])


def _louder(y: Samples, gain: float) -> Iterator[np.ndarray]:
    return (block * np.float32(gain) for block in blocks_of(y))


def _gated(blocks: Iterable[np.ndarray], x: Samples, rate: int) -> Iterator[np.ndarray]:
    """Blocks (1, n), faded out in 20 ms where there was silence in the sound (1, T) they were made of."""
    size, start = rate // 100, 0
    heard = [
        np.abs(np.pad(block[0], (0, -block.shape[1] % size))).reshape(-1, size).max(axis=1)
        for block in blocks_of(x, 500 * size)
    ]
    if not heard:
        yield from blocks
        return
    highest = np.concatenate(heard)
    loud = np.pad(highest > 1e-4 * max(highest.max(), 1e-9), 2)
    open_ = np.pad(np.convolve(loud, np.ones(5), "valid") > 0, 1)
    smooth = np.convolve(open_, np.ones(3) / 3, "valid")
    for block in blocks:
        stop = start + block.shape[1]
        near = slice(max(start // size - 2, 0), stop // size + 3)
        centres = (np.arange(*near.indices(len(smooth))) + 0.5) * size
        yield block * np.interp(np.arange(start, stop), centres, smooth[near]).astype(np.float32)
        start = stop
