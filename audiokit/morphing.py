"""Morph two files into one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from audiokit.errors import InputError, ParameterError, UsageError

if TYPE_CHECKING:
    import numpy as np


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


def morph_notes(a: np.ndarray, b: np.ndarray, rate: int, amount: float, *, model: str = "notes") -> np.ndarray:
    """Blend two single notes in the latent space of a note model: a new note is rendered, not the recordings.

    Args:
        a, b: audio (C, T), each one note.
        rate: Hz, 8000 to 192000.
        amount: 0 (a) to 1 (b).
        model: note model by name or folder.

    Returns:
        Audio (C, T3), float32, at a pitch, length and level between the two.

    Raises:
        InputError: a sound is silent.
        ModelError: the model is unknown or has no encoder.
    """
    import numpy as np

    from audiokit.dsp.note_names import estimate_pitch
    from audiokit.models.notes import between, load

    notes = load(model)
    sounds, pitches, lengths, levels = [], [], [], []
    for y in (a, b):
        mono = y.mean(axis=0, dtype=np.float32)
        loud = np.flatnonzero(np.abs(mono) > 0.02 * np.abs(mono).max(initial=0.0))
        if not len(loud):
            raise InputError("a sound is silent, so it is no note", hint="use --engine transport")
        mono = np.ascontiguousarray(mono[loud[0] :])
        pitches.append(float(estimate_pitch(mono, rate)))
        sounds.append(notes.encode(mono, rate, pitches[-1], 100))
        lengths.append(y.shape[1])
        levels.append(float(np.sqrt((mono.astype(np.float64) ** 2).mean())))
    pitch, length, level = ((1 - amount) * pair[0] + amount * pair[1] for pair in (pitches, lengths, levels))
    release_s = min(0.2, 0.2 * length / rate)
    y = notes.render(
        between(sounds[0], sounds[1], amount), pitch, 100, held_s=length / rate - release_s, release_s=release_s,
        decay_s=None, rate=rate, rng=np.random.default_rng(0),
    )  # fmt: skip
    y = np.pad(y, (0, max(0, round(length) - len(y))))[: round(length)]
    now = float(np.sqrt((y.astype(np.float64) ** 2).mean()))
    return np.tile(y * np.float32(level / now if now > 0 else 0.0), (a.shape[0], 1))


def morph_files(
    first: str, second: str, out: str | None, *, amount: float, curve: str | None, align: bool, engine: str,
    subtype: str | None = None, force: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Morph two files (one may be "-") into one output at the first one's rate.

    Returns:
        The report: seconds, engine, warnings.

    Raises:
        UsageError: no output, or standard input twice.
    """
    from audiokit.dsp.mix import spread
    from audiokit.dsp.morph import choose_engine, morph
    from audiokit.io.audio import history_entry, read, write
    from audiokit.io.files import check_free

    if out is None:
        raise UsageError("there is no output", hint="add -o between.wav, or -o - for standard output")
    if first == second == "-":
        raise UsageError("standard input can be one of the two only")
    if out != "-":
        check_free(out, force=force)
    points = parse_curve(curve) if curve is not None else amount
    a, about = read(first)
    b, other = read(second, rate=about.rate)
    channels = max(a.shape[0], b.shape[0])
    a, b = spread(a, channels), spread(b, channels)
    chosen = choose_engine(a, b, about.rate) if engine == "auto" and a.size and b.size else engine
    if chosen == "latent":
        if curve is not None or align:
            raise UsageError("--engine latent makes one note: no --curve and no --align", hint="use --amount")
        y = morph_notes(a, b, about.rate, amount)
    else:
        y = morph(a, b, about.rate, amount=points, align=align, engine=chosen)
    options = {"with": second, "amount": None if curve else amount, "curve": curve, "align": align, "engine": chosen}
    history = [history_entry("morph", {k: v for k, v in options.items() if v not in (None, False)})]
    warnings = write(out, y, about.rate, like=about, subtype=subtype, history=history, force=force)
    if other.rate != about.rate:
        warnings = [f"{second}: resampled from {other.rate} to {about.rate} Hz", *warnings]
    return {
        "inputs": [first, second], "output": out, "seconds": round(y.shape[1] / about.rate, 3), "engine": chosen,
        "warnings": warnings,
    }  # fmt: skip


def print_report(report: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """Say what was made: JSON on standard output, or a line on standard error."""
    import json

    if as_json:
        print(json.dumps(report), flush=True)
    if quiet:
        return
    if not as_json:
        print(f"{' ~ '.join(report['inputs'])} -> {report['output']} ({report['engine']})", file=sys.stderr)
    for warning in report["warnings"]:
        print(f"audiokit: {report['output']}: {warning}", file=sys.stderr)
