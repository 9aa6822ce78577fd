"""What a spectrogram's numbers mean: everything that the way back to audio needs, in one record.

A `Transform` is stored as `transform` in manifest.json. `forward` makes the numbers, `decode` undoes all of it
that is exact (scale, reference level, gain); what is lost (phase, mel resolution) is the part of
`audiokit.dsp.spectrum.phase`.

Kinds:
    stft: complex spectrum.
    magnitude: |S| ** power, on a scale.
    mel: mel bands of |S| ** power, on a scale.
    real-imag: 2C channels, real and imaginary part of each channel in turn.
    magnitude-if: 2C channels, magnitude on a scale and instantaneous frequency in half cycles per frame (the phase
        step divided by pi) of each channel in turn; the first frame holds the phase itself, so every chunk stands
        alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

import numpy as np

from audiokit.dsp.spectrum import stft as _stft
from audiokit.dsp.spectrum.mel import linear_to_mel, mel_filterbank
from audiokit.errors import DamagedError, ParameterError

KINDS = ("stft", "magnitude", "mel", "real-imag", "magnitude-if")
SCALES = ("linear", "log", "log10", "db")
#: Larger transforms are mistakes, or attacks on the memory.
_MOST_BINS, _MOST_MELS, _MOST_WEIGHTS = 1 << 22, 1 << 14, 1 << 28
_LN_TO = {"log": 1.0, "log10": 1 / np.log(10)}


@dataclass(frozen=True)
class Transform:
    """Describe a spectrogram.

    Attributes:
        rate: sample rate in Hz.
        kind: one of KINDS.
        n_fft, hop, window: frame length and step in samples, window name.
        pad: samples added (left, right) before framing.
        pad_mode: what is added: "constant" (zeros) or "reflect".
        tail: the last frame covers what a length that is no multiple of hop leaves over (unless given: only
            when hop is so large that samples would be lost otherwise).
        gain: factor on the spectrum (1 / the window's sum, for instance).
        first_bin: lowest bin kept (1 drops DC).
        power: exponent of the magnitude, 1 or 2.
        power_eps: added to the squared magnitude before the root.
        n_mels, fmin, fmax, mel_norm, htk: as in `audiokit.dsp.spectrum.mel.mel_filterbank`.
        scale: "linear", "log" (natural), "log10" or "db".
        floor: smallest value before the logarithm.
        floor_rule: "clip" (never below the floor) or "add" (the floor is added).
        reference: value that is 0 dB (scale "db" only); None means the largest of the signal, to be measured.
        top_db: nothing is further than this below the largest value.
        lowest: value that `top_db` came to, once measured.
        slope, offset: stored = slope * value + offset, for models that want a fixed range.
        clip: the stored values are cut to -1..1.
        preset: name of the preset this came from.

    >>> t = Transform(rate=22050, kind="mel", n_mels=80, scale="log", floor=1e-5)
    >>> Transform.from_dict(t.to_dict()) == t
    True
    """

    rate: int
    kind: str = "stft"
    n_fft: int = 2048
    hop: int = 512
    window: str = "hann"
    pad: tuple[int, int] | None = None
    pad_mode: str = "constant"
    tail: bool | None = None
    gain: float = 1.0
    first_bin: int = 0
    power: float = 1.0
    power_eps: float = 0.0
    n_mels: int | None = None
    fmin: float = 0.0
    fmax: float | None = None
    mel_norm: str | None = "slaney"
    htk: bool = False
    scale: str = "linear"
    floor: float = 1e-5
    floor_rule: str = "clip"
    reference: float | None = 1.0
    top_db: float | None = None
    lowest: float | None = None
    slope: float = 1.0
    offset: float = 0.0
    clip: bool = False
    preset: str | None = None

    def __post_init__(self) -> None:
        self._check_size()
        left, right = (self.n_fft // 2, self.n_fft // 2) if self.pad is None else self.pad
        object.__setattr__(self, "pad", (int(left), int(right)))
        if self.tail is None:
            object.__setattr__(self, "tail", self.hop > self.n_fft // 4)
        if self.kind == "mel" and self.fmax is None:
            object.__setattr__(self, "fmax", self.rate / 2)
        self._check()

    def _check_size(self) -> None:
        """Refuse numbers of the wrong kind or of no sense, before anything is made of that size (ParameterError)."""
        counts = {"rate": 10_000_000, "n_fft": _MOST_BINS, "hop": _MOST_BINS, "n_mels": _MOST_MELS}
        for key, most in counts.items():
            value = getattr(self, key)
            if value is not None and (not isinstance(value, int | np.integer) or not 0 < value <= most):
                raise ParameterError(f"{key} {value!r} is no whole number from 1 to {most}")
        if (self.n_mels or 0) * self.n_fft > _MOST_WEIGHTS:
            raise ParameterError(f"{self.n_mels} mel bands of {self.n_fft} samples are too many")
        if not isinstance(self.first_bin, int | np.integer) or not 0 <= self.first_bin <= self.n_fft // 2:
            raise ParameterError(f"first_bin {self.first_bin!r} is no bin of {self.n_fft} samples")
        if self.pad is not None and not all(
            isinstance(n, int | np.integer) and 0 <= n <= 2 * self.n_fft for n in self.pad
        ):
            raise ParameterError(f"pad {self.pad!r} does not fit frames of {self.n_fft} samples")
        for key in ("gain", "power_eps", "fmin", "fmax", "floor", "reference", "top_db", "lowest", "slope", "offset"):
            value = getattr(self, key)
            if value is not None and (not isinstance(value, Real) or not math.isfinite(value)):
                raise ParameterError(f"{key} {value!r} is no number")
        if self.slope == 0 or self.gain == 0:
            raise ParameterError("a slope or gain of 0 leaves nothing to turn back")

    def _check(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"unknown kind {self.kind!r}", hint=f"kinds: {', '.join(KINDS)}")
        if self.scale not in SCALES:
            raise ParameterError(f"unknown scale {self.scale!r}", hint=f"scales: {', '.join(SCALES)}")
        if self.kind in ("stft", "real-imag") and self.scale != "linear":
            raise ParameterError(f"a complex spectrum has no {self.scale} scale", hint="choose --kind magnitude or mel")
        if self.kind == "mel":
            if self.n_mels is None:
                raise ParameterError("kind mel needs n_mels", hint="add --n-mels 80")
            mel_filterbank(self.rate, self.n_fft, self.n_mels, self.fmin, self.fmax, self.mel_norm, self.htk)
        if self.rate < 1:
            raise ParameterError(f"rate {self.rate} is no sample rate")
        if self.scale != "linear" and not self.floor > 0:
            raise ParameterError(f"a {self.scale} scale needs a floor above 0, not {self.floor}")
        if self.power not in (1, 2):
            raise ParameterError(f"power {self.power} is neither 1 nor 2")
        if self.floor_rule not in ("clip", "add"):
            raise ParameterError(f"unknown floor rule {self.floor_rule!r}")
        _stft.frame_parameters(self.n_fft, self.hop, self.window, self.sides, self.pad_mode)

    @property
    def sides(self) -> tuple[int, int]:
        """Samples added left and right before framing."""
        assert self.pad is not None
        return self.pad

    @property
    def bins(self) -> int:
        """Number of values per frame and channel."""
        return self.n_mels if self.kind == "mel" and self.n_mels else self.n_fft // 2 + 1 - self.first_bin

    @property
    def planes(self) -> int:
        """Stored channels per audio channel."""
        return 2 if self.kind in ("real-imag", "magnitude-if") else 1

    @property
    def is_complex(self) -> bool:
        """Whether the phase is kept."""
        return self.kind in ("stft", "real-imag", "magnitude-if")

    @property
    def is_local(self) -> bool:
        """Whether what is stored of a frame depends on its own magnitudes alone."""
        return self.kind in ("magnitude", "mel")

    @property
    def dtype(self) -> str:
        """Type of the stored numbers."""
        return "complex64" if self.kind == "stft" else "float32"

    @property
    def needs_peak(self) -> bool:
        """Whether the largest value of the whole signal has to be known before anything can be stored."""
        return self.reference is None or (self.top_db is not None and self.lowest is None)

    @property
    def framing(self) -> dict[str, Any]:
        """Arguments for `stft` and `StftStream`."""
        return {**self.synthesis, "pad_mode": self.pad_mode, "tail": bool(self.tail)}

    @property
    def synthesis(self) -> dict[str, Any]:
        """Arguments for `istft` and `IstftStream`."""
        return {"n_fft": self.n_fft, "hop": self.hop, "window": self.window, "pad": self.sides}

    @property
    def filters(self) -> np.ndarray:
        """Mel filters (n_mels, F)."""
        assert self.n_mels is not None
        return mel_filterbank(self.rate, self.n_fft, self.n_mels, self.fmin, self.fmax, self.mel_norm, self.htk)

    @property
    def front_end(self) -> dict[str, Any]:
        """What decides which network fits mel bands: the filters and the frames, not the scale."""
        keys = ("rate", "n_fft", "hop", "window", "n_mels", "fmin", "fmax", "mel_norm", "htk", "power")
        return {key: getattr(self, key) for key in keys}

    @property
    def silence(self) -> float:
        """Stored value of silence, which is what a model's padding has to be."""
        if self.kind in ("stft", "real-imag"):
            return 0.0
        return float(scale_values(np.zeros(1, np.float32), self)[0])

    def to_dict(self) -> dict[str, Any]:
        """Give the record as JSON fields."""
        record = dict(vars(self))
        record["pad"] = list(self.sides)
        return record

    @classmethod
    def from_dict(cls, record: Any, name: str = "manifest") -> Transform:
        """Make a Transform of JSON fields; unknown ones are ignored.

        Raises:
            DamagedError: a field is missing or makes no sense.
        """
        if not isinstance(record, dict) or "rate" not in record:
            raise DamagedError(f"{name}: the transform lacks its rate")
        known = {field.name: record[field.name] for field in fields(cls) if field.name in record}
        try:
            return cls(**known)
        except (TypeError, ValueError, ParameterError) as error:
            raise DamagedError(f"{name}: the transform makes no sense ({error})") from None


def forward(y: np.ndarray, transform: Transform) -> tuple[np.ndarray, Transform]:
    """Turn audio into the numbers that a transform describes.

    Args:
        y: audio (C, T), float32, at transform.rate.
        transform: what to make.

    Returns:
        Values (planes * C, bins, N), and the transform with its reference level filled in.

    >>> X, t = forward(np.ones((1, 4000), np.float32), Transform(rate=8000, kind="magnitude", n_fft=256, hop=64))
    >>> X.shape, X.dtype.name
    ((1, 129, 63), 'float32')
    """
    S = _stft.stft(y, **transform.framing)
    if transform.needs_peak:
        transform = resolve(transform, float(energies(S, transform).max(initial=0.0)))
    return encode(S, transform), transform


def energies(S: np.ndarray, transform: Transform) -> np.ndarray:
    """Reduce a complex spectrum (C, F, N) to non-negative linear values (C, bins, N), float32."""
    return energies_of(S.real**2 + S.imag**2, transform)


def energies_of(squared: np.ndarray, transform: Transform) -> np.ndarray:
    """Reduce squared magnitudes (C, F, N), which may be overwritten, to linear values (C, bins, N), float32."""
    if transform.gain != 1:
        squared *= np.float32(transform.gain**2)
    if transform.power_eps:
        squared += np.float32(transform.power_eps)
    values = squared if transform.power == 2 else np.sqrt(squared)
    if transform.kind == "mel":
        return linear_to_mel(values, transform.filters)
    return values[:, transform.first_bin :]


def resolve(transform: Transform, peak: float) -> Transform:
    """Fill in the reference level and the lowest value from the largest linear value of the signal.

    >>> t = Transform(rate=8000, kind="magnitude", power=2, scale="db", reference=None, top_db=80)
    >>> resolved = resolve(t, 100.0)
    >>> resolved.reference, resolved.lowest
    (100.0, -80.0)
    """
    reference = transform.reference
    if reference is None:
        # Silence has no level of its own: it is stored as the floor, whatever the reference.
        reference = max(peak, transform.floor)
    resolved = replace(transform, reference=reference)
    if transform.top_db is None or transform.lowest is not None:
        return resolved
    highest = scale_values(np.array([peak], np.float32), replace(resolved, top_db=None, **_RAW))
    return replace(resolved, lowest=round(float(highest[0]) - transform.top_db, 4))


_RAW: dict[str, Any] = {"slope": 1.0, "offset": 0.0, "clip": False}


def encode(S: np.ndarray, transform: Transform) -> np.ndarray:
    """Turn a complex spectrum (C, F, N) into stored values (planes * C, bins, N)."""
    if transform.kind == "stft":
        return S if transform.gain == 1 else S * np.float32(transform.gain)
    if transform.kind == "real-imag":
        S = S[:, transform.first_bin :] * np.float32(transform.gain)
        return _interleave(S.real, S.imag)
    values = scale_values(energies(S, transform), transform)
    if transform.kind != "magnitude-if":
        return np.ascontiguousarray(values)
    phase = np.angle(S[:, transform.first_bin :]).astype(np.float64)
    step = np.diff(phase, axis=2, prepend=0.0)
    step = np.where(np.arange(step.shape[2]) > 0, (step + np.pi) % (2 * np.pi) - np.pi, step)
    return _interleave(values, (step / np.pi).astype(np.float32))


def decode(X: np.ndarray, transform: Transform) -> np.ndarray:
    """Undo scale, reference, range and gain.

    Args:
        X: stored values (planes * C, bins, N).
        transform: what they are.

    Returns:
        Complex spectrum (C, F, N) when the phase is kept; otherwise magnitude (C, F, N) or, for mel sets, the
        linear mel bands (C, n_mels, N) of |S| ** power. Values at the floor come back as 0.

    Raises:
        DamagedError: the shape does not fit the transform.

    >>> t = Transform(rate=8000, kind="magnitude", n_fft=256, hop=64, scale="db", floor=1e-6)
    >>> y = np.sin(np.arange(2000, dtype=np.float32))[None]
    >>> X, _ = forward(y, t)
    >>> bool(np.allclose(decode(X, t), np.abs(_stft.stft(y, n_fft=256, hop=64)), atol=1e-3))
    True
    """
    if X.ndim != 3 or X.shape[1] != transform.bins or X.shape[0] % transform.planes:
        raise DamagedError(f"an array of shape {X.shape} is no {transform.kind} spectrogram with {transform.bins} bins")
    back = np.float32(1 / transform.gain)
    if transform.kind == "stft":
        return X.astype(np.complex64, copy=False) * back if transform.gain != 1 else X
    if transform.kind == "real-imag":
        return _all_bins((X[0::2] + 1j * X[1::2]) * back, transform)
    values = unscale_values(X[:: transform.planes], transform)
    if transform.kind == "mel":
        return values * back**transform.power
    magnitude = _all_bins((np.sqrt(values) if transform.power == 2 else values) * back, transform)
    if transform.kind == "magnitude":
        return magnitude
    phase = np.cumsum(X[1::2].astype(np.float64), axis=2) * np.pi
    return (magnitude * _all_bins(np.exp(1j * phase), transform)).astype(np.complex64)


def scale_values(values: np.ndarray, transform: Transform) -> np.ndarray:
    """Put linear values on the transform's scale and into its range (float32)."""
    if transform.scale != "linear":
        if transform.floor_rule == "add":
            values = np.log(values + np.float32(transform.floor))
        else:
            values = np.log(np.maximum(values, np.float32(transform.floor)))
        values *= np.float32(_per_nat(transform))
        if transform.scale == "db":
            reference = max(transform.reference or 1.0, transform.floor)
            values -= np.float32(_per_nat(transform) * np.log(reference))
        if transform.lowest is not None:
            values = np.maximum(values, np.float32(transform.lowest))
    if transform.slope != 1 or transform.offset:
        values = values * np.float32(transform.slope) + np.float32(transform.offset)
    return np.clip(values, -1, 1) if transform.clip else values


def unscale_values(values: np.ndarray, transform: Transform) -> np.ndarray:
    """Undo `scale_values`; values at the floor, or below, are 0."""
    values = np.asarray(values, np.float32)
    if transform.scale == "linear":
        return np.maximum((values - np.float32(transform.offset)) / np.float32(transform.slope), 0)
    silent = values <= np.float32(transform.silence + 1e-4 * abs(transform.slope))
    values = (values - np.float32(transform.offset)) / np.float32(transform.slope)
    if transform.scale == "db":
        values = values + np.float32(_per_nat(transform) * np.log(max(transform.reference or 1.0, transform.floor)))
    values = np.exp(values / np.float32(_per_nat(transform)))
    if transform.floor_rule == "add":
        values = np.maximum(values - np.float32(transform.floor), 0)
    return np.where(silent, np.float32(0), values).astype(np.float32, copy=False)


def _per_nat(transform: Transform) -> float:
    if transform.scale == "db":
        return float(20 / transform.power / np.log(10))
    return float(_LN_TO[transform.scale])


def _interleave(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    both = np.empty((2 * first.shape[0], *first.shape[1:]), np.float32)
    both[0::2], both[1::2] = first, second
    return both


def _all_bins(S: np.ndarray, transform: Transform) -> np.ndarray:
    S = np.pad(S, ((0, 0), (transform.first_bin, 0), (0, 0))) if transform.first_bin else S
    return S.astype(np.complex64 if np.iscomplexobj(S) else np.float32, copy=False)
