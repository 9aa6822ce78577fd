"""Spectral style transfer without the network: what a model sees, and how its answer changes audio.

A style model maps one picture of a sound to another: levels over frequency and time, as a `Transform` describes
them. Its answer is read as a gain on the input's own complex spectrum, so that phases, stereo image and all that
the model leaves alone stay as they were.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.transform import Transform, encode, energies
from audiokit.errors import ModelError, ParameterError

#: Gains beyond these bounds are the model's noise, not style.
GAIN_RANGE_DB = (-80.0, 60.0)
#: Up to this share of the Nyquist frequency of a model's rate there is sound to learn from: resamplers and synthesisers
#: fade out above it, so that a network has seen silence there, and its answer to a recording that does sound is noise.
HEARD = 0.93


@dataclass(frozen=True)
class StyleFrontend:
    """What a style model sees of a sound.

    Attributes:
        transform: how the picture is made; a magnitude or mel transform on a dB scale.
        bins: rows of the picture, the lowest ones of the transform.
        frames: frames that the model sees at once.
        position: the model is also told the height of every row, as a second channel from -1 to 1.
    """

    transform: Transform
    bins: int
    frames: int = 128
    position: bool = False

    def __post_init__(self) -> None:
        t = self.transform
        if t.kind not in ("magnitude", "mel") or t.scale != "db":
            raise ModelError(f"a style model needs magnitudes or mel bands in dB, not {t.kind} on a {t.scale} scale")
        if not 1 <= self.bins <= t.bins:
            raise ParameterError(f"{self.bins} rows do not fit a transform with {t.bins} bins")

    def to_dict(self) -> dict[str, Any]:
        """Give the front-end as JSON fields."""
        return {**asdict(self), "transform": self.transform.to_dict()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> StyleFrontend:
        """Read the front-end of a model card (ModelError if it is none)."""
        try:
            transform = Transform.from_dict(fields["transform"], "model card")
            return cls(transform, int(fields["bins"]), int(fields["frames"]), bool(fields["position"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the model card's front-end cannot be read ({error})") from None

    @property
    def centres(self) -> np.ndarray:
        """Middle of every row (bins,), in bins of the transform's frames."""
        t = self.transform
        if t.kind != "mel":
            return np.arange(t.first_bin, t.first_bin + self.bins, dtype=float)
        filters = t.filters[: self.bins]
        return (filters @ np.arange(filters.shape[1])) / np.maximum(filters.sum(axis=1), 1e-12)

    @property
    def heard(self) -> int:
        """Rows, from the lowest, whose middle lies below HEARD.

        >>> standard_frontend().heard
        126
        """
        return max(1, int(np.searchsorted(self.centres, HEARD * self.transform.n_fft / 2, side="right")))

    def framing(self, rate: int) -> dict[str, Any]:
        """Frame length and step at a sample rate, for frames of the same duration as the model's.

        >>> standard_frontend().framing(44100)["n_fft"]
        4096
        """
        scale = rate / self.transform.rate
        n_fft = max(4, 2 * round(self.transform.n_fft * scale / 2))
        hop = min(n_fft, max(1, round(self.transform.hop * scale)))
        return {"n_fft": n_fft, "hop": hop, "window": self.transform.window, "tail": True}


def standard_frontend(*, preset: str = "cyclegan-music", frames: int = 256, position: bool = False) -> StyleFrontend:
    """Build the front-end of a preset: by default 128 mel bands, windows of 256 frames, as published systems use.

    Args:
        preset: name of a magnitude or mel preset on a dB scale (`audiokit.dsp.spectrum.presets`).
        frames: frames that the model sees at once.
        position: tell the model the height of every row.

    >>> standard_frontend().bins
    128
    """
    from audiokit.dsp.spectrum.presets import find_preset

    transform = find_preset(preset).transform(preset)
    # Networks halve the rows: the bin of the Nyquist frequency, which makes their number odd, is left out.
    bins = transform.bins - (transform.kind == "magnitude")
    return StyleFrontend(transform, bins=bins, frames=frames, position=position)


def model_bins(S: np.ndarray, frontend: StyleFrontend, *, n_fft: int) -> np.ndarray:
    """Bring a spectrum of frames of `n_fft` samples to the bins and the scale of the model's own frames.

    Args:
        S: complex spectrum (C, F, N) with `framing` of its sample rate.
        frontend: the model's.
        n_fft: its frame length in samples.

    Returns:
        Complex spectrum (C, transform.n_fft // 2 + 1, N); bins above the sound's Nyquist frequency are zero.
    """
    wanted = frontend.transform.n_fft // 2 + 1
    scaled = S[:, :wanted] * np.float32(frontend.transform.n_fft / n_fft)
    return np.pad(scaled, ((0, 0), (0, wanted - scaled.shape[1]), (0, 0)))


def peak_of(S: np.ndarray, frontend: StyleFrontend, *, n_fft: int) -> float:
    """Measure the largest linear value that the model's transform sees, its reference for 0 dB."""
    return float(energies(model_bins(S, frontend, n_fft=n_fft), frontend.transform).max(initial=0.0))


def picture(S: np.ndarray, frontend: StyleFrontend, transform: Transform, *, n_fft: int) -> np.ndarray:
    """Make what the model sees of a complex spectrum.

    Args:
        S: complex spectrum (C, F, N) with `framing` of its sample rate.
        frontend: the model's.
        transform: the front-end's transform with its reference filled in (`resolve`).
        n_fft: frame length of S in samples.

    Returns:
        Picture (C, bins, N), float32.
    """
    return encode(model_bins(S, frontend, n_fft=n_fft), transform)[:, : frontend.bins]


