"""Filters, loudness, true peaks, moving extremes, resampling and stretching beside scipy, pyloudnorm and soxr."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np

from audiokit.dsp.effects.effects import convolve, drive, room
from audiokit.dsp.loudness.iir import SectionFilter
from audiokit.dsp.loudness.limiter import sliding_max
from audiokit.dsp.loudness.loudness import Meter, k_weighting
from audiokit.dsp.loudness.match import LinearPhaseFilter
from audiokit.dsp.loudness.true_peak import true_peak
from audiokit.dsp.rhythm.warp import TimeMap, warp
from audiokit.io import audio
from tests.bench.dependencies.measuring import Inputs, Row, timed
from tests.bench.dependencies.spectrum import music

_IIR = "from audiokit.dsp.loudness.iir import SectionFilter"
_BLOCK = 1 << 16


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons."""
    y, rate = music(inputs)
    yield _sections(y, rate)
    yield _long_filter(y)
    yield _convolution(y)
    yield from _loudness(inputs, y, rate)
    yield from _peaks(y, rate)
    yield _moving_max(y)
    yield from _resampling(y, rate)
    yield _distortion(y)
    yield _stretching(y, rate)


def _sections(y: np.ndarray, rate: int) -> Row:
    from scipy.signal import sosfilt

    sections = k_weighting(rate)

    def ours() -> np.ndarray:
        one = SectionFilter(sections, len(y))
        return np.concatenate([one.process(y[:, a : a + _BLOCK]) for a in range(0, y.shape[1], _BLOCK)], axis=1)

    def theirs() -> np.ndarray:
        state = np.zeros((len(sections), len(y), 2))
        parts = []
        for a in range(0, y.shape[1], _BLOCK):
            part, state = sosfilt(sections, y[:, a : a + _BLOCK].astype(np.float64), zi=state)
            parts.append(part)
        return np.concatenate(parts, axis=1)

    own_s, mine = timed(ours)
    scipy_s, other = timed(theirs)
    return Row(
        "biquads in blocks, 30 s stereo", "dsp/loudness/iir.py", "scipy.signal.sosfilt", "the two",
        f"max difference {np.abs(mine - other).max():.1e}", "reference", (own_s, scipy_s),
        (_IIR, "from scipy.signal import sosfilt"),
    )  # fmt: skip


def _long_filter(y: np.ndarray) -> Row:
    from scipy.signal import firwin, oaconvolve

    taps = firwin(4097, 0.3)

    def ours() -> np.ndarray:
        one = LinearPhaseFilter(taps, len(y))
        parts = [one.process(y[:, a : a + _BLOCK]) for a in range(0, y.shape[1], _BLOCK)]
        return np.concatenate([*parts, one.flush()], axis=1)

    own_s, mine = timed(ours)
    scipy_s, other = timed(lambda: oaconvolve(y, taps[None].astype(np.float32), mode="same", axes=1))
    return Row(
        "4097 taps in blocks", "dsp/loudness/match.py", "scipy.signal.oaconvolve (whole)", "the two",
        f"max difference {np.abs(mine - other).max():.1e}", "reference", (own_s, scipy_s),
        ("from audiokit.dsp.loudness.match import LinearPhaseFilter", "from scipy.signal import oaconvolve"),
    )  # fmt: skip


def _convolution(y: np.ndarray) -> Row:
    from scipy.signal import fftconvolve

    ir = room(44_100, 1.0, rng=np.random.default_rng(0))
    own_s, mine = timed(lambda: convolve(y[0], ir))
    scipy_s, other = timed(lambda: fftconvolve(y[0], ir))
    return Row(
        "convolution with a room", "dsp/effects/effects.py", "scipy.signal.fftconvolve", "the two",
        f"max difference {np.abs(mine - other).max():.1e}", "reference", (own_s, scipy_s),
        ("from audiokit.dsp.effects.effects import convolve", "from scipy.signal import fftconvolve"),
    )  # fmt: skip


def _standard_signals(inputs: Inputs) -> list[tuple[np.ndarray, int, float]]:
    """Signals with a known loudness: the test set of ITU-R BS.2217 that is there, and EBU Tech 3341's first cases."""
    found = []
    listing = inputs.shared / "audio/manifest.tsv"
    if listing.is_file():
        with open(listing, encoding="utf-8") as file:
            for line in csv.DictReader(file, delimiter="\t"):
                if line["path"].startswith("loudness/") and line["truth"].startswith("I="):
                    y, info = audio.read(inputs.shared / "audio" / line["path"])
                    found.append((y, info.rate, float(line["truth"][2:].split()[0])))
    rate = 48_000
    for steps in (((-23.0, 20),), ((-33.0, 20),), ((-36.0, 10), (-23.0, 60), (-36.0, 10))):
        level = np.concatenate([np.full(seconds * rate, 10 ** (db / 20)) for db, seconds in steps])
        tone = (level * np.sin(2 * np.pi * 1000 * np.arange(len(level)) / rate)).astype(np.float32)
        found.append((np.stack([tone, tone]), rate, -33.0 if steps[0][0] == -33.0 else -23.0))
    return found


