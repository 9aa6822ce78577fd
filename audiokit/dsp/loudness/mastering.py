"""Bring audio to a level: measure, decide on one gain (or a curve), hold the peaks, and check what came out.

The audio is a `Source`: a function that yields it in blocks (C, T), from the start every time it is called. So the
same code serves an array in memory and a file of any length, and nothing here ever holds a whole recording.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from audiokit.dsp.loudness.aim import Aim, Kept, Plan
from audiokit.dsp.loudness.levels import PEAKS_PER_STEP, STEPS_PER_SECOND, sliding_mean
from audiokit.dsp.loudness.limiter import Limiter, released, sliding_max
from audiokit.dsp.loudness.loudness import Loudness, Meter, integrate, loudness_range
from audiokit.dsp.loudness.match import (
    AverageSpectrum,
    CurveGain,
    LinearPhaseFilter,
    Reference,
    following_curve,
    listen,
    matching_filter,
    narrowing_curve,
    with_curve,
)
from audiokit.errors import ParameterError

Source = Callable[[], Iterable[np.ndarray]]

#: What `to` means where none is given.
DEFAULT_TO = {"loudness": -14.0, "peak": -1.0, "rms": -20.0}
_CLOSE_ENOUGH_DB = 0.02
_MAX_PASSES = 6
#: A limiter may be driven this far above what a plain gain would be; beyond, loudness costs more than it gives.
_MAX_DRIVE_DB = 24.0


def plan_level(source: Source, rate: int, channels: int, aim: Aim, reference: Reference | None = None) -> Plan:
    """Listen to a recording, as often as it takes, and decide what to do.

    Args:
        source: yields the recording in blocks (C, T), from the start at every call.
        rate: Hz.
        channels: how many.
        aim: what to reach.
        reference: what to match, for the mode "match".

    Returns:
        The plan; `render` carries it out.

    Raises:
        ParameterError: the mode "match" without a reference, or with a silent one.
    """
    aim = _resolve(aim, reference)
    plan = Plan()
    meter = _hear(source(), rate, channels, aim)
    plan.before = plan.after = heard = meter.result()
    if not math.isfinite(level_of(heard, aim)):
        silent = heard.sample_peak_dbfs == -math.inf
        plan.warnings.append("silent: left as it is" if silent else "no sound above -70 LUFS: left as it is")
        return plan
    if aim.match_spectrum:
        assert reference is not None
        plan.taps = matching_filter(_spectrum(source(), channels), reference, rate)
        meter = _hear(render(plan, source(), rate, channels), rate, channels, aim)
        heard = meter.result()
    level = level_of(heard, aim)
    if aim.moves:
        plan.curve_db = _curve(meter.powers, aim, reference)
    if plan.curve_db is not None:
        level = _gated(with_curve(meter.powers, plan.curve_db))
    assert aim.to is not None
    plan.gain_db = aim.to - level if aim.gain_db is None else aim.gain_db
    if plan.curve_db is None and aim.gain_db is None and aim.mode in ("loudness", "match"):
        plan.gain_db = _gain_through_gate(meter, aim.to, plan.gain_db)
    if aim.lower_only:
        plan.gain_db = min(plan.gain_db, 0.0)
    if plan.curve_db is None and heard.true_peak_dbtp + plan.gain_db <= aim.peak_dbtp + 1e-9:
        plan.after = _shifted(heard, meter, plan.gain_db)
    elif not aim.limit:
        _stay_below(plan, source, rate, channels, aim, meter)
    else:
        plan.ceiling_dbtp = aim.peak_dbtp
        _settle(plan, source, rate, channels, aim, meter)
    if aim.range_lu is not None and plan.after.range_lu > aim.range_lu + 1:
        plan.warnings.append(f"the loudness range is {plan.after.range_lu:.1f} LU, not {aim.range_lu:g}")
    return plan


def render(plan: Plan, blocks: Iterable[np.ndarray], rate: int, channels: int) -> Iterator[np.ndarray]:
    """Carry out a plan on blocks (C, T); as many samples come out as go in."""
    if plan.made is not None:
        yield from plan.made
        return
    stages = list(_stages(plan, rate, channels))
    for block in blocks:
        for stage in stages:
            block = stage.process(block)
        if block.shape[1]:
            yield block
    for k, stage in enumerate(stages):
        tail = stage.flush()
        for later in stages[k + 1 :] if tail.shape[1] else ():
            tail = later.process(tail)
        if tail.shape[1]:
            yield tail
    for stage in stages:
        if isinstance(stage, Limiter):
            plan.reduction_db, plan.limited_s = stage.reduction_db, stage.limited_s


def normalize(
    y: np.ndarray,
    rate: int,
    *,
    to: float | None = None,
    mode: str = "loudness",
    peak_dbtp: float = -1.0,
    limit: bool = True,
    lower_only: bool = False,
    range_lu: float | None = None,
    reference: np.ndarray | None = None,
    per_frame: bool = False,
    match_spectrum: bool = False,
    dual_mono: bool = False,
) -> np.ndarray:
    """Bring a sound to a loudness (or peak, or RMS), with its true peaks held.

    Args:
        y: audio (C, T), float32.
        rate: Hz, also of the reference.
        to: level to reach; -14 LUFS, -1 dBTP or -20 dBFS where none is given.
        mode: "loudness" (integrated, BS.1770-4), "peak" (true peak), "rms" or "match" (the reference's loudness).
        peak_dbtp: highest true peak allowed.
        limit: let a look-ahead limiter hold the peaks; otherwise the gain is kept small enough.
        lower_only: never turn anything up.
        range_lu: bring the loudness range down to this.
        reference: audio (C2, T2) to match.
        per_frame: follow the loudness of the reference (or `to`) along time.
        match_spectrum: take over the reference's tonal balance too.
        dual_mono: a single channel counts as heard from two loudspeakers.

    Returns:
        Audio (C, T), float32; silence comes back as it is.

    Raises:
        ParameterError: a value makes no sense, or there is nothing to match.

    References:
        ITU-R BS.1770-4; EBU R 128.

    >>> from audiokit.dsp.loudness.loudness import measure
    >>> noise = np.random.default_rng(0).standard_normal((2, 88_200)).astype(np.float32) * 0.02
    >>> round(measure(normalize(noise, 44_100, to=-16), 44_100).integrated_lufs, 1)
    -16.0
    """
    y = np.ascontiguousarray(np.atleast_2d(y), np.float32)
    aim = Aim(
        mode, to, peak_dbtp, limit, lower_only, range_lu, per_frame, match_spectrum, gain_db=None, dual_mono=dual_mono
    )

    def source() -> Iterator[np.ndarray]:
        return (y[:, start : start + (1 << 16)] for start in range(0, y.shape[1], 1 << 16))

    other = None
    if reference is not None:
        reference = np.atleast_2d(reference)
        other = listen([reference], rate, reference.shape[0], dual_mono=dual_mono)
    plan = plan_level(source, rate, y.shape[0], aim, other)
    return np.concatenate([np.zeros((y.shape[0], 0), np.float32), *render(plan, source(), rate, y.shape[0])], axis=1)


def level_of(loudness: Loudness, aim: Aim) -> float:
    """Pick the number that the aim is about."""
    if aim.mode == "peak":
        return loudness.true_peak_dbtp
    return loudness.rms_dbfs if aim.mode == "rms" else loudness.integrated_lufs


def _resolve(aim: Aim, reference: Reference | None) -> Aim:
    if reference is None and (aim.mode == "match" or aim.match_spectrum):
        raise ParameterError("nothing to match", hint="give a reference")
    if aim.mode == "match":
        assert reference is not None
        if not math.isfinite(reference.loudness.integrated_lufs):
            raise ParameterError("the reference is silent, so its loudness cannot be matched")
        return replace(aim, to=reference.loudness.integrated_lufs if aim.to is None else aim.to)
    to = DEFAULT_TO[aim.mode] if aim.to is None else aim.to
    return replace(aim, to=to, peak_dbtp=to if aim.mode == "peak" else aim.peak_dbtp)


def _hear(blocks: Iterable[np.ndarray], rate: int, channels: int, aim: Aim) -> Meter:
    meter = Meter(rate, channels, dual_mono=aim.dual_mono, along=aim.moves)
    for block in blocks:
        meter.process(block)
    return meter


def _spectrum(blocks: Iterable[np.ndarray], channels: int) -> np.ndarray:
    average = AverageSpectrum(channels)
    for block in blocks:
        average.process(block)
    return average.result()


def _curve(powers: np.ndarray, aim: Aim, reference: Reference | None) -> np.ndarray | None:
    curve = None
    if aim.per_frame:
        assert aim.to is not None
        curve = following_curve(powers, reference.powers if reference and aim.mode == "match" else float(aim.to))
    if aim.range_lu is not None:
        further = narrowing_curve(powers if curve is None else with_curve(powers, curve), aim.range_lu)
        if further is not None:
            curve = further if curve is None else curve + further
    return curve


class _Gain:
    def __init__(self, gain_db: float) -> None:
        self._gain = np.float32(10 ** (gain_db / 20))

    def process(self, y: np.ndarray) -> np.ndarray:
        return y * self._gain

    def flush(self) -> np.ndarray:
        return np.zeros((1, 0), np.float32)


def _stages(plan: Plan, rate: int, channels: int) -> Iterator[Any]:
    if plan.taps is not None:
        yield LinearPhaseFilter(plan.taps, channels)
    if plan.curve_db is not None:
        yield CurveGain(plan.curve_db, rate)
    if plan.gain_db:
        yield _Gain(plan.gain_db)
    if plan.ceiling_dbtp is not None:
        yield Limiter(rate, channels, ceiling_dbtp=plan.ceiling_dbtp)


def _gain_through_gate(meter: Meter, to: float, gain_db: float) -> float:
    """Correct a gain for quiet passages that it lifts over the absolute gate (or pushes under it)."""
    powers = meter.gating_powers
    for _ in range(10):
        error = to - integrate(powers * 10 ** (gain_db / 10))
        if not math.isfinite(error) or abs(error) < 1e-4:
            break
        gain_db += error
    return gain_db


def _shifted(loudness: Loudness, meter: Meter, gain_db: float) -> Loudness:
    """Foresee the meter after a plain gain: all levels move along, but the absolute gate stays."""
    power = 10 ** (gain_db / 10)
    levels = {k: v + gain_db for k, v in loudness.__dict__.items() if k not in ("range_lu", "seconds")}
    return replace(
        loudness,
        **levels
        | {
            "integrated_lufs": integrate(meter.gating_powers * power),
            "range_lu": loudness_range(meter.short_term_powers * power),
        },
    )


def _stay_below(plan: Plan, source: Source, rate: int, channels: int, aim: Aim, meter: Meter) -> None:
    """Without a limiter: as much of the gain as the peaks allow."""
    gain_db = plan.gain_db
    if plan.curve_db is not None:
        meter, gain_db = _hear(render(plan, source(), rate, channels), rate, channels, aim), 0.0
    heard = meter.result()
    excess = heard.true_peak_dbtp + gain_db - aim.peak_dbtp
    if excess > 0:
        plan.gain_db -= excess
        gain_db -= excess
        plan.warnings.append(f"{excess:.1f} dB quieter than asked, to keep peaks at {aim.peak_dbtp:g} dBTP")
    plan.after = _shifted(heard, meter, gain_db)


def _settle(plan: Plan, source: Source, rate: int, channels: int, aim: Aim, meter: Meter) -> None:
    """With the limiter: find the gain whose result, measured, is as asked."""
    assert aim.to is not None
    fixed = aim.gain_db is not None or (aim.lower_only and plan.gain_db >= 0)
    highest = plan.gain_db + _MAX_DRIVE_DB
    if aim.lower_only:
        highest = min(highest, 0.0)
    if not fixed:
        plan.gain_db = _foresee(plan, meter, aim, highest)
    tried: list[tuple[float, float]] = []
    for _ in range(_MAX_PASSES):
        made = Kept()
        plan.after = _hear(made.passing(render(plan, source(), rate, channels)), rate, channels, aim).result()
        error = aim.to - level_of(plan.after, aim)
        over = plan.after.true_peak_dbtp - aim.peak_dbtp
        if over > 0.005:
            assert plan.ceiling_dbtp is not None
            plan.ceiling_dbtp -= over
        elif fixed or abs(error) <= _CLOSE_ENOUGH_DB or (error > 0 and plan.gain_db >= highest):
            plan.made = made.blocks
            break
        if not fixed:
            tried.append((plan.gain_db, error))
            plan.gain_db = min(highest, plan.gain_db + _correction(tried))
    missed = aim.to - level_of(plan.after, aim)  # type: ignore[arg-type]
    if not fixed and missed > 0.1:
        plan.warnings.append(f"{missed:.1f} dB quieter than asked: the limiter would have to flatten too much")
    if plan.reduction_db > 6:
        plan.warnings.append(f"peaks reduced by up to {plan.reduction_db:.1f} dB, which may be heard")


def _correction(tried: list[tuple[float, float]]) -> float:
    """Step to where the error should vanish, by the slope seen so far."""
    gain, error = tried[-1]
    slope = 1.0
    if len(tried) > 1 and tried[-2][0] != gain:
        slope = min(1.0, max(0.15, (tried[-2][1] - error) / (gain - tried[-2][0])))
    return error / slope


def _foresee(plan: Plan, meter: Meter, aim: Aim, highest: float) -> float:
    """Estimate the gain from what the meter noted, without listening again: limited peaks every 2.5 ms."""
    powers, peaks = meter.excerpt()
    if plan.curve_db is not None:
        along = with_curve(np.ones(len(peaks)), np.repeat(plan.curve_db, PEAKS_PER_STEP))
        peaks = peaks * np.sqrt(along)
        powers = with_curve(powers, plan.curve_db)
    weigh = _gated if aim.mode != "rms" else _mean_level
    before = weigh(powers)
    if not math.isfinite(before):
        return plan.gain_db
    ceiling = 10 ** (aim.peak_dbtp / 20)
    decay = 1 / (0.08 * STEPS_PER_SECOND * PEAKS_PER_STEP)

    def missed(gain_db: float) -> float:
        over = ceiling / np.maximum(peaks * 10 ** (gain_db / 20), ceiling)
        needed = np.ones(len(peaks) + 2)
        needed[1:-1] -= over
        needed[[0, -1]] = 0.0
        depth = released(sliding_max(needed, 3), 0.0, decay)
        kept = ((1 - depth) ** 2).reshape(-1, PEAKS_PER_STEP).mean(axis=1)
        return gain_db - plan.gain_db + weigh(powers * kept) - before

    return _root(missed, plan.gain_db, highest, 0.005)


def _root(rising: Callable[[float], float], low: float, high: float, width: float) -> float:
    """Find where a rising function crosses 0: the middle of its part, low..high being halved until it is narrow enough.

    The crossing is found by secants (the Illinois method), which takes fewer calls than halving.
    """
    if high - low <= width:
        return (low + high) / 2
    below = above = low
    under = over = rising(low)
    step = -under
    while over < 0 and above < high:
        below, under, step = above, over, 1.5 * step
        above = min(high, below + step)
        over = rising(above)
    if over < 0:
        below = above
    while above - below > width / 50:
        share = min(0.98, max(0.02, under / (under - over)))
        middle = below + share * (above - below)
        found = rising(middle)
        if abs(found) < width / 50:
            below = above = middle
        elif found < 0:
            below, under, over = middle, found, over / 2
        else:
            above, over, under = middle, found, under / 2
    parts = 2 ** math.ceil(math.log2((high - low) / width))
    return low + (min(parts - 1, math.floor((below - low) / (high - low) * parts)) + 0.5) * (high - low) / parts


def _gated(powers: np.ndarray) -> float:
    blocks = sliding_mean(powers, 40)[::10]
    return integrate(blocks if len(blocks) else powers.mean(keepdims=True)) if len(powers) else -math.inf


def _mean_level(powers: np.ndarray) -> float:
    mean = float(powers.mean()) if len(powers) else 0.0
    return 10 * math.log10(mean) if mean > 0 else -math.inf
