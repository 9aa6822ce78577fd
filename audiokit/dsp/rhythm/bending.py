"""Bend time inside beats: attacks go where they are sent as they are, and what lies between them is stretched.

A phase vocoder reads its frames along a time map. Each partial goes on in its own phase, those around a peak together
with it. Only what begins is set back to the phases of the recording, partial by partial: so attacks are heard as they
were, and tones that sound through them do not break. Pieces between attacks overlap just before an attack, where the
one that comes reads the recording at its own speed and the one that ends does not.

References:
    Laroche and Dolson (1999), Improved phase vocoder time-scale modification of audio (phases locked to peaks);
    Röbel (2003), A new approach to transient processing in the phase vocoder (phases set back where partials begin).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from audiokit.dsp.rhythm.playing import Take, crossfade
from audiokit.dsp.rhythm.warp import TimeMap
from audiokit.dsp.spectrum.fft import irfft, rfft

# Frames of about this length, a power of two of samples; as many of them overlap.
_FRAME_S, _OVERLAP = 0.0464, 4
# Pieces fade into each other over this long, and none is shorter than that.
_FADE_S, _SHORTEST_S = 0.012, 0.045
# What rises by this factor of power begins: from frame to frame, and from before an attack to behind it.
_RISE = 4.0
# Softer than the loudest of a frame by this (in power) nothing counts as beginning.
_FAINT = 1e-9
# Frames worked on together.
_TOGETHER = 64
# What a sum of squared windows that overlap is divided by.
_WINDOWS = 1.5


@dataclass(frozen=True)
class Piece:
    """One piece between attacks.

    Attributes:
        start, stop: output samples that it fills.
        places: source sample of the middle of each frame (K,).
        first: output sample of the middle of the first frame; others follow by a fixed step.
        source: source sample that is heard at `start`.
        copied: whether it is the recording as it is.
    """

    start: int
    stop: int
    places: np.ndarray
    first: int
    source: int
    copied: bool


def frame_size(rate: int) -> int:
    """Samples of a frame.

    >>> [frame_size(rate) for rate in (8000, 22050, 44100, 96000)]
    [512, 1024, 2048, 4096]
    """
    return int(2 ** max(5, round(np.log2(_FRAME_S * rate))))


def bend(take: Take, rate: int, time_map: TimeMap, joins_s: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Play a source along a time map, pitch kept, holding no more than a few frames.

    Args:
        take: gives samples start to stop of the source (C, stop - start), zeros where there are none.
        rate: sample rate in Hz.
        time_map: where what is heard comes from; at its own speed for a while after each join.
        joins_s: source times in seconds just before attacks, rising.
        length: samples of output.

    Yields:
        Audio (C, n) in order, `length` samples in all.

    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(1, 16000)).astype(np.float32)
    >>> from audiokit.dsp.rhythm.playing import samples_of
    >>> from functools import partial
    >>> still = TimeMap(np.array([0.0, 2.0]), np.array([0.0, 2.0]))
    >>> bool(np.array_equal(np.hstack(list(bend(partial(samples_of, y), 8000, still, np.array([1.0]), 16000))), y))
    True
    """
    size, fade = frame_size(rate), round(_FADE_S * rate)
    bender = _Bender(take, size)
    held: np.ndarray | None = None
    pieces = _pieces(time_map, joins_s, rate, length, size, fade)
    for number, piece in enumerate(pieces):
        lead, begins = (min(fade, piece.start) if number else 0), True
        if number:
            bender.restart(piece.source)
        for block in bender.play(piece, lead):
            if begins and held is not None and lead:
                rise = ((np.arange(lead) + 0.5) / lead).astype(np.float32)
                old, new = held[:, held.shape[1] - lead :], block[:, :lead]
                scale = max(_scale(old), _scale(new))
                block[:, :lead] = scale * crossfade(old / scale, new / scale, rise)
                held = held[:, : held.shape[1] - lead]
            begins = False
            held = block if held is None else np.concatenate([held, block], axis=1)
            ready = held.shape[1] - fade
            if ready > 0:
                yield held[:, :ready]
                held = held[:, ready:]
    if held is not None:
        yield held


