"""Effects with a measurable strength: drive, reverberation of known RT60, fades; and the measurements."""

from __future__ import annotations

import numpy as np

from audiokit.errors import ParameterError

#: Distortion is made at so many times the rate.
OVERSAMPLE = 4


def drive(y: np.ndarray, amount: float) -> np.ndarray:
    """Distort as an overdriven stage does; the peak stays where it was.

    Args:
        y: audio (..., T), float32.
        amount: 0 leaves the audio untouched, 1 is 36 dB into saturation.

    Returns:
        Audio of the same shape.

    Raises:
        ParameterError: the amount is not in 0..1.

    >>> y = np.sin(np.arange(1000) * 0.1).astype(np.float32)
    >>> bool((drive(y, 0.0) == y).all()), round(float(abs(drive(y, 1.0)).max()), 1)
    (True, 1.0)
    """
    _check_amount(amount, "distortion")
    peak = float(np.abs(y).max()) if y.size else 0.0
    if amount == 0 or peak == 0:
        return y.copy()
    import soxr

    gain = drive_gain(amount)
    n = y.shape[-1]
    # Harmonics are made four times above the rate and averaged between samples, so that they do not fold back.
    frames = y.reshape(-1, n).T.astype(np.float64) / peak
    fine = soxr.resample(np.ascontiguousarray(frames), 1, OVERSAMPLE)
    shaped = tanh_between(gain * fine.T) / np.tanh(gain)
    out = soxr.resample(np.ascontiguousarray(shaped.T), OVERSAMPLE, 1).T[:, :n]
    highest = np.abs(out).max()
    return (out * (peak / max(highest, 1e-9))).astype(np.float32).reshape(y.shape)


def drive_gain(amount: float) -> float:
    """The gain before an overdriven stage: 36 dB at an amount of 1.

    >>> drive_gain(1.0)
    63.0
    """
    return 63.0 * amount**2


def tanh_between(x: np.ndarray) -> np.ndarray:
    """Average tanh over the straight line between neighbouring samples (..., T); the first is taken as it is.

    References:
        Parker, Zavalishin, Le Bivic (2016), Reducing the aliasing of nonlinear waveshaping using continuous-time
        convolution.

    >>> tanh_between(np.array([0.0, 0.0, 1.0])).round(3).tolist()
    [0.0, 0.0, 0.434]
    """
    integral = np.abs(x) + np.log1p(np.exp(-2 * np.abs(x)))  # of tanh, but for a constant
    step = np.diff(x, axis=-1)
    small = np.abs(step) < 1e-4
    mean = np.where(
        small, np.tanh((x[..., 1:] + x[..., :-1]) / 2), np.diff(integral, axis=-1) / np.where(small, 1, step)
    )
    return np.concatenate([np.tanh(x[..., :1]), mean], axis=-1)


def room(rate: int, rt60_s: float, *, rng: np.random.Generator, predelay_s: float = 0.012) -> np.ndarray:
    """Make the impulse response of a diffuse room: noise that falls by 60 dB in `rt60_s`, unit energy.

    Args:
        rate: sample rate in Hz.
        rt60_s: reverberation time in seconds.
        rng: source of the noise.
        predelay_s: silence before the first reflection.

    Returns:
        Impulse response (T,), float32.

    References:
        Moorer (1979), About this reverberation business (exponentially decaying noise).

    >>> ir = room(8000, 0.5, rng=np.random.default_rng(0))
    >>> 0.45 < measure_rt60(ir, 8000) < 0.55
    True
    """
    if not rt60_s > 0:
        raise ParameterError(f"a reverberation time must be above 0 s, not {rt60_s:g}")
    n = max(2, round(1.1 * rt60_s * rate))
    t = np.arange(n) / rate
    noise = rng.standard_normal(n)
    # Air and walls dull the tail: a gentle one-pole, the same at all times so that RT60 stays one number.
    spectrum = np.fft.rfft(noise, 2 * n)
    hz = np.fft.rfftfreq(2 * n, 1 / rate)
    colour = np.fft.irfft(spectrum * (hz > 60) / np.sqrt(1 + (hz / 5000) ** 2), 2 * n)[:n]
    ir = colour * 10 ** (-3 * t / rt60_s)
    ir = np.concatenate([np.zeros(round(predelay_s * rate)), ir])
    return (ir / np.sqrt((ir**2).sum())).astype(np.float32)


