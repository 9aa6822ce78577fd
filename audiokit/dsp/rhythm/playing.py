"""Play stretches of constant speed one after the other, pitch kept, from a source that is read as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audiokit.dsp.spectrum.samples import Samples

#: Gives samples start to stop (C, stop - start) of a source, zeros where there are none.
Take = Callable[[int, int], np.ndarray]
_CONTEXT_S = 0.3
# Two stretches fade into each other over this long.
_FADE_S = 0.03
# A join may move a stretch by this much to make waveforms agree: one period of 440 Hz in all.
_SHIFT_S = 0.0012
# More than twice slower, the stretcher draws where it reads: the same draw every time gives the same samples.
_SEED = 0


@dataclass(frozen=True)
class Stretch:
    """One stretch of constant speed.

    Attributes:
        start, stop: output samples it fills.
        source: input sample that is heard at `start`.
        speed: input samples per output sample.
        shift: samples by which what is rendered is taken later, so that it continues the stretch before.
    """

    start: int
    stop: int
    source: float
    speed: float
    shift: int = 0


def play(
    take: Take,
    rate: int,
    plan: Sequence[Stretch],
    semitones: float = 0.0,
    *,
    place: bool = True,
) -> Iterator[tuple[np.ndarray, Stretch]]:
    """Play a plan from a source that is read as it goes, holding no more than one stretch.

    Args:
        take: gives samples start to stop of the source (C, stop - start), zeros where there are none.
        rate: sample rate in Hz.
        plan: stretches that follow each other.
        semitones: pitch change.
        place: move each stretch by up to a millisecond so that the waveform goes on smoothly.

    Yields:
        Audio (C, n) in order, and the stretch that completed it, with its shift.

    >>> ones = lambda start, stop: np.ones((1, stop - start), np.float32)
    >>> [piece.shape for piece, _ in play(ones, 8000, [Stretch(0, 4000, 0.0, 1.0), Stretch(4000, 8000, 4000.0, 1.0)])]
    [(1, 3760), (1, 4240)]
    """
    fade, reach = round(_FADE_S * rate), round(_SHIFT_S * rate)
    tail = np.zeros((0, 0), np.float32)  # the last samples, which the next stretch may fade into
    for index, stretch in enumerate(plan):
        lead = min(fade, stretch.start) if index else 0
        # A margin on both sides: what the stretcher gives depends on where it starts, so that must not move.
        span = _render_span(take, rate, stretch, stretch.start - lead - reach, stretch.stop + reach, semitones)
        if place and lead:
            stretch = replace(stretch, shift=_best_shift(tail.mean(axis=0), span.mean(axis=0), reach))
        at = reach + stretch.shift
        piece = span[:, at : at + lead + stretch.stop - stretch.start]
        if lead:
            rise = ((np.arange(lead) + 0.5) / lead).astype(np.float32)
            piece[:, :lead] = crossfade(tail, piece[:, :lead], rise)
        ready = piece.shape[1] if index == len(plan) - 1 else max(0, piece.shape[1] - fade)
        tail = piece[:, ready:]
        yield piece[:, :ready], stretch


def _best_shift(old: np.ndarray, new: np.ndarray, reach: int) -> int:
    """Shift of `new` (which begins `reach` early) that looks most like `old`."""
    scores = np.empty(2 * reach + 1)
    for shift in range(-reach, reach + 1):
        piece = new[reach + shift : reach + shift + len(old)]
        score = float(old @ piece) / (float(np.linalg.norm(old) * np.linalg.norm(piece)) + 1e-9)
        scores[shift + reach] = score - 0.02 * abs(shift) / max(1, reach)
    return int(scores.argmax()) - reach


def crossfade(old: np.ndarray, new: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Fade from one sound (C, n) to another at constant power, whatever their correlation, as `rise` (n,) goes to 1.

    >>> crossfade(np.ones((1, 3)), np.ones((1, 3)), np.array([0.0, 0.5, 1.0])).tolist()
    [[1.0, 1.0, 1.0]]
    """
    if np.array_equal(old, new):
        return new
    energy = float(np.sqrt((old**2).sum() * (new**2).sum()))
    alike = float(np.clip((old * new).sum() / energy, 0.0, 1.0)) if energy > 0 else 1.0
    gain = 1 / np.sqrt(rise**2 + (1 - rise) ** 2 + 2 * rise * (1 - rise) * alike)
    return ((1 - rise) * old + rise * new) * gain


def _render_span(take: Take, rate: int, stretch: Stretch, start: int, stop: int, semitones: float) -> np.ndarray:
    """Output samples start..stop as one stretch has them, also outside its own range."""
    first = stretch.source + (start - stretch.start) * stretch.speed
    count = stop - start
    if stretch.speed == 1.0 and not semitones:
        return take(round(first), round(first) + count)
    import python_stretch

    context = round(_CONTEXT_S * rate)
    # Input and output lengths are whole numbers: a little more of both keeps their ratio right.
    wanted = count + 2 * context
    begin = round(first - context * stretch.speed)
    taken = np.ascontiguousarray(take(begin, begin + max(1, round(wanted * stretch.speed))))
    engine = python_stretch.Signalsmith.Stretch(_SEED)
    engine.preset(len(taken), rate)
    engine.setTimeFactor(stretch.speed)
    if semitones:
        engine.setTransposeSemitones(semitones, min(0.5, 8000 / rate))
    result = engine.process(taken)
    offset = round((first - begin) / stretch.speed)
    return samples_of(np.asarray(result, np.float32), offset, offset + count)


def samples_of(y: Samples, start: int, stop: int) -> np.ndarray:
    """Take samples start to stop of audio (C, T), with zeros where there is nothing.

    >>> samples_of(np.ones((1, 2), np.float32), -1, 3).tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """
    out = np.zeros((y.shape[0], stop - start), np.float32)
    low, high = max(0, start), min(y.shape[1], stop)
    if low < high:
        out[:, low - start : high - start] = y[:, low:high]
    return out
