"""Which transform is made of options: a preset, numbers of its own, or a preset with numbers changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.presets import find_preset, matching_presets
from audiokit.dsp.spectrum.stft import overlap_add, window_values
from audiokit.dsp.spectrum.transform import Transform
from audiokit.errors import ParameterError

#: What `--kind mel` makes unless told otherwise is librosa's mel spectrogram, and what the shipped inverters know.
_NAMES = ("kind", "n_fft", "hop", "window", "n_mels", "fmin", "fmax", "scale", "rate")
_MEL = {"n_mels": 128, "power": 2.0}


def make_transform(options: Mapping[str, Any], rate: int) -> Transform:
    """Decide what is made of audio at a rate.

    Args:
        options: kind, n_fft, hop, window, n_mels, fmin, fmax, scale, rate and preset, as far as they are given; None
            means the preset's value, or the general default.
        rate: of the audio in Hz, where no other is asked for.

    Raises:
        ParameterError: an option is unknown or out of range, or the result could not be turned back.
    """
    given = tuple((name, options[name]) for name in _NAMES if options.get(name) is not None)
    return _transform_of(given, options.get("preset"), rate)


@lru_cache(maxsize=64)
def _transform_of(numbers: tuple[tuple[str, Any], ...], preset: str | None, rate: int) -> Transform:
    """A folder asks for the same one again and again."""
    given = dict(numbers)
    if preset is not None:
        base = find_preset(preset).transform(preset)
        if not given:
            return base
        changed = replace(base, **_reframed(given, base))
        name = preset if preset in matching_presets(changed) else None
        return replace(changed, preset=name)
    given.setdefault("kind", "stft")
    given.setdefault("rate", rate)
    if "n_fft" in given:
        given.setdefault("hop", max(1, given["n_fft"] // 4))
    if given["kind"] == "mel":
        given = {**_MEL, **given}
    elif {"n_mels", "fmin", "fmax"} & given.keys():
        raise ParameterError("--n-mels, --fmin and --fmax belong to --kind mel", hint="add --kind mel")
    if given["kind"] not in ("stft", "real-imag"):  # complex spectra have no scale
        given.setdefault("scale", "log")
    power = given.get("power", 1.0)
    transform = Transform(**given, floor=1e-5**power)
    _check_overlap(transform)
    return transform


def _reframed(given: dict[str, Any], base: Transform) -> dict[str, Any]:
    """Padding follows a changed frame length; the band's end follows a changed rate."""
    if "n_fft" in given or "hop" in given:
        given = {**given, "pad": None, "tail": None}
    if base.kind == "mel" and "rate" in given and "fmax" not in given and base.fmax == base.rate / 2:
        given = {**given, "fmax": None}
    return given


def _check_overlap(transform: Transform) -> None:
    squared = window_values(transform.window, transform.n_fft) ** 2
    count = 2 * -(-transform.n_fft // transform.hop) + 1
    summed = overlap_add(np.broadcast_to(squared, (1, count, len(squared))), transform.hop)[0]
    middle = summed[transform.n_fft : -transform.n_fft]
    if middle.size and middle.min() < 1e-2 * middle.max():
        raise ParameterError(
            f"hop {transform.hop} with a {transform.window} window of {transform.n_fft} leaves gaps between frames",
            hint=f"choose --hop {transform.n_fft // 4}",
        )
