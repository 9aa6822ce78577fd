"""Split files: one file in, one file per stem out, in memory that does not grow with the length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.engine.batch import Job

if TYPE_CHECKING:
    from audiokit.models.separation.separator import Settings

_BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_S8": 8, "PCM_U8": 8}
#: Samples read at a time.
_BLOCK = 1 << 17


def split_file(job: Job, *, settings: Settings, subtype: str | None = None, clip: str = "rescale") -> dict[str, Any]:
    """Separate one file or stream into the stems that `job.targets` names; all of them appear, or none.

    Args:
        job: source and targets.
        settings: engine, model, stems and the rest.
        subtype: encoding of the outputs; the input's by default.
        clip: what to do with a stem that exceeds full scale in an integer format.

    Returns:
        The report: seconds, rate, channels, peak of every stem, warnings.

    Raises:
        InputError, DamagedError: the source cannot be read.
        ParameterError, ModelError, MissingExtraError: as for `audiokit.split`.
    """
    from audiokit.io.audio import Reader, Writer
    from audiokit.models.separation.separator import Separation

    with ExitStack() as stack:
        reader = stack.enter_context(Reader(job.source))
        separation = Separation(settings, reader.rate, reader.channels)
        writers = {}
        for stem in separation.stems:
            writer = Writer(
                job.targets[stem],
                reader.rate,
                separation.channels,
                like=reader.info,
                subtype=subtype,
                history=job.history,
                clip=clip,
                force=job.force,
            )
            writers[stem] = stack.enter_context(writer)
        separation.grid = grid_of(next(iter(writers.values())).subtype)
        for parts in separation.run(reader.blocks(_BLOCK)):
            for stem, y in parts.items():
                writers[stem].write(y)
        length = next(iter(writers.values())).length
    return {
        "seconds": round(length / reader.rate, 3),
        "rate": reader.rate,
        "channels": separation.channels,
        "peaks": {stem: round(writer.peak, 5) for stem, writer in writers.items()},
        "warnings": [f"{stem}: {text}" for stem, writer in writers.items() for text in writer.warnings],
    }


def grid_of(subtype: str) -> Callable[[np.ndarray], np.ndarray]:
    """Make a function that rounds audio as an encoding will round it.

    >>> grid_of("PCM_16")(np.array([0.5, 1e-6, 2.0], np.float32)).tolist()
    [0.5, 0.0, 0.999969482421875]
    """
    if subtype not in _BITS:
        return lambda y: y
    full = np.float32(2 ** (_BITS[subtype] - 1))

    def rounded(y: np.ndarray) -> np.ndarray:
        return (np.clip(np.rint(y.astype(np.float64) * full), -full, full - 1) / full).astype(np.float32)

    return rounded


def recipe(settings: Settings, *, subtype: str | None, clip: str) -> dict[str, Any]:
    """Name what makes the result what it is, for the history: memory and device do not."""
    options = {key: value for key, value in asdict(settings).items() if key not in ("segment_s", "device")}
    return {**options, "subtype": subtype, "clip": clip}
