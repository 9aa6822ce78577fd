"""Spectrogram front-ends of known systems, with their exact numbers.

Where those systems lost something, the preset keeps it without changing their values: the last part of the
signal (`tail`), the level that 0 dB refers to (`reference`, measured and recorded), both channels of stereo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audiokit.dsp.spectrum.transform import Transform
from audiokit.errors import ParameterError


@dataclass(frozen=True)
class Preset:
    """A front-end, and the chunks (frames) that its models are trained on; chunk None means the whole sound."""

    description: str
    fields: dict[str, Any] = field(default_factory=dict)
    chunk: int | None = None
    overlap: int = 0

    def transform(self, name: str) -> Transform:
        """Make the Transform."""
        return Transform(**self.fields, preset=name)


_POWER_MEL = {"kind": "mel", "n_fft": 2048, "hop": 512, "n_mels": 128, "power": 2.0, "scale": "db", "floor": 1e-10}
#: dB below the loudest cell, the uppermost 80 of them scaled to -1..1.
_BELOW_PEAK = {"reference": None, "top_db": 80.0, "slope": 2 / 80, "offset": 1.0, "clip": True}
_VOCODER = {"kind": "mel", "n_fft": 1024, "hop": 256, "n_mels": 80}
_REFLECT_384 = {"pad": (384, 384), "pad_mode": "reflect", "tail": True}
_REFLECT_512 = {"pad": (512, 512), "pad_mode": "reflect"}

PRESETS: dict[str, Preset] = {
    "cyclegan-music": Preset(
        "128 mels at 22,050 Hz in dB below the file's peak, scaled to -1..1, windows of 256 frames every 128",
        {
            **_POWER_MEL,
            **_BELOW_PEAK,
            "rate": 22050,
        },
        chunk=256,
        overlap=128,
    ),
    "linear-music": Preset(
        "1025 linear bins at 22,050 Hz in dB below the file's peak, scaled to -1..1",
        {
            "kind": "magnitude",
            "scale": "db",
            "floor": 1e-5,
            **_BELOW_PEAK,
            "rate": 22050,
        },
    ),
    "vocal-cyclegan": Preset(
        "128 mels at 44,100 Hz in dB, down to 80 dB below the file's peak, windows of 256 frames every 128",
        {**_POWER_MEL, "rate": 44100, "top_db": 80.0},
        chunk=256,
        overlap=128,
    ),
    "melgan": Preset(
        "80 mels at 22,050 Hz, log10",
        {**_VOCODER, **_REFLECT_384, "rate": 22050, "scale": "log10", "floor": 1e-5},
    ),
    "hifigan": Preset(
        "80 mels to 8 kHz at 22,050 Hz, natural log",
        {
            **_VOCODER,
            **_REFLECT_384,
            "rate": 22050,
            "scale": "log",
            "floor": 1e-5,
            "fmax": 8000.0,
            "power_eps": 1e-9,
        },
    ),
    "parallel-wavegan": Preset(
        "80 mels from 80 to 7600 Hz at 22,050 Hz, log10",
        {
            **_VOCODER,
            **_REFLECT_512,
            "rate": 22050,
            "scale": "log10",
            "floor": 1e-10,
            "fmin": 80.0,
            "fmax": 7600.0,
        },
    ),
    "vocos": Preset(
        "100 HTK mels at 24,000 Hz, natural log",
        {
            **_VOCODER,
            **_REFLECT_512,
            "rate": 24000,
            "n_mels": 100,
            "scale": "log",
            "floor": 1e-7,
            "mel_norm": None,
            "htk": True,
        },
    ),
    "nsynth-ri": Preset(
        "real and imaginary part at 16,000 Hz, 16 Hz per bin, in 16-bit units",
        {"kind": "real-imag", "rate": 16000, "n_fft": 1000, "hop": 500, "gain": 32768 / 500},
    ),
    "gansynth": Preset(
        "natural log of magnitude and instantaneous frequency at 16,000 Hz, 1024 bins without DC",
        {
            "kind": "magnitude-if",
            "rate": 16000,
            "n_fft": 2048,
            "hop": 512,
            "pad": (3072, 0),
            "tail": True,
            "first_bin": 1,
            "scale": "log",
            "floor": 1e-6,
            "floor_rule": "add",
        },
    ),
}


def find_preset(name: str) -> Preset:
    """Look a preset up by name.

    Raises:
        ParameterError: there is none of that name.

    >>> find_preset("melgan").transform("melgan").n_mels
    80
    """
    if name not in PRESETS:
        raise ParameterError(f"unknown preset {name!r}", hint=f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]


def matching_presets(transform: Transform) -> list[str]:
    """Name the presets whose numbers a transform has, measured levels aside.

    >>> matching_presets(Transform(rate=22050, kind="mel", n_fft=1024, hop=256, n_mels=80, pad=(384, 384),
    ...     pad_mode="reflect", scale="log10"))
    ['melgan']
    """
    measured = ("reference", "lowest", "preset", "tail")
    mine = {key: value for key, value in transform.to_dict().items() if key not in measured}
    found = []
    for name, preset in PRESETS.items():
        theirs = preset.transform(name).to_dict()
        if all(theirs[key] == value for key, value in mine.items()):
            found.append(name)
    return found