def _loudness(inputs: Inputs, y: np.ndarray, rate: int) -> Iterator[Row]:
    import pyloudnorm

    def ours(x: np.ndarray, hz: int) -> float:
        meter = Meter(hz, len(x))
        for a in range(0, x.shape[1], _BLOCK):
            meter.process(x[:, a : a + _BLOCK])
        return meter.result().integrated_lufs

    cases = _standard_signals(inputs)
    own = [abs(ours(x, hz) - truth) for x, hz, truth in cases]
    own_s, _ = timed(lambda: ours(y, rate))
    for kind in ("K-weighting", "DeMan"):

        def theirs(x: np.ndarray, hz: int, kind: str = kind) -> float:
            return float(pyloudnorm.Meter(hz, filter_class=kind).integrated_loudness(x.T.astype(np.float64)))

        other = [abs(theirs(x, hz) - truth) for x, hz, truth in cases]
        their_s, _ = timed(lambda theirs=theirs: theirs(y, rate))
        yield Row(
            f"loudness of {len(cases)} standard signals", "dsp/loudness/loudness.py",
            f"pyloudnorm ({kind}; no true peak, range or blocks)", "largest error", f"{max(own):.3f} LU",
            f"{max(other):.3f} LU", (own_s, their_s),
            ("from audiokit.dsp.loudness.loudness import Meter", "import pyloudnorm"),
        )  # fmt: skip


def _peaks(y: np.ndarray, rate: int) -> Iterator[Row]:
    from scipy.signal import resample_poly

    fade = np.minimum(1, np.minimum(np.arange(4800), np.arange(4800)[::-1]) / 600)
    tones = []
    for hz, degrees in ((12_000, 45), (12_000, 0), (8_000, 60), (6_000, 45), (16_000, 30), (5_000, 10)):
        phase = 2 * np.pi * hz * np.arange(4800) / 48_000 + np.radians(degrees)
        tones.append((0.5 * fade * np.sin(phase)).astype(np.float32)[None])

    def by_scipy(x: np.ndarray) -> float:
        return float(np.abs(resample_poly(x, 4, 1, axis=1)).max())

    def worst(finder) -> str:
        return f"{max(abs(20 * np.log10(finder(x) / 0.5)) for x in tones):.2f} dB"

    own_s, _ = timed(lambda: true_peak(y, rate))
    scipy_s, _ = timed(lambda: by_scipy(y))
    yield Row(
        "true peak", "dsp/loudness/true_peak.py", "scipy.signal.resample_poly, 4 times", "largest error, tones",
        worst(lambda x: true_peak(x, 48_000)), worst(by_scipy), (own_s, scipy_s),
        ("from audiokit.dsp.loudness.true_peak import true_peak", "from scipy.signal import resample_poly"),
    )  # fmt: skip
    import soxr

    def by_soxr(x: np.ndarray) -> float:
        return float(np.abs(soxr.resample(np.ascontiguousarray(x.T), rate, 4 * rate, quality="HQ")).max())

    soxr_s, _ = timed(lambda: by_soxr(y))
    yield Row(
        "true peak", "dsp/loudness/true_peak.py", "soxr, 4 times", "largest error, tones",
        worst(lambda x: true_peak(x, 48_000)), worst(by_soxr), (own_s, soxr_s),
        ("from audiokit.dsp.loudness.true_peak import true_peak", "import soxr"),
    )  # fmt: skip