def gain_db(before: np.ndarray, after: np.ndarray, frontend: StyleFrontend) -> np.ndarray:
    """Read a model's change as a gain in dB per row.

    Args:
        before: picture (C, bins, N) that the model saw.
        after: its answer.
        frontend: the model's.

    Returns:
        Gain (C, bins, N) in dB, within GAIN_RANGE_DB; rows above HEARD take that of the highest row below it.
    """
    low, high = GAIN_RANGE_DB
    gain = np.clip((after - before) / np.float32(frontend.transform.slope), low, high)
    gain[:, frontend.heard :] = gain[:, frontend.heard - 1 : frontend.heard]
    return gain


def spread_gain(gain: np.ndarray, frontend: StyleFrontend, *, bins: int) -> np.ndarray:
    """Spread a gain per row over the bins of the sound's own spectrum.

    Mel gains are interpolated between band centres; above the rows the gain of the highest sixteenth goes on.

    Args:
        gain: gain (C, rows, N) in dB.
        frontend: the model's.
        bins: bins F of the sound's spectrum.

    Returns:
        Gain (C, F, N) in dB.
    """
    t = frontend.transform
    top = gain[:, -max(1, gain.shape[1] // 16) :].mean(axis=1, keepdims=True)
    if t.kind == "mel":
        place = np.arange(t.n_fft // 2 + 1)
        centres = frontend.centres
        at = np.interp(place, centres, np.arange(len(centres)))
        below = np.minimum(at.astype(int), len(centres) - 1)
        share = (at - below)[None, :, None].astype(np.float32)
        above = np.minimum(below + 1, len(centres) - 1)
        gain = (1 - share) * gain[:, below] + share * gain[:, above]
    elif t.first_bin:
        gain = np.concatenate([np.repeat(gain[:, :1], t.first_bin, axis=1), gain], axis=1)
    missing = bins - gain.shape[1]
    if missing > 0:
        gain = np.concatenate([gain, np.repeat(top, missing, axis=1)], axis=1)
    return gain[:, :bins]


def apply_gain(S: np.ndarray, gain: np.ndarray, *, strength: float = 1.0) -> np.ndarray:
    """Change a complex spectrum by a gain.

    Args:
        S: spectrum (C, F, N), complex.
        gain: gain (C or 1, F, N) in dB.
        strength: 0 changes nothing, 1 applies the gain, values between scale it in dB.

    Returns:
        Spectrum (C, F, N), complex64.

    Raises:
        ParameterError: strength is not in 0..1.

    >>> round(float(np.abs(apply_gain(np.ones((1, 1, 1)), np.full((1, 1, 1), 20.0), strength=0.5)).sum()), 3)
    3.162
    """
    if not 0 <= strength <= 1:
        raise ParameterError(f"strength is in 0..1, not {strength}")
    if strength == 0:
        return S
    factor = np.exp(gain * np.float32(strength * np.log(10) / 20)).astype(np.float32)
    return (S * factor).astype(np.complex64, copy=False)


def average_spectrum(S: np.ndarray) -> np.ndarray:
    """Average the levels of a sound over time: mean dB per bin of the frames within 60 dB of the loudest.

    Args:
        S: spectrum (C, F, N), complex or magnitude.

    Returns:
        Level (F,) in dB.
    """
    power = np.mean(np.abs(S) ** 2, axis=0)
    loudness = power.sum(axis=0)
    kept = power[:, loudness >= loudness.max(initial=0.0) * 1e-6]
    return 10 * np.log10(np.maximum(kept.mean(axis=1), 1e-12)) if kept.shape[1] else np.full(len(power), -120.0)


def envelope_gain(content: np.ndarray, style: np.ndarray, *, smooth: int = 12) -> np.ndarray:
    """Match the average spectral envelope of one sound to another's: the plain way to borrow a timbre.

    Args:
        content, style: average spectra (F,) in dB, as `average_spectrum` gives them.
        smooth: bins that the difference is averaged over on both sides, so that notes are not matched.

    Returns:
        Gain (1, F, 1) in dB.
    """
    difference = np.pad(style - content, smooth, mode="edge")
    window = np.hanning(2 * smooth + 3)[1:-1]
    smoothed = np.convolve(difference, window / window.sum(), mode="valid")
    return np.clip(smoothed, *GAIN_RANGE_DB).astype(np.float32)[None, :, None]


def resolved(frontend: StyleFrontend, peak: float) -> Transform:
    """Fill in the reference of the front-end's transform from the sound's peak."""
    from audiokit.dsp.spectrum.transform import resolve

    return resolve(frontend.transform, peak) if frontend.transform.needs_peak else replace(frontend.transform)


def same_picture(a: Transform, b: Transform) -> bool:
    """Tell whether two transforms make the same numbers, measured levels and what was kept of the end aside.

    >>> t = standard_frontend().transform
    >>> same_picture(t, resolved(standard_frontend(), 3.0)), same_picture(t, replace(t, hop=256))
    (True, False)
    """
    measured = ("reference", "lowest", "preset", "tail", "gain")
    left, right = a.to_dict(), b.to_dict()
    return all(left[key] == right[key] for key in left if key not in measured)