def convolve(y: np.ndarray, ir: np.ndarray) -> np.ndarray:
    """Convolve audio (T,) with an impulse response (N,): (T + N - 1,), float32."""
    n = len(y) + len(ir) - 1
    n_fft = 1 << (n - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(y, n_fft) * np.fft.rfft(ir, n_fft), n_fft)[:n].astype(np.float32)


def reverb(y: np.ndarray, rate: int, amount: float, *, rng: np.random.Generator) -> np.ndarray:
    """Put a note into a room; the tail lengthens it.

    Args:
        y: audio (T,), float32.
        rate: sample rate in Hz.
        amount: 0 leaves the audio untouched; above, the room's RT60 is `reverb_time(amount)` and its share grows.
        rng: source of the room.

    Returns:
        Audio (T + tail,), float32.
    """
    _check_amount(amount, "reverb")
    if amount == 0:
        return y.copy()
    wet = convolve(y, room(rate, reverb_time(amount), rng=rng))
    out = wet * np.float32(0.7 * amount**0.5)
    out[: len(y)] += y
    fade = min(len(out), round(0.05 * rate))
    out[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return out


def reverb_time(amount: float) -> float:
    """RT60 in seconds that a reverb amount stands for.

    >>> reverb_time(0.5), reverb_time(1.0)
    (1.6, 3.0)
    """
    return round(0.2 + 2.8 * amount, 6)


def fade_in(y: np.ndarray, rate: int, seconds: float) -> np.ndarray:
    """Raise audio (..., T) from silence over a time, along half a cosine; 0 s changes nothing."""
    n = min(y.shape[-1], round(seconds * rate))
    out = y.copy()
    if n > 0:
        out[..., :n] *= (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, n))).astype(np.float32)
    return out


def measure_rt60(y: np.ndarray, rate: int, *, span_db: tuple[float, float] = (-5.0, -25.0)) -> float:
    """Measure a reverberation time from a decay (T,) that starts at its beginning.

    Returns:
        Seconds for 60 dB, from the slope of the backward integral within `span_db`; NaN if it is never crossed.

    References:
        Schroeder (1965), New method of measuring reverberation time.
    """
    energy = np.cumsum(y[::-1].astype(np.float64) ** 2)[::-1]
    if not len(energy) or energy[0] <= 0:
        return float("nan")
    db = 10 * np.log10(np.maximum(energy / energy[0], 1e-15))
    inside = np.flatnonzero((db <= span_db[0]) & (db >= span_db[1]))
    if len(inside) < 8:
        return float("nan")
    slope = np.polyfit(inside / rate, db[inside], 1)[0]
    return float(-60 / slope) if slope < 0 else float("nan")


def measure_thd(y: np.ndarray, rate: int, f0_hz: float, *, partials: int = 20) -> float:
    """Measure total harmonic distortion of a steady tone (T,): RMS of partials 2.. over the first.

    >>> t = np.arange(8000) / 8000
    >>> y = np.sin(2 * np.pi * 200 * t) + 0.1 * np.sin(2 * np.pi * 400 * t)
    >>> round(measure_thd(y, 8000, 200.0), 3)
    0.1
    """
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 4 * len(y)))
    step = rate / (4 * len(y))
    levels = []
    for k in range(1, partials + 1):
        if k * f0_hz * 1.02 > rate / 2:
            break
        low, high = int(k * f0_hz * 0.98 / step), int(k * f0_hz * 1.02 / step) + 2
        levels.append(spectrum[low:high].max())
    return float(np.sqrt(np.sum(np.square(levels[1:]))) / max(levels[0], 1e-12))


def _check_amount(amount: float, name: str) -> None:
    if not 0 <= amount <= 1:
        raise ParameterError(f"{name} goes from 0 to 1, not {amount:g}")
