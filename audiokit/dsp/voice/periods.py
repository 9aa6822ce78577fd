"""A voice sung with its own periods: each is cut from the speech and set at the distance that the new pitch asks for.

What is not changed is the recording itself: breath, consonants and the shape of every pulse of the vocal folds.

References:
    Moulines and Charpentier (1990), Pitch-synchronous waveform processing techniques for text-to-speech synthesis
    using diphones (TD-PSOLA).
    Boersma and Weenink, Praat: pulses are found by the cross-correlation of neighbouring periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.spectrum.samples import Wave
from audiokit.dsp.voice.world import HOP_S, Voice, runs

#: Positions inside a sample: grains are set with this precision, so that pitch has no jitter of whole samples.
OVERSAMPLING = 4
#: Samples around a piece that its oversampling hears.
_AROUND = 1024
#: Samples that are read at once where all are.
_PART = 1 << 18
#: Half of a grain where there is no pitch, in seconds: short enough for the burst of a plosive.
NOISE_S = 0.005
#: A pulse is sung up to so many seconds from its own time.
REACH_S = 0.03
#: Pulses whose distances to their neighbours are further from a period, as parts of it, are left out
#: if a regular one is within `REPLACED_S`.
IRREGULAR, REPLACED_S = 0.1, 0.015
#: The next pulse is looked for between these parts of a period.
NEAREST, FARTHEST = 0.85, 1.18


class Oversampled:
    """Speech (T,) between its samples: T * OVERSAMPLING values, made where a slice of them is taken.

    >>> fine = Oversampled(np.ones(4000, np.float32), 16000)
    >>> len(fine), fine[8000:8003].round(3).tolist()
    (16000, [1.0, 1.0, 1.0])
    """

    def __init__(self, speech: Wave, rate: int) -> None:
        self._speech, self._rate = speech, rate

    def __len__(self) -> int:
        return OVERSAMPLING * len(self._speech)

    def __getitem__(self, part: slice) -> np.ndarray:
        import soxr

        start, stop, _ = part.indices(len(self))
        first = max(0, start // OVERSAMPLING - _AROUND)
        piece = self._speech[first : -(-stop // OVERSAMPLING) + _AROUND]
        made = np.asarray(soxr.resample(piece, self._rate, OVERSAMPLING * self._rate))
        return made[start - OVERSAMPLING * first :][: stop - start]


@dataclass(frozen=True)
class Recording:
    """Speech whose periods are known.

    Attributes:
        fine: the speech, oversampled by `OVERSAMPLING`: an array (T * OVERSAMPLING,), or what makes slices of it.
        pulses: one moment of each period that may be sung, in samples of the speech (P,).
        left: distance of each to the pulse before, or a period (P,).
        right: distance of each to the next pulse, or a period (P,).
    """

    fine: np.ndarray | Oversampled
    pulses: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, speech: Wave, voice: Voice, voiced: np.ndarray) -> Recording:
        """Find the pulses of the voiced frames (N,) of speech (T,), and leave out irregular ones (creak)."""
        fine = Oversampled(speech, voice.rate)
        pulses = find_pulses(speech, voice, voiced)
        left, right, regular = _widths(voice, pulses)
        return cls(fine, pulses[regular], left[regular], right[regular])


@dataclass(frozen=True)
class Grains:
    """Pieces of a recording and where they go, all in samples.

    Attributes:
        at: middles in the output (G,).
        source: middles in the recording (G,).
        left: widths of the rising halves (G,).
        right: widths of the falling halves (G,).
        gain: amplitudes (G,).
    """

    at: np.ndarray
    source: np.ndarray
    left: np.ndarray
    right: np.ndarray
    gain: np.ndarray


def find_pulses(y: Wave, voice: Voice, voiced: np.ndarray) -> np.ndarray:
    """Find one moment in each period of a voice, the same moment in all periods of a voiced run.

    In each run the strongest peak of its middle is taken first; from there the next pulse, in both directions, is the
    place near one period away whose surroundings are most alike.

    Args:
        y: the speech (T,).
        voice: the same, analysed.
        voiced: frames to be searched (N,), bool.

    Returns:
        Sample positions in order (P,), float64.

    >>> from audiokit.dsp.voice.world import analyse_voice
    >>> t = np.arange(16000) / 16000
    >>> y = sum(np.cos(2 * np.pi * 125 * h * t) for h in range(1, 20)) / 20
    >>> voice = analyse_voice(y, 16000)
    >>> np.unique(np.diff(find_pulses(y, voice, voice.voiced)))
    array([128.])
    """
    # The pulses of a recording may point either way.
    sizes = range(0, len(y), _PART)
    cubes = sum(float(np.einsum("i,i,i->", *3 * [y[k : k + _PART]], dtype=np.float64)) for k in sizes)
    hop = HOP_S * voice.rate
    found: list[float] = []
    for a, b in runs(voiced & (voice.f0_hz > 0)):
        periods = voice.rate / voice.f0_hz[a:b]
        low, high = a * hop, min(b * hop, len(y) - 1)
        from_ = max(0, int(low - 2 * periods.max()))
        x = y[from_ : int(high + 2 * periods.max()) + 2]
        x = x if cubes >= 0 else -x
        quarter = int((high - low) / 4)
        middle = int(low) + quarter
        first = middle + int(np.argmax(x[middle - from_ : int(high) - quarter + 1 - from_]))
        for step in (-1, 1):
            at: int | None = first if step > 0 else _next_pulse(x, from_, first, step, periods, a, hop)
            while at is not None and low <= at <= high:
                found.append(at)
                at = _next_pulse(x, from_, at, step, periods, a, hop)
    return np.unique(np.array(found, np.float64))


def _next_pulse(
    x: np.ndarray, from_: int, at: int, step: int, periods: np.ndarray, first: int, hop: float
) -> int | None:
    """Most alike place about one period before or after a pulse; None beyond the ends of the sound.

    `x` begins at sample `from_`, `periods` at frame `first`; it reaches beyond the pulses unless the sound does not.
    """
    period = periods[min(max(round(at / hop) - first, 0), len(periods) - 1)]
    half = int(period / 2)
    ends = sorted((round(at + step * period * NEAREST), round(at + step * period * FARTHEST)))
    if ends[0] - half < from_ or at - half < from_ or max(ends[1], at) + half + 1 > from_ + len(x):
        return None
    here = x[at - half - from_ : at + half + 1 - from_].astype(np.float64)
    around = x[ends[0] - half - from_ : ends[1] + half + 1 - from_].astype(np.float64)
    there = np.lib.stride_tricks.sliding_window_view(around, 2 * half + 1)
    alike = there @ here / np.sqrt(np.einsum("ij,ij->i", there, there) * (here @ here) + 1e-12)
    places = np.arange(ends[0], ends[1] + 1)
    return int(places[np.argmax(alike - 0.15 * (np.abs(places - at) / period - 1) ** 2)])


def respace(recording: Recording, voice: Voice, *, place: np.ndarray, f0_hz: np.ndarray) -> np.ndarray:
    """Sing a stretch of speech on other pitches at another pace.

    Args:
        recording: the speech.
        voice: the same, analysed.
        place: source frame of each output frame (M,), fractional.
        f0_hz: pitch of each output frame (M,), 0 where there is none.

    Returns:
        Audio (T,), float32, T = M * HOP_S * rate. Its power does not change with the pitch.

    >>> from audiokit.dsp.voice.world import analyse_voice
    >>> t = np.arange(16000) / 16000
    >>> y = sum(np.cos(2 * np.pi * 125 * h * t) for h in range(1, 20)) / 20
    >>> voice = analyse_voice(y, 16000)
    >>> up = respace(Recording.of(y, voice, voice.voiced), voice, place=np.arange(20.0, 180), f0_hz=np.full(160, 160.0))
    >>> int(np.abs(np.fft.rfft(up[1600:9600]))[:150].argmax() * 2)  # Hz
    160
    """
    grains = _lay(voice, recording, place, f0_hz)
    return _overlap_add(recording.fine, grains, round(len(place) * HOP_S * voice.rate))


def _lay(voice: Voice, recording: Recording, place: np.ndarray, f0_hz: np.ndarray) -> Grains:
    """Choose the grains: two neighbouring periods shared out at each pulse of the new pitch, noise in between."""
    hop, noise, reach = HOP_S * voice.rate, NOISE_S * voice.rate, REACH_S * voice.rate
    pulses, left, right = recording.pulses, recording.left, recording.right
    rows: list[tuple[float, float, float, float, float]] = []
    at, before, was_voiced, last = 0.0, noise, False, len(place) - 1
    where, pitch = (place * hop).tolist(), f0_hz.tolist()
    while at <= last * hop:
        i = int(at / hop)
        share = at / hop - i
        ahead = where[min(i + 1, last)] - where[i]
        source = where[i] + (share * ahead if 0 <= ahead < 4 * hop else 0.0)
        later = int(np.searchsorted(pulses, source))
        near = [k for k in (later - 1, later) if 0 <= k < len(pulses) and abs(pulses[k] - source) < reach]
        voiced = pitch[i] > 0 and bool(near)
        if voiced and not was_voiced and near[-1] == later:  # begin on a pulse, at its own time
            before += pulses[later] - source
            at, source, near = at + pulses[later] - source, float(pulses[later]), [later]
        step = _period(pitch, i, at / hop, voice.rate / hop) * hop if voiced else noise
        if voiced:
            first, second = near[0], near[-1]
            part = (source - pulses[first]) / max(pulses[second] - pulses[first], 1e-9) if first != second else 0.0
            for k, weight in ((first, 1 - part), (second, part)):
                if weight > 0.02:
                    loud = weight * np.sqrt(2 * step / (left[k] + right[k]))
                    rows.append((at, pulses[k], left[k] if was_voiced else min(before, left[k]), right[k], loud))
        else:
            rows.append((at, source, before, noise, 1.0))
        at, before, was_voiced = at + step, step, voiced
    return Grains(*np.array(rows, np.float64).reshape(-1, 5).T)


def _period(pitch: list[float], frame: int, at: float, frame_rate: float) -> float:
    """Length in frames of the period that begins at a time: its pitch is that of its middle."""
    middle = min(round(at + 0.5 * frame_rate / pitch[frame]), len(pitch) - 1)
    return frame_rate / (pitch[middle] or pitch[frame])


def _widths(voice: Voice, pulses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances of each pulse to its neighbours, or a period where there is none near; and which are sung."""
    frame = np.clip(np.round(pulses / (HOP_S * voice.rate)).astype(int), 0, voice.frames - 1)
    period = voice.rate / np.maximum(voice.f0_hz[frame], 50.0)
    gaps = np.concatenate(([np.inf], np.diff(pulses), [np.inf]))[: len(pulses) + 1]
    sides = [np.where(np.abs(side / period - 1) < 0.5, side, period) for side in (gaps[:-1], gaps[1:])]
    regular = np.all([np.abs(side / period - 1) <= IRREGULAR for side in sides], axis=0)
    steady = pulses[regular]
    after = np.searchsorted(steady, pulses)
    ends = np.concatenate(([-np.inf], steady, [np.inf]))
    alone = np.minimum(pulses - ends[after], ends[after + 1] - pulses) > REPLACED_S * voice.rate
    return sides[0], sides[1], regular | alone


def _overlap_add(speech: np.ndarray | Oversampled, grains: Grains, length: int) -> np.ndarray:
    """Add up windowed pieces of the oversampled recording."""
    out = np.zeros(length)
    for a in range(0, len(grains.at), 500):  # in pieces: the arrays are grains times samples
        at, source, left, right, gain = (
            values[a : a + 500, None] for values in (grains.at, grains.source, grains.left, grains.right, grains.gain)
        )
        first = np.ceil(at - left)
        samples = first + np.arange(int(np.ceil((left + right).max())) + 1)
        x = samples - at
        inside = (x <= right) & (samples >= 0) & (samples < length)
        window = 0.5 + 0.5 * np.cos(np.pi * x / np.where(x < 0, left, right))
        index = np.clip(np.round((source + x) * OVERSAMPLING).astype(int), 0, len(speech) - 1)
        first_heard = int(index.min())
        heard = speech[first_heard : int(index.max()) + 1]
        values = (gain * window * heard[index - first_heard])[inside]
        out += np.bincount(samples[inside].astype(int), values, length)
    return out.astype(np.float32)
