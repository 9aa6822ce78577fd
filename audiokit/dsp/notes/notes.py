"""A musical note as partials and noise: what it is made of, and how that is measured from audio.

A note is described by levels on a fixed time grid (dense at the attack, sparse in the sustain, a second grid
after the release) for groups of partials and for bands of noise, and by a few constants: how far the partials
lie from the harmonic series, how strongly and how fast they beat, vibrato and tremolo. The description holds no
phase and no pitch, so it can be rendered at any pitch, length and sample rate (`audiokit.dsp.notes.additive`).

References:
    Serra and Smith (1990), Spectral modeling synthesis: a sound analysis/synthesis system based on a
    deterministic plus stochastic decomposition.
    Fletcher, Blackham and Stratton (1962), Quality of piano tones (stretched partials, f_k = k f0 sqrt(1 + B k^2)).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from audiokit.dsp.notes.bands import N_BANDS, NOISE_EDGES_HZ, _band_power
from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S, _continue_course, _fade_index, _to_grid
from audiokit.errors import InputError, ParameterError

#: Partials up to this one have a level of their own; higher ones share the level of a group.
SINGLE = 32
#: First partial of every group, and one past the last: 32 singles, then groups that grow by 15 %.
GROUPS = np.unique(np.concatenate([np.arange(1, SINGLE + 1), np.round((SINGLE + 1) * 1.15 ** np.arange(21))])).astype(
    int
)
N_GROUPS = len(GROUPS) - 1
#: Halfway between partials sound sub-octave pipes, drawbars, second oscillators: 0.5, 1.5, 2.5 ... of the fundamental.
HALVES = np.arange(12) + 0.5
N_HALVES = len(HALVES)
#: Below this fundamental the halfway places cannot be told from noise, and are left out.
HALVES_FROM_HZ = 180.0
#: Times after the release: 10 ms apart at first.
RELEASE_S = np.concatenate([[0.0], np.cumsum(0.010 * 1.24 ** np.arange(15))])
#: The highest frequency that is described.
TOP_HZ = 16000.0

_PERIODS = 4  # length of the analysis window: neighbouring partials fall on its zeros
_SHORTEST_S = 0.016
_BLOCK_S = 0.005


@dataclass
class NoteShape:
    """What a note is made of.

    Attributes:
        partials_db: level of each partial in a group (N_GROUPS, H + R), dB re full-scale amplitude, at HELD_S and
            then at RELEASE_S after the key is let go.
        noise_db: level of each noise band (N_BANDS, H + R), dB re full-scale RMS.
        deviation: distance of the first partials from their slots (SINGLE,), in units of the fundamental.
        stretch: the stiffness B of the slots k sqrt(1 + B k^2).
        beating_db: RMS level variation of each group in the sustain (N_GROUPS,).
        beating_hz: speed of that variation.
        tremolo_db, tremolo_hz: variation that all partials share.
        vibrato_cents, vibrato_hz: variation of the pitch.
        detune_cents: distance of the sounding pitch from the named one, measured and not rendered.
        seen_s: how much of the note was there to measure; later frames repeat the course seen.
        top_hz: highest frequency there was to measure.
        halves_db: level at each of HALVES (N_HALVES, H + R), as partials_db.
    """

    partials_db: np.ndarray
    noise_db: np.ndarray
    deviation: np.ndarray
    stretch: float
    beating_db: np.ndarray
    beating_hz: float
    tremolo_db: float
    tremolo_hz: float
    vibrato_cents: float
    vibrato_hz: float
    detune_cents: float = 0.0
    seen_s: float = float(HELD_S[-1])
    top_hz: float = TOP_HZ
    halves_db: np.ndarray = field(default_factory=lambda: np.full((N_HALVES, len(HELD_S) + len(RELEASE_S)), FLOOR_DB))


def midi_to_hz(pitch: float) -> float:
    """Convert a MIDI number to a frequency in equal temperament, A4 = 69 = 440 Hz.

    >>> midi_to_hz(69), round(midi_to_hz(60), 2)
    (440.0, 261.63)
    """
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


def partial_count(f0_hz: float, top_hz: float) -> int:
    """Count the partials of a harmonic tone below a frequency, as far as groups reach.

    >>> partial_count(440.0, 16000.0)
    36
    """
    return int(min(GROUPS[-1] - 1, max(1, top_hz // f0_hz)))


def slots(count: int, stretch: float) -> np.ndarray:
    """Place `count` partials of a stiff string, in units of the fundamental.

    >>> slots(3, 0.0).tolist()
    [1.0, 2.0, 3.0]
    """
    k = np.arange(1, count + 1)
    return k * np.sqrt(1 + stretch * k**2)


def analyse_note(y: np.ndarray, rate: int, pitch: float, *, held_s: float | None = None) -> NoteShape:
    """Measure what a single note is made of.

    Args:
        y: audio (T,), float32, the note starting at sample 0.
        rate: sample rate in Hz.
        pitch: MIDI number of the note; the sounding pitch may lie up to 60 cents off.
        held_s: when the key was let go; None when it never was (the release is then a guess).

    Returns:
        The description.

    Raises:
        ParameterError: the pitch has no partial below the Nyquist frequency.
        InputError: the audio is silent or shorter than 50 ms.
    """
    if y.ndim != 1 or len(y) < 0.05 * rate or not np.abs(y).max() > 1e-5:
        raise InputError("a note to analyse must be one channel, 50 ms or longer, and not silent")
    top_hz = min(TOP_HZ, 0.49 * rate)
    f0 = midi_to_hz(pitch)
    if f0 > top_hz:
        raise ParameterError(f"pitch {pitch:g} ({f0:.0f} Hz) lies above half of the sample rate {rate} Hz")
    f0, stretch, deviation = _tune(y, rate, f0, top_hz)
    detune = 1200 * np.log2(f0 / midi_to_hz(pitch))
    ratios = slots(partial_count(f0, top_hz), stretch)
    ratios[: len(deviation)] += deviation[: len(ratios)]
    ratios = ratios[(ratios * f0 < top_hz) & (ratios > 0.3)]
    between = _sounding_halves(y, rate, f0, top_hz)
    every = np.concatenate([ratios, HALVES[between]])
    hop = round(_BLOCK_S * rate)
    finer = 1 if f0 < 120 else 2  # vibrato turns the phase of high partials quickly
    waves = _demodulate(y, rate, f0, every * f0, hop // finer)
    residual = y - sum_partials(waves, every * f0 / rate, hop // finer)[: len(y)]
    waves, hop = waves[:, ::finer], hop // finer * finer
    seen_s = len(y) / rate if held_s is None else min(held_s, len(y) / rate)
    level = np.abs(waves)
    times = np.concatenate([HELD_S, seen_s + RELEASE_S])
    groups = np.searchsorted(GROUPS, np.arange(1, len(ratios) + 1), side="right") - 1
    held = _fade_index(seen_s)
    places = np.concatenate([groups, N_GROUPS + between])
    power = _to_grid(_group_mean(level**2, places, N_GROUPS + N_HALVES), _BLOCK_S, times, held)
    noise = _to_grid(_band_power(residual, rate, np.sort(every) * f0), (round(rate / 125) // 2) / rate, times, held)
    # A window tuned to a partial also passes the noise around it.
    bands = np.clip(np.searchsorted(NOISE_EDGES_HZ, every * f0, side="right") - 1, 0, N_BANDS - 1)
    passed = (3.0 * rate / _window(rate, f0) / np.diff(NOISE_EDGES_HZ))[bands, None] * noise[bands]
    power = np.maximum(power - 1.5 * _group_mean(passed, places, N_GROUPS + N_HALVES), 1e-3 * power)
    tones_db, noise_db = (np.maximum(10 * np.log10(np.maximum(x, 1e-20)), FLOOR_DB) for x in (power, noise))
    if held < len(HELD_S) - 1:
        for db in (tones_db, noise_db):
            _continue_course(db, held)
    if held_s is None:
        for db in (tones_db, noise_db):
            db[:, len(HELD_S) :] = np.maximum(db[:, held : held + 1] - 200 * RELEASE_S, FLOOR_DB)
    motion = _motion(waves[: len(ratios)], ratios, f0, groups, seen_s)
    full = np.zeros(SINGLE)
    full[: min(SINGLE, len(deviation))] = deviation[:SINGLE]
    return NoteShape(
        tones_db[:N_GROUPS], noise_db, full, stretch, detune_cents=float(detune), seen_s=seen_s, top_hz=top_hz,
        halves_db=tones_db[N_GROUPS:], **motion,
    )  # fmt: skip


def sum_partials(waves: np.ndarray, cycles: np.ndarray, hop: int) -> np.ndarray:
    """Add up sinusoids whose complex amplitudes change linearly between blocks.

    Args:
        waves: complex amplitudes (K, N), each with the phase its sinusoid has at the block's first sample.
        cycles: frequencies (K,), in cycles per sample.
        hop: samples from one block to the next.

    Returns:
        Audio ((N - 1) * hop,), float32.

    >>> y = sum_partials(np.exp(0.2j * np.pi * np.array([[0, 5, 10]])), np.array([0.1]), 5)
    >>> bool(np.allclose(y, np.cos(0.2 * np.pi * np.arange(10)), atol=1e-6))
    True
    """
    angle = 2 * np.pi * np.outer(cycles, np.arange(hop))
    start = np.concatenate([np.cos(angle), -np.sin(angle)]).astype(np.float32)
    back = angle - 2 * np.pi * hop * cycles[:, None]
    end = np.concatenate([np.cos(back), -np.sin(back)]).astype(np.float32)
    ramp = (np.arange(hop) / hop).astype(np.float32)
    stacked = np.concatenate([waves.real, waves.imag]).astype(np.float32).T
    y = (stacked[:-1] @ start) * (1 - ramp) + (stacked[1:] @ end) * ramp
    return np.ascontiguousarray(y.reshape(-1))


def _window(rate: int, f0: float) -> int:
    """Length in samples: a whole number of periods, so that neighbours cancel."""
    periods = max(_PERIODS, int(np.ceil(_SHORTEST_S * f0)))
    return round(periods * rate / f0)


def _tune(y: np.ndarray, rate: int, f0: float, top_hz: float) -> tuple[float, float, np.ndarray]:
    """Find the sounding fundamental, the stretch of the partials and how far each lies from its slot."""
    start = int(0.03 * rate) if len(y) > 0.3 * rate else 0
    segment = y[start : start + int(1.2 * rate)]
    n_fft = 1 << int(np.ceil(np.log2(2.5 * rate)))
    spectrum = np.abs(np.fft.rfft(segment * np.hanning(len(segment)), n_fft))
    step = rate / n_fft
    root = np.sqrt(spectrum)

    def score(cents: np.ndarray, stretch: np.ndarray, count: int) -> np.ndarray:
        f = f0 * 2 ** (cents[:, None, None] / 1200) * np.stack([slots(count, b) for b in stretch])
        at = np.minimum((f / step).round().astype(int), len(root) - 1)
        return (root[at] * (f < top_hz)).sum(-1)

    few = min(8, partial_count(f0, top_hz))
    cents = np.arange(-60.0, 61.0, 2.0)
    rough = score(cents, np.zeros(1), few)[:, 0] * (1 - 0.1 * np.abs(cents) / 60)
    fine = cents[int(rough.argmax())] + np.arange(-6.0, 6.5, 1.0)
    stretches = np.concatenate([[0.0], np.geomspace(1e-5, 2e-3, 20)])
    both = score(fine, stretches, min(20, partial_count(f0, top_hz)))
    both[:, 1:] *= 0.98  # a stretch must earn its place
    i, j = np.unravel_index(int(both.argmax()), both.shape)
    f0, stretch = f0 * 2 ** (fine[i] / 1200), float(stretches[j])

    places = slots(min(SINGLE, partial_count(f0, top_hz)), stretch)
    deviation = np.zeros(len(places))
    peaks = np.zeros(len(places))
    for k, place in enumerate(places):
        low, high = int((place - 0.48) * f0 / step), int(np.ceil((place + 0.48) * f0 / step))
        bins = np.arange(max(1, low), min(high, len(spectrum) - 2))
        if len(bins) == 0:
            continue
        away = (bins * step / f0 - place) / 0.5
        best = bins[int((spectrum[bins] * (1 - 0.7 * np.abs(away))).argmax())]
        left, mid, right = spectrum[best - 1 : best + 2]
        offset = 0.5 * (left - right) / (left - 2 * mid + right) if left + right < 2 * mid else 0.0
        deviation[k], peaks[k] = (best + offset) * step / f0 - place, mid
    deviation[peaks < 1e-3 * peaks.max()] = 0.0  # 60 dB down: nothing there to place
    # What the strong partials are off by in common is a matter of tuning.
    pull = deviation / places
    weight = peaks**2 * (np.abs(pull) < 0.03)
    if weight.sum() > 0:
        factor = 1 + (weight @ pull) / weight.sum()
        deviation = (places + deviation) / factor - places
        f0 *= factor
    return f0, stretch, deviation


def _sounding_halves(y: np.ndarray, rate: int, f0: float, top_hz: float) -> np.ndarray:
    """Find which of HALVES hold a tone: a peak well above what lies a quarter of the fundamental around it."""
    if f0 < HALVES_FROM_HZ:
        return np.zeros(0, int)
    start = int(0.03 * rate) if len(y) > 0.3 * rate else 0
    segment = y[start : start + int(1.2 * rate)]
    n_fft = 1 << int(np.ceil(np.log2(2.5 * rate)))
    spectrum = np.abs(np.fft.rfft(segment * np.hanning(len(segment)), n_fft))
    step = rate / n_fft
    found = []
    for number, half in enumerate(HALVES):
        if (half + 0.3) * f0 > top_hz:
            break
        at = np.round((half + np.array([-0.25, -0.02, 0.02, 0.25])) * f0 / step).astype(int)
        peak = spectrum[at[1] : at[2] + 1].max()
        around = np.median(np.concatenate([spectrum[at[0] : at[1]], spectrum[at[2] + 1 : at[3] + 1]]))
        if peak > 12 * around and peak > 3e-4 * spectrum.max():
            found.append(number)
    return np.array(found, int)


def _demodulate(y: np.ndarray, rate: int, f0: float, freqs: np.ndarray, hop: int) -> np.ndarray:
    """Measure the complex amplitude of every partial at every block (K, N)."""
    length = _window(rate, f0)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    half = length // 2
    count = len(y) // hop + 2
    padded = np.concatenate([np.zeros(half, np.float32), y, np.zeros(length + 2 * hop, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: count * hop : hop]
    angle = 2 * np.pi * np.outer(np.arange(length) - half, freqs / rate)
    window_gain = 2 / window.sum()
    table = (window[:, None] * np.concatenate([np.cos(angle), -np.sin(angle)], axis=1) * window_gain).astype(np.float32)
    both = frames @ table
    waves = (both[:, : len(freqs)] + 1j * both[:, len(freqs) :]).T.astype(np.complex64)
    return _sharpen_attack(waves, y, rate, freqs, hop, half)


def _sharpen_attack(waves: np.ndarray, y: np.ndarray, rate: int, freqs: np.ndarray, hop: int, half: int) -> np.ndarray:
    """Replace blocks whose window reaches before the onset: first whole window, shaped by the signal's envelope.

    Without this a low note, whose window is long, would start with a fade-in and a pre-echo.
    """
    first = -(-half // hop)
    if first < 2 or first >= waves.shape[1] - 2:
        return waves
    reach = y[: (first + 2) * hop + half]
    loud = np.abs(reach).max()
    started = int(np.argmax(np.abs(reach) > 0.02 * loud)) // hop  # a sample may begin with some silence
    first = min(first + started, waves.shape[1] - 3)
    split_hz = 500.0
    high = reach - _moving_mean(reach, round(rate / split_hz))
    blocks = np.arange(first + 1)
    shapes = []
    for part, width in ((reach, max(hop, round(rate / max(freqs[0], 30.0)))), (high, hop)):
        energy = np.concatenate([[0.0], np.cumsum(part.astype(np.float64) ** 2)])
        stop = np.minimum(blocks * hop + hop // 2, len(part))
        begin = np.maximum(stop - width, 0)
        rms = np.sqrt((energy[stop] - energy[begin]) / width)
        reference = np.sqrt(
            (energy[min(first * hop + half, len(part))] - energy[max(0, first * hop - half)]) / (2 * half)
        )
        shapes.append(np.minimum(rms / max(reference, 1e-9), 2.0))
    gate = np.where(freqs[:, None] > split_hz, shapes[1], shapes[0])
    turn = np.exp(-2j * np.pi * np.outer(freqs / rate, (first - blocks) * hop))
    waves = waves.copy()
    waves[:, : first + 1] = waves[:, first : first + 1] * turn * gate
    return waves


def _moving_mean(y: np.ndarray, n: int) -> np.ndarray:
    total = np.cumsum(np.concatenate([np.zeros(n), y, np.zeros(n)]))
    return ((total[n:] - total[:-n]) / n)[n // 2 : n // 2 + len(y)].astype(np.float32)


def _group_mean(values: np.ndarray, groups: np.ndarray, count: int = N_GROUPS) -> np.ndarray:
    """Average rows (K, N) that belong to the same group (count, N)."""
    out = np.zeros((count, values.shape[1]))
    np.add.at(out, groups, values)
    return out / np.maximum(np.bincount(groups, minlength=count), 1)[:, None]


def _motion(waves: np.ndarray, ratios: np.ndarray, f0: float, groups: np.ndarray, seen_s: float) -> dict:
    """Measure beating, tremolo and vibrato in the sustain."""
    still = {
        "beating_db": np.zeros(N_GROUPS), "beating_hz": 3.0, "tremolo_db": 0.0, "tremolo_hz": 5.0,
        "vibrato_cents": 0.0, "vibrato_hz": 5.0,
    }  # fmt: skip
    part = waves[:, int(0.25 / _BLOCK_S) : int(min(seen_s, 3.0) / _BLOCK_S)]
    n = part.shape[1]
    if n < 100:
        return still
    level = np.abs(part)
    power = (level**2).mean(1)
    audible = power > max(power.max() * 1e-5, 1e-9)
    axis = np.linspace(-1, 1, n)
    trend = np.polynomial.polynomial.Polynomial.fit
    swing = np.zeros(level.shape)
    for row, out in zip(level[audible], np.flatnonzero(audible), strict=True):
        course = np.exp(np.maximum(trend(axis, np.log(np.maximum(row, 1e-7)), 3)(axis), -16.0))
        swing[out] = np.clip(row / course - 1, -1, 2)
    weight = power / power.sum()
    common = weight @ swing
    tremolo, tremolo_hz = _strongest_wave(common)
    own = np.sqrt(np.maximum((swing**2).mean(1) - tremolo**2 / 2, 0))
    speed = np.sqrt((np.diff(swing, axis=1) ** 2).mean(1) / np.maximum((swing**2).mean(1), 1e-6)) / (
        2 * np.pi * _BLOCK_S
    )
    turn = part[:, 1:] * part[:, :-1].conj() * np.exp(-2j * np.pi * ratios * f0 * _BLOCK_S)[:, None]
    offset_hz = np.angle(turn) / (2 * np.pi * _BLOCK_S)
    low = weight * (np.arange(len(weight)) < 8)
    pitch = (low / max(low.sum(), 1e-9) / ratios / f0) @ offset_hz * (1200 / np.log(2))
    vibrato_cents, vibrato_hz = _strongest_wave(pitch - trend(axis[1:], pitch, 1)(axis[1:]))
    return {
        "beating_db": 20 * np.log10(1 + np.minimum(_group_mean(own[:, None], groups)[:, 0], 1.0)),
        "beating_hz": float(np.clip((weight * speed).sum(), 0.3, 12.0)),
        "tremolo_db": float(20 * np.log10(1 + min(tremolo, 1.0))),
        "tremolo_hz": tremolo_hz,
        "vibrato_cents": float(min(vibrato_cents, 60.0)),
        "vibrato_hz": vibrato_hz,
    }


def _strongest_wave(course: np.ndarray) -> tuple[float, float]:
    """Amplitude and frequency of a periodic movement between 3 and 9 Hz; amplitude 0 if nothing stands out."""
    n = 4096
    spectrum = np.abs(np.fft.rfft(course * np.hanning(len(course)), n)) * 4 / len(course)
    hz = np.fft.rfftfreq(n, _BLOCK_S)
    inside = (hz > 3.0) & (hz < 9.0)
    around = (hz > 1.0) & (hz < 20.0)
    best = int(np.argmax(spectrum * inside))
    if spectrum[best] < 4 * np.median(spectrum[around]):
        return 0.0, 5.0
    return float(spectrum[best]), float(hz[best])