def _moving_max(y: np.ndarray) -> Row:
    from scipy.ndimage import maximum_filter1d

    x, window = np.abs(y[0]).astype(np.float64), 221
    own_s, mine = timed(lambda: sliding_max(x, window))
    scipy_s, other = timed(lambda: maximum_filter1d(x, window)[window // 2 : -(window // 2)])
    same = "equal" if np.array_equal(mine, other) else "different"
    return Row(
        "moving maximum, 221 samples", "dsp/loudness/limiter.py", "scipy.ndimage.maximum_filter1d", "the two", same,
        "reference", (own_s, scipy_s),
        ("from audiokit.dsp.loudness.limiter import sliding_max", "from scipy.ndimage import maximum_filter1d"),
    )  # fmt: skip


def _resampling(y: np.ndarray, rate: int) -> Iterator[Row]:
    """soxr, which is used, beside scipy: what of a tone above the new Nyquist frequency is left."""
    import soxr
    from scipy.signal import resample_poly

    tone = np.sin(2 * np.pi * 15_000 * np.arange(4 * 44_100) / 44_100).astype(np.float32)

    def left(found: np.ndarray) -> str:
        middle = found[len(found) // 4 : -len(found) // 4]
        return f"{20 * np.log10(max(np.abs(middle).max(), 1e-12)):.0f} dB"

    own_s, _ = timed(lambda: soxr.resample(np.ascontiguousarray(y.T), 44_100, 22_050))
    scipy_s, _ = timed(lambda: resample_poly(y, 1, 2, axis=1))
    yield Row(
        "resampling 44.1 to 22.05 kHz (soxr)", "io/reader.py", "scipy.signal.resample_poly", "left of a 15 kHz tone",
        left(soxr.resample(tone, 44_100, 22_050)), left(resample_poly(tone, 1, 2)), (own_s, scipy_s),
        ("import soxr", "from scipy.signal import resample_poly"),
    )  # fmt: skip


def _distortion(y: np.ndarray) -> Row:
    """Distortion with its oversampling by soxr, and by scipy: what lies between the harmonics of a tone."""
    import soxr
    from scipy.signal import resample_poly

    rate, hz = 16_000, 440
    tone = (0.5 * np.sin(2 * np.pi * hz * np.arange(rate) / rate)).astype(np.float32)

    def by_scipy(x: np.ndarray) -> np.ndarray:
        kept = soxr.resample
        soxr.resample = lambda z, old, new: resample_poly(z, max(1, new), max(1, old), axis=0)
        try:
            return drive(x, 1.0)
        finally:
            soxr.resample = kept

    def between(found: np.ndarray) -> str:
        middle = found[rate // 4 : 3 * rate // 4]
        level = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        at_hz = np.fft.rfftfreq(len(middle), 1 / rate)
        apart = np.abs((at_hz + hz / 2) % hz - hz / 2) > 20
        return f"{20 * np.log10(level[apart].max() / level.max()):.0f} dB"

    own_s, _ = timed(lambda: drive(y[0], 1.0))
    scipy_s, _ = timed(lambda: by_scipy(y[0]))
    return Row(
        "distortion, four times oversampled (soxr)", "dsp/effects/effects.py", "resample_poly of scipy.signal",
        "between the harmonics of 440 Hz at 16 kHz", between(drive(tone, 1.0)), between(by_scipy(tone)),
        (own_s, scipy_s), ("import audiokit.dsp.effects.effects, soxr", "from scipy.signal import resample_poly"),
    )  # fmt: skip


def _stretching(y: np.ndarray, rate: int) -> Row:
    """python-stretch, which is used, beside librosa's phase vocoder: clicks to 0.8 of the speed."""
    import librosa

    clicks = np.zeros((1, 8 * rate), np.float32)
    places = np.arange(1, 15) * 0.5
    n = np.arange(800)
    for place in places:
        clicks[0, round(place * rate) :][:800] = np.exp(-n / 150) * np.sin(2 * np.pi * 2000 * n / rate)
    speed = 0.8
    grid = TimeMap(np.array([0.0, 8.0]), np.array([0.0, 8.0 / speed]))

    def width(found: np.ndarray) -> str:
        """How long the clicks have become: time within which 80 % of a click's energy lies."""
        spans = []
        for place in places / speed:
            piece = found[round((place - 0.15) * rate) : round((place + 0.15) * rate)].astype(np.float64) ** 2
            total = np.cumsum(piece) / max(piece.sum(), 1e-20)
            spans.append(1000 * (np.searchsorted(total, 0.9) - np.searchsorted(total, 0.1)) / rate)
        return f"{np.median(spans):.1f} ms"

    mine = warp(clicks, rate, grid, length=round(8 * rate / speed))[0]
    other = librosa.effects.time_stretch(clicks[0], rate=speed)
    song = np.ascontiguousarray(y[:, : 8 * rate])
    own_s, _ = timed(lambda: warp(song, rate, grid, length=round(8 * rate / speed)), repeats=1)
    librosa_s, _ = timed(lambda: librosa.effects.time_stretch(song, rate=speed), repeats=1)
    return Row(
        "time stretch (python-stretch)", "dsp/rhythm/warp.py", "librosa.effects.time_stretch",
        "length of a 3.8 ms click", width(mine), width(other), (own_s, librosa_s),
        ("import audiokit.dsp.rhythm.warp, python_stretch", "from librosa.effects import time_stretch"),
    )  # fmt: skip
