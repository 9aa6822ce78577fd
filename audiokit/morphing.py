"""Morph two files into one."""

from __future__ import annotations

import os
from typing import Any

from audiokit.errors import ParameterError, UsageError


def parse_curve(text: str) -> list[tuple[float, float]]:
    """Read a curve: amounts with commas, evenly spaced, or PLACE:AMOUNT pairs with places from 0 to 1 (or percent).

    Raises:
        ParameterError: it is neither.

    >>> parse_curve("0,1"), parse_curve("0:0, 30%:0, 1:1")
    ([(0.0, 0.0), (1.0, 1.0)], [(0.0, 0.0), (0.3, 0.0), (1.0, 1.0)])
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        if ":" in text:
            pairs = [part.split(":") for part in parts]
            return [(_share(place), _share(value)) for place, value in pairs]
        values = [_share(part) for part in parts]
    except ValueError:
        values = []
    if len(values) < 2:
        raise ParameterError(f"--curve {text!r}: not a curve", hint="for example 0,1 or 0:0,30%:0,1:1")
    return [(k / (len(values) - 1), value) for k, value in enumerate(values)]


def _share(text: str) -> float:
    return float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)


def morph_files(
    first: str, second: str, out: str | None, *, amount: float, curve: str | None, align: bool, engine: str,
    model: str | None = None, subtype: str | None = None, force: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Morph two files (one may be "-") into one output at the first one's rate.

    Returns:
        The report: seconds, engine, warnings.

    Raises:
        UsageError: no output, standard input twice, or a model for an engine that has none.
    """
    from audiokit.dsp.effects.morph import choose_engine, morph
    from audiokit.dsp.loudness.mix import spread
    from audiokit.io.audio import history_entry, read, write
    from audiokit.io.files import check_free

    if out is None:
        raise UsageError("there is no output", hint="add -o between.wav, or -o - for standard output")
    if first == second == "-":
        raise UsageError("standard input can be one of the two only")
    if model is not None and engine != "latent":
        raise UsageError("--model is for --engine latent", hint="add --engine latent, or leave --model out")
    if out.endswith(("/", os.sep)) or os.path.isdir(out):
        raise UsageError(f"{out}: a morph is one file, not a folder", hint=f"write {os.path.join(out, 'morph.wav')}")
    if out != "-":
        check_free(out, force=force)
    points = parse_curve(curve) if curve is not None else amount
    a, about = read(first)
    b, other = read(second, rate=about.rate)
    channels = max(a.shape[0], b.shape[0])
    a, b = spread(a, channels), spread(b, channels)
    chosen = choose_engine(a, b, about.rate) if engine == "auto" and a.size and b.size else engine
    if chosen == "latent":
        from audiokit.latent_morphing import morph_latent

        if align:
            raise UsageError("--engine latent paints sounds anew: no --align", hint="use --engine world or transport")
        y = morph_latent(a, b, about.rate, amount=points, model=model)
    else:
        y = morph(a, b, about.rate, amount=points, align=align, engine=chosen)
    options = {
        "with": second,
        "amount": None if curve else amount,
        "curve": curve,
        "align": align,
        "engine": chosen,
        "model": model,
    }
    history = [history_entry("morph", {k: v for k, v in options.items() if v not in (None, False)})]
    warnings = write(out, y, about.rate, like=about, subtype=subtype, history=history, force=force)
    if other.rate != about.rate:
        warnings = [f"{second}: resampled from {other.rate} to {about.rate} Hz", *warnings]
    return {
        "inputs": [first, second], "output": out, "seconds": round(y.shape[1] / about.rate, 3), "engine": chosen,
        "warnings": warnings,
    }  # fmt: skip
