"""Where to cut: at equal distances, at beats, or at silences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiokit.dsp.effects.cut import LEVEL_S, Span, beat_spans, block_levels, even_spans, silence_spans
from audiokit.engine.flow import Counted
from audiokit.engine.parse import seconds
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options
from audiokit.errors import InputError, ParameterError


def piece_and_overlap(options: Options, rate: int) -> tuple[int, int]:
    """Piece and overlap in samples, for `every`; one sample and none where the cuts lie elsewhere.

    Raises:
        ParameterError: the overlap is no percentage or duration, or not less than the piece.

    >>> piece_and_overlap({"every": 2.0, "overlap": "50%"}, 8000)
    (16000, 8000)
    """
    if options["every"] is None:
        return 1, 0
    size = round(options["every"] * rate)
    if options["overlap"].endswith("%"):
        try:
            overlap = round(size * float(options["overlap"][:-1]) / 100)
        except ValueError:
            raise ParameterError(f"--overlap {options['overlap']!r}: not a percentage", hint="write 50%") from None
    else:
        overlap = round(seconds(options["overlap"], "--overlap") * rate)
    next(even_spans(size, overlap))
    return size, overlap


def spans_of(sound: Sound, options: Options) -> Iterator[Span] | list[Span]:
    """First and last sample of every piece; the sound is read once more where its content decides.

    Raises:
        InputError: no beats are found.
    """
    rate = sound.rate
    if options["every"] is not None:
        return even_spans(*piece_and_overlap(options, rate))
    counted = Counted(sound.blocks())
    if options["at"] == "silence":
        step = max(1, round(LEVEL_S * rate))
        levels = block_levels(counted, step)
        return silence_spans(
            levels,
            step,
            counted.length,
            threshold_db=options["threshold"],
            shortest=round(options["min_"] * rate),
            longest=round(options["max_"] * rate),
            pause=round(options["pause"] * rate),
        )
    from audiokit.dsp.rhythm.beats import track_beats
    from audiokit.engine.spool import at_hand
    from audiokit.io.means import averaged

    found = track_beats(at_hand((averaged(block) for block in counted), channels=1), rate)
    if len(found.times_s) < 2:
        name = "standard input" if sound.name == "-" else sound.name
        raise InputError(f"{name}: no beats found", hint="cut it by length with --every")
    spans = beat_spans(found.times_s, found.downbeats, rate, counted.length, per_piece=options["beats"])
    if options["tail"] == "drop":
        period = float(np.median(np.diff(found.times_s))) * rate * options["beats"]
        spans = [span for span in spans if span[1] - span[0] > 0.75 * period]
    return spans
