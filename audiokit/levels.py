"""Loudness of files: measure them, and bring them to a level in two passes that never hold a whole recording."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from audiokit.dsp.loudness.mastering import Aim, Plan, plan_level, render
from audiokit.engine.batch import Job, expand, run, survey
from audiokit.errors import InputError, UsageError
from audiokit.io.audio import BLOCK, AudioInfo, Reader, Writer

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.loudness.loudness import Meter
    from audiokit.dsp.loudness.match import Reference
    from audiokit.engine.options import BatchOptions


def normalize_files(
    inputs: Sequence[str],
    out: str | None,
    *,
    batch: BatchOptions,
    options: dict[str, Any],
    reference: str | None = None,
    album: bool = False,
    measure: bool = False,
    subtype: str | None = None,
) -> None:
    """Do what `audiokit normalize` was asked to do.

    Args:
        inputs, out, batch: as for every command.
        options: fields of the Aim.
        reference: file to match.
        album: one gain for all inputs.
        measure: only print what the meter reads, as JSON.
        subtype: encoding of the outputs, instead of the inputs'.

    Raises:
        UsageError: options that exclude each other.
    """
    aim = Aim(**options)
    if measure:
        survey(partial(measure_file, dual_mono=aim.dual_mono), inputs, _print_json, batch=batch)
        return
    if (aim.mode == "match" or aim.match_spectrum) and reference is None:
        raise UsageError("there is nothing to match", hint="add --reference FILE")
    if album and ("-" in inputs or aim.mode == "match" or aim.per_frame or aim.range_lu is not None):
        raise UsageError("--album takes files and one gain: not -, --reference, --per-frame or --range")
    recipe = {key: value for key, value in options.items() if value not in (None, False)}
    recipe |= {k: v for k, v in (("reference", reference), ("album", album), ("subtype", subtype)) if v}
    heard = listen_to(reference, dual_mono=aim.dual_mono) if reference and not batch.dry_run else None
    if album and not batch.dry_run:
        gain_db, level = album_gain([source for source, _ in expand(inputs)], aim)
        aim = replace(aim, gain_db=gain_db)
        recipe["gain_db"] = round(gain_db, 3)
        if not batch.quiet:
            print(f"album: {level:.1f}, gain {gain_db:+.1f} dB", file=sys.stderr)
    task = partial(normalize_file, aim=aim, reference=heard, subtype=subtype)
    run(task, inputs, out, batch=batch, command="normalize", options=recipe)


def _print_json(report: dict[str, Any]) -> None:
    print(json.dumps(report), flush=True)


@contextmanager
def replayable(source: str, *, rate: int | None = None) -> Iterator[tuple[Reader, Callable[[], Iterator[np.ndarray]]]]:
    """Open audio that can be read from the start again and again; standard input is kept in a temporary file.

    Args:
        source: path or "-".
        rate: resample to this rate (Hz).

    Yields:
        The reader, and a function that starts over and yields blocks (C, T).
    """
    with Reader(source, rate=rate) as reader:
        if source != "-":

            def blocks() -> Iterator[np.ndarray]:
                with Reader(source, rate=rate) as again:
                    yield from again.blocks(BLOCK)

            yield reader, blocks
            return
        with tempfile.TemporaryFile() as spool:
            for block in reader.blocks(BLOCK):
                spool.write(block.T.tobytes())
            yield reader, lambda: _unspool(spool, reader.channels)


def _unspool(spool: Any, channels: int) -> Iterator[np.ndarray]:
    import numpy as np

    spool.seek(0)
    while data := spool.read(BLOCK * channels * 4):
        yield np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, channels).T)


def normalize_file(
    job: Job, *, aim: Aim, reference: Reference | None = None, subtype: str | None = None
) -> dict[str, Any]:
    """Bring one file to a level; the task behind `audiokit normalize`.

    Args:
        job: input and output.
        aim: what to reach.
        reference: what to match.
        subtype: encoding of the output, instead of the input's.

    Returns:
        The report: meter readings before and after, gain, limiting, warnings.

    Raises:
        InputError, DamagedError: the input cannot be read to its end.
    """
    with replayable(job.source) as (reader, blocks):
        rate, channels, info = reader.rate, reader.channels, reader.info
        plan = plan_level(blocks, rate, channels, aim, reference)
        with Writer(
            job.target, rate, channels, like=info, subtype=subtype, history=job.history, force=job.force, clip="rescale"
            if _may_clip(plan) else "allow",
        ) as writer:  # fmt: skip
            for block in render(plan, blocks(), rate, channels):
                writer.write(block)
        return _report(plan, info, rate, writer.warnings)


def _may_clip(plan: Plan) -> bool:
    """Whether a sample might exceed full scale: only where nothing was done to a file that does already."""
    return plan.after is None or plan.after.sample_peak_dbfs > 0


def _report(plan: Plan, info: AudioInfo, rate: int, warnings: Sequence[str]) -> dict[str, Any]:
    assert plan.before is not None and plan.after is not None
    return {
        "seconds": round(plan.before.seconds, 3),
        "rate": rate,
        "channels": info.channels,
        "gain_db": round(plan.gain_db, 3),
        "gain_moves_db": round(float(plan.curve_db.max() - plan.curve_db.min()), 2) if plan.curve_db is not None else 0,
        "reduction_db": round(plan.reduction_db, 2),
        "limited_s": round(plan.limited_s, 2),
        "before": plan.before.as_dict(),
        "after": plan.after.as_dict(),
        "warnings": [*plan.warnings, *warnings],
    }


def measure_file(job: Job, *, dual_mono: bool = False) -> dict[str, Any]:
    """Measure one file; the task behind `audiokit normalize --measure`."""
    with Reader(job.source) as reader:
        meter = _meter(reader, dual_mono)
        return {"rate": reader.rate, "channels": reader.channels, **meter.result().as_dict()}


def _meter(reader: Reader, dual_mono: bool) -> Meter:
    from audiokit.dsp.loudness.loudness import Meter

    meter = Meter(reader.rate, reader.channels, dual_mono=dual_mono)
    for block in reader.blocks(BLOCK):
        meter.process(block)
    return meter


def listen_to(path: str, *, dual_mono: bool = False) -> Reference:
    """Hear the file to match.

    Raises:
        InputError: it cannot be read, or is silent.
    """
    from audiokit.dsp.loudness.match import listen

    with Reader(path) as reader:
        reference = listen(reader.blocks(BLOCK), reader.rate, reader.channels, dual_mono=dual_mono)
    if reference.loudness.as_dict()["integrated_lufs"] is None:
        raise InputError(f"{path}: is silent, so nothing can match it", hint="give a --reference with sound")
    return reference


def album_gain(sources: Sequence[str], aim: Aim) -> tuple[float, float]:
    """Measure files as one album.

    Args:
        sources: the files, in order.
        aim: level to reach, in the mode loudness, peak or rms.

    Returns:
        The gain (dB) that brings the album there, and the album's level before.

    Raises:
        InputError: all of them are silent.
    """
    import math

    import numpy as np

    from audiokit.dsp.loudness.loudness import integrate
    from audiokit.dsp.loudness.mastering import DEFAULT_TO

    powers, peaks, squares, seconds = [], [], 0.0, 0.0
    for source in sources:
        with Reader(source) as reader:
            meter = _meter(reader, aim.dual_mono)
        heard = meter.result()
        powers.append(meter.gating_powers)
        peaks.append(heard.true_peak_dbtp)
        squares += heard.seconds * 10 ** (heard.rms_dbfs / 10)
        seconds += heard.seconds
    if aim.mode == "peak":
        level = max(peaks)
    elif aim.mode == "rms":
        level = 10 * math.log10(squares / seconds) if squares else -math.inf
    else:
        level = integrate(np.concatenate(powers))
    if not math.isfinite(level):
        raise InputError("the album is silent", hint="check the folder")
    to = DEFAULT_TO[aim.mode] if aim.to is None else aim.to
    return to - level, level