def _pieces(time_map: TimeMap, joins_s: np.ndarray, rate: int, length: int, size: int, fade: int) -> list[Piece]:
    """Cut the output at the joins, and say for each piece where its frames are read."""
    step, shortest = size // _OVERLAP, round(_SHORTEST_S * rate)
    edges, sources = [0], [round(float(time_map.to_source(0.0)) * rate)]
    for heard, source in zip(np.round(time_map.to_target(joins_s) * rate), np.round(joins_s * rate), strict=True):
        if edges[-1] + shortest <= heard <= length - shortest:
            edges.append(int(heard))
            sources.append(int(source))
    edges.append(length)
    sources.append(round(float(time_map.to_source(length / rate)) * rate))
    pieces = []
    for k, (start, stop) in enumerate(pairwise(edges)):
        first = start - -(-(fade + size // 2) // step) * step
        times = np.arange(first, stop + size // 2 + step, step)
        places = sources[k] + times - start  # as it is, before the start too: this is where the attack is
        ends, inside = times > stop, (times > start) & (times <= stop)
        here, edge = time_map.to_source(start / rate), time_map.to_source(stop / rate)
        along = np.asarray(time_map.to_source(times / rate)) - here
        places[inside] = sources[k] + np.round(along * rate)[inside].astype(int)
        speed = float(edge - time_map.to_source(stop / rate - 0.004)) / 0.004
        places[ends] = sources[k + 1] + np.round((times - stop) * speed)[ends].astype(int)
        copied = bool(np.all(places == sources[k] + times - start))
        pieces.append(Piece(start, stop, places, first, sources[k], copied))
    return pieces


class _Bender:
    """Frames of a source, and how far each partial is turned from the phase that it has there."""

    def __init__(self, take: Take, size: int) -> None:
        self._take, self._size, self._step = take, size, size // _OVERLAP
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        self._turn = np.ones(size // 2 + 1, np.complex64)
        # Where the last frame was read, and how many samples of output ago.
        self._last = (0, 0)

    def _spectra(self, places: np.ndarray) -> tuple[np.ndarray, np.float32]:
        """Spectra around some samples (C, K, F), and the power of two that they were divided by."""
        low = int(places.min()) - self._size // 2
        y = self._take(low, int(places.max()) + self._size // 2)
        scale = _scale(y)
        frames = np.lib.stride_tricks.sliding_window_view(y, self._size, axis=1)[:, places - low - self._size // 2]
        return rfft(np.ascontiguousarray(frames * (self._window / scale), np.float32)), scale

    def restart(self, source: int) -> None:
        """Go on from the last frame that was played to a sample, shortly behind which there is an attack.

        What begins there is set back to the source's phases.
        """
        middle, passed = self._last
        half = self._size // 2
        spectra, _ = self._spectra(np.array([middle, source - passed, source, source - half, source + half]))
        here, before, after = _powers(spectra[:, 2:])
        turn = self._turn
        if middle + passed != source:
            cross = _unit((spectra[:, 0] * spectra[:, 1].conj()).sum(axis=0))
            turn = _unit((turn * cross)[_owners(here[None])[0]])
        self._turn = np.where(_begins(before, after)[_owners(after[None])[0]], np.complex64(1), turn)

    def play(self, piece: Piece, lead: int) -> Iterator[np.ndarray]:
        """Yield the audio of a piece (C, n), from `lead` samples before its start to its end."""
        start = piece.start - lead
        self._last = (piece.source + piece.stop - piece.start, 0)
        if piece.copied and np.all(self._turn == 1):
            for low in range(start, piece.stop, _TOGETHER * self._step):
                at = piece.source - piece.start
                yield self._take(at + low, at + min(piece.stop, low + _TOGETHER * self._step)).copy()
            return
        count, moves = len(piece.places), np.diff(piece.places, prepend=piece.places[0] - self._step) != self._step
        times = piece.first + self._step * np.arange(count)
        at_end, turn = int(np.searchsorted(times, piece.stop, side="right")) - 1, self._turn
        self._last = (int(piece.places[at_end]), piece.stop - int(times[at_end]))
        rest, previous = None, None
        for low in range(0, count, _TOGETHER):
            high = min(low + _TOGETHER, count)
            both = np.concatenate([piece.places[low:high], piece.places[low:high] - self._step])
            spectra, scale = self._spectra(both)
            now, before = spectra[:, : high - low], spectra[:, high - low :]
            chain = now if previous is None else np.concatenate([previous, now], axis=1)
            turns = self._turns(chain, now, before, moves[low:high], times[low:high] > piece.start, turn)
            if low <= at_end < high:
                self._turn = turns[at_end - low]
            turn, previous = turns[-1], now[:, -1:]
            sound = irfft(now * turns, self._size) * (self._window * (scale / np.float32(_WINDOWS)))
            summed = np.zeros((now.shape[0], (high - low) * self._step + self._size - self._step), np.float32)
            for k in range(high - low):
                summed[:, k * self._step : k * self._step + self._size] += sound[:, k]
            if rest is not None:
                summed[:, : rest.shape[1]] += rest
            done = (high - low) * self._step
            rest = summed[:, done:]
            begin = int(times[low]) - self._size // 2
            part = summed[:, max(0, start - begin) : max(0, min(done, piece.stop - begin))]
            if part.shape[1]:
                yield part

    def _turns(
        self,
        chain: np.ndarray,
        now: np.ndarray,
        before: np.ndarray,
        moves: np.ndarray,
        plays: np.ndarray,
        turn: np.ndarray,
    ) -> np.ndarray:
        """How far the partials of frames (C, K, F) are turned (K, F), given those a step earlier in the source."""
        power, count = _powers(now), now.shape[1]
        owners = _owners(power)
        begins = np.take_along_axis(_begins(_powers(before), power), owners, axis=1) & plays[:, None]
        previous = chain[:, :-1]  # of all frames, but of the first one of a piece
        cross = np.ones(power.shape, np.complex64)
        cross[count - previous.shape[1] :] = (previous * before[:, count - previous.shape[1] :].conj()).sum(axis=0)
        cross = _unit(cross)
        turns = np.empty(power.shape, np.complex64)
        for k in range(count):
            if moves[k] and plays[k]:
                turn = _unit((turn * cross[k])[owners[k]])
            if begins[k].any():
                turn = np.where(begins[k], np.complex64(1), turn)
            turns[k] = turn
        return turns


def _scale(y: np.ndarray) -> np.float32:
    """Power of two near the peak of some samples: what is divided by it can be squared, and loses no bit."""
    peak = float(np.abs(y).max(initial=0.0))
    return np.float32(2.0 ** np.ceil(np.log2(peak)) if peak > 0 else 1.0)


def _unit(z: np.ndarray) -> np.ndarray:
    """Keep the angles of complex numbers; 1 where there is none."""
    size = np.abs(z)
    return np.where(size > 0, z / np.where(size > 0, size, 1), 1).astype(np.complex64)


def _powers(spectra: np.ndarray) -> np.ndarray:
    """Power of spectra (C, K, F) over all channels (K, F)."""
    return np.asarray((spectra.real**2 + spectra.imag**2).sum(axis=0))


def _begins(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which partials (..., F) are so much louder than before that they begin."""
    return np.asarray(after > _RISE * (before + _FAINT * after.max(axis=-1, keepdims=True)))


def _owners(power: np.ndarray) -> np.ndarray:
    """For each bin of frames (K, F) the peak that is nearest; itself where there is none.

    >>> _owners(np.array([[0, 1, 5, 1, 0, 0, 1, 2, 9, 2, 1.0]])).tolist()
    [[2, 2, 2, 2, 2, 8, 8, 8, 8, 8, 8]]
    """
    bins = np.arange(power.shape[1])
    peak = np.zeros(power.shape, bool)
    middle = power[:, 2:-2]
    peak[:, 2:-2] = (middle > power[:, 1:-3]) & (middle >= power[:, 3:-1])
    peak[:, 2:-2] &= (middle > power[:, :-4]) & (middle >= power[:, 4:])
    far = 4 * len(bins)
    below = np.maximum.accumulate(np.where(peak, bins, -far), axis=1)
    above = np.minimum.accumulate(np.where(peak, bins, far)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(bins - below < above - bins, below, above)
    return np.where(peak.any(axis=1, keepdims=True), nearest, bins)
