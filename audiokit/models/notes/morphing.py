"""Morph through the latents of a network: a note model makes one new note, a DCGAN paints chunk after chunk.

Both forget the recordings: what comes out is painted, and no better than what the network can give back of A and B.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from audiokit.dsp.effects.curve import Curve, check_amount, curve_values
from audiokit.dsp.effects.long import Keep, in_memory
from audiokit.dsp.spectrum.samples import Samples, Wave, whole
from audiokit.errors import InputError, ModelError, UsageError

DEFAULT = "notes"
#: Samples that are heard at once, and chunks whose latents are found together.
_BLOCK, _CHUNKS = 1 << 18, 32


def morph_latent(
    a: Samples,
    b: Samples,
    rate: int,
    *,
    amount: float | Curve = 0.5,
    model: str | None = None,
) -> np.ndarray:
    """Blend two sounds in the latent space of a network.

    Args:
        a: audio (C, T), float32.
        b: audio (C, T2) with as many channels.
        rate: Hz, of both, 8000 to 192000.
        amount: 0 (a) to 1 (b); a DCGAN also takes points (share of the length, amount) with lines between.
        model: a note model, or a DCGAN of `audiokit train dcgan`; by name or folder, the shipped note model by
            default.

    Returns:
        Audio (C, T3), float32, with equal channels: between the lengths for notes, as long as the longer one for a
        DCGAN. Amounts 0 and 1 return a and b as they are.

    Raises:
        InputError: a sound is empty or silent.
        ModelError: the model is unknown or has no encoder.
        UsageError: a curve for a note model.
    """
    points = check_amount(amount)
    if not a.shape[1] or not b.shape[1]:
        raise InputError("there is nothing to morph: a sound is empty")
    for end, y in ((0.0, a), (1.0, b)):
        if all(value == end for _, value in points):
            return whole(y).astype(np.float32, copy=True)
    made, gain = between_latents(a, b, rate, points, model=model)
    return np.tile(made[:] * np.float32(gain), (a.shape[0], 1))


def between_latents(
    a: Samples, b: Samples, rate: int, points: Curve, *, model: str | None = None, keep: Keep = in_memory
) -> tuple[Wave, float]:
    """Make what lies between two sounds (`morph_latent`) with one channel (T,), and say how much louder it has to be.

    Args:
        a, b: audio (C, T), of which parts are taken.
        rate: Hz, of both.
        points: amounts along time, as `check_amount` gives them, not all of them 0 or 1.
        model: as for `morph_latent`.
        keep: where a long note is kept.
    """
    from audiokit.models.folder.checkpoint import find, read_card

    name = model or DEFAULT
    if read_card(find(name)).get("kind") == "morph":
        made, wanted = _through_chunks(whole(a), whole(b), rate, points, name)
        now = _rms(made)
        return made, wanted / now if now > 0 else 0.0
    if len({value for _, value in points}) > 1:
        raise UsageError("a note model makes one note: no curve", hint="use --amount, or a model of train dcgan")
    blocks, wanted = _one_note(a, b, rate, points[0][1], name)
    note = keep(blocks)
    now = _rms(note)
    return note, wanted / now if now > 0 else 0.0


class _Mono:
    """Audio (C, T) from some sample on, its channels averaged (T',), of which parts are taken."""

    def __init__(self, y: Samples, start: int = 0) -> None:
        self.samples, self._start = y, start

    def __len__(self) -> int:
        return self.samples.shape[1] - self._start

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        mean: np.ndarray = self.samples[:, start + self._start : stop + self._start].mean(axis=0, dtype=np.float32)
        return mean


def _note_in(y: Samples) -> _Mono:
    """A note from its first loud sample on."""
    mono = _Mono(y)
    peak = max(float(np.abs(block).max()) for block in _parts(mono))
    at = 0
    for block in _parts(mono):
        loud = np.flatnonzero(np.abs(block) > np.float32(0.02) * np.float32(peak))
        if len(loud):
            return _Mono(y, at + int(loud[0]))
        at += len(block)
    raise InputError("a sound is silent, so it is no note", hint="use --engine transport")


def _one_note(a: Samples, b: Samples, rate: int, amount: float, model: str) -> tuple[Iterator[np.ndarray], float]:
    """Render the note at a latent, pitch and length between those of two: blocks (n,), and the level it is to have."""
    from audiokit.dsp.notes.names import estimate_pitch
    from audiokit.models.notes.notes import between, load

    notes = load(model)
    sounds, pitches, lengths, levels = [], [], [], []
    for y in (a, b):
        mono = _note_in(y)
        pitches.append(float(estimate_pitch(mono[: 2 * rate], rate)))
        sounds.append(notes.encode(mono, rate, pitches[-1], 100))
        lengths.append(y.shape[1])
        levels.append(_rms(mono))
    pitch, length, level = ((1 - amount) * pair[0] + amount * pair[1] for pair in (pitches, lengths, levels))
    release_s = min(0.2, 0.2 * length / rate)
    blocks = notes.render_blocks(
        between(sounds[0], sounds[1], amount), pitch, 100, held_s=length / rate - release_s, release_s=release_s,
        decay_s=None, rate=rate, rng=np.random.default_rng(0),
    )  # fmt: skip
    return _cut(blocks, round(length)), level


def _cut(blocks: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Cut blocks (n,) to a length, or fill it with silence."""
    for block in blocks:
        yield block[:length]
        length -= len(block[:length])
    yield np.zeros(length, np.float32)


def _through_chunks(a: np.ndarray, b: np.ndarray, rate: int, points: Curve, model: str) -> tuple[np.ndarray, float]:
    """Project both sounds chunk by chunk, paint what lies between, and invert the whole; the level it is to have."""
    import soxr

    from audiokit.dsp.spectrum.stft import stft
    from audiokit.dsp.spectrum.style import StyleFrontend, peak_of, picture, resolved
    from audiokit.models.folder.checkpoint import load
    from audiokit.models.vocoders.engines import to_audio

    network, card = load(model, kind="morph")
    frontend = StyleFrontend.from_dict(card["frontend"])
    t = frontend.transform
    length = max(a.shape[1], b.shape[1])
    pictures, peaks, levels = [], [], []
    for y in (a, b):
        mono = np.pad(y.mean(axis=0, dtype=np.float32), (0, length - y.shape[1]))
        if not mono.any():
            raise InputError("a sound is silent, so it has no latent", hint="use --engine transport")
        own = np.asarray(soxr.resample(mono, rate, t.rate, quality="HQ"))
        S = stft(own[None], n_fft=t.n_fft, hop=t.hop, window=t.window)
        peaks.append(peak_of(S, frontend, n_fft=t.n_fft))
        pictures.append(picture(S, frontend, resolved(frontend, peaks[-1]), n_fft=t.n_fft)[0])
        levels.append(_rms(mono))
    x = curve_values(points, pictures[0].shape[1])
    painted = between_pictures(network, pictures, x, frames=frontend.frames, silence=t.silence)
    middle = float(np.exp((1 - x.mean()) * np.log(peaks[0]) + x.mean() * np.log(peaks[1])))
    if t.bins > frontend.bins:
        raise ModelError(f"{model}: sees only some of its bands, so its chunks cannot be inverted")
    inner = to_audio(painted[None], resolved(frontend, middle), length=len(own))[0]
    y = np.asarray(soxr.resample(inner, t.rate, rate, quality="HQ"))[:length]
    y = np.pad(y, (0, length - len(y))).astype(np.float32)
    return y, float((1 - x.mean()) * levels[0] + x.mean() * levels[1])


def between_pictures(
    network: Any, pictures: Sequence[np.ndarray], amounts: np.ndarray, *, frames: int, silence: float
) -> np.ndarray:
    """Paint a picture between two, in chunks that overlap by half and fade into each other.

    Args:
        network: what `project`s chunks (B, bins, frames) to latents (B, D) and `paint`s them.
        pictures: two of (bins, N).
        amounts: 0 to 1 for every frame (N,).
        frames: length of a chunk.
        silence: value of what lies beyond the ends.

    Returns:
        Picture (bins, N), float32.
    """
    count = pictures[0].shape[1]
    half = frames // 2
    starts = np.arange(-half, count, half)
    first, last = half, int(starts[-1]) + frames - count
    padded = [np.pad(p, ((0, 0), (first, max(0, last))), constant_values=silence) for p in pictures]
    chunks = [p[:, s + first : s + first + frames] for p in padded for s in starts]
    # No chunk looks at another, and what a network holds to find a latent is large.
    parts = [network.project(np.stack(chunks[k : k + _CHUNKS])) for k in range(0, len(chunks), _CHUNKS)]
    latents = np.split(np.concatenate(parts), 2)
    share = np.interp(starts + half - 0.5, np.arange(count), amounts)[:, None].astype(np.float32)
    painted = network.paint((1 - share) * latents[0] + share * latents[1])
    fade = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(frames) + 0.5) / frames)).astype(np.float32)  # two sum to 1
    out = np.zeros_like(padded[0])
    for s, chunk in zip(starts, painted, strict=True):
        out[:, s + first : s + first + frames] += fade * chunk
    return out[:, first : first + count]


def _parts(y: Wave) -> Iterator[np.ndarray]:
    return (y[k : k + _BLOCK] for k in range(0, len(y), _BLOCK))


def _rms(y: Wave) -> float:
    return float(np.sqrt(sum(float((part.astype(np.float64) ** 2).sum()) for part in _parts(y)) / len(y)))
