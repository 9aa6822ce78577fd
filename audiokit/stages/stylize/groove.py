"""`stylize --engine groove`: when things are played, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Notes
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options
from audiokit.errors import InputError
from audiokit.stages.stylize.once import once
from audiokit.stages.stylize.pieces import Behind, pieces

if TYPE_CHECKING:
    from audiokit.dsp.rhythm.groove import Groove

#: Fewer beats than this have no groove.
_FEWEST = 4
#: Beats found with less confidence than this are warned about.
_UNCERTAIN = 0.3
#: Beats are found in pieces of this length, or nearly twice that at the end, which share so much with the next.
_PIECE_S, _SHARED_S = 90.0, 20.0
#: Joins may be as close as this: attacks of fast music are short.
_SHORTEST_S = 0.045


def change_groove(flow: Sound | Chunks, options: Options) -> Sound:
    """Move the off-beats of a sound; its length, beats, pitch and loudness stay.

    Raises:
        InputError: no beats are found, or what comes is no audio.
    """
    from audiokit.dsp.rhythm.groove import groove_map
    from audiokit.dsp.rhythm.playing import play
    from audiokit.dsp.rhythm.warp import plan_stretches

    if isinstance(flow, Chunks):
        raise InputError(
            f"{flow.name}: --engine groove moves sounds in time, which chunks of spectra do not show",
            hint="give the audio itself",
        )
    source = flow.replay()
    found, length = _groove(source, options["track_bpm"])
    wanted = _wanted(found, options)
    moved = found.share + options["strength"] * (wanted - found.share)
    time_map = groove_map(found, moved, length / flow.rate)
    plan = plan_stretches(time_map, flow.rate, length, shortest_s=_SHORTEST_S)

    def blocks() -> Iterator[NDArray[np.float32]]:
        return (piece for piece, _ in play(Behind(source).take, source.rate, plan))

    notes = Notes(
        report={
            "tempo_bpm": round(found.beats.tempo_bpm, 3),
            "beats": len(found.beats.times_s),
            "confidence": round(found.beats.confidence, 3),
            "swing": {"before": round(100 * found.swing, 1), "after": round(100 * float(np.median(moved)), 1)},
        }
    )
    if found.beats.confidence < _UNCERTAIN:
        notes.warnings.append(
            f"no steady beat is heard (confidence {found.beats.confidence:.2f}): "
            "listen to the result, or give the tempo with --track-bpm"
        )
    return source.derive(blocks, length=length, notes=notes)


def _groove(sound: Sound, bpm: float | None) -> tuple[Groove, int]:
    """Find the groove of a sound piece by piece, and its length in samples."""
    from audiokit.dsp.rhythm.beats import track_beats
    from audiokit.dsp.rhythm.groove import find_groove, joined

    parts, stop, tempo = [], 0, bpm
    for y, start in pieces(sound, _PIECE_S, _SHARED_S):
        stop = start + y.shape[1]
        beats = track_beats(y, sound.rate, bpm=tempo)
        if len(beats.times_s) < _FEWEST:
            continue
        part = find_groove(y, sound.rate, beats, known=tempo is not None)
        tempo = tempo or part.beats.tempo_bpm  # the pieces count alike
        at = replace(part.beats, times_s=part.beats.times_s + start / sound.rate)
        parts.append(replace(part, beats=at))
    if not parts:
        raise InputError(
            f"{sound.name}: no beats are found, so there is nothing to swing",
            hint="give its tempo with --track-bpm, or change its sound with --engine model",
        )
    return joined(parts), stop


def _wanted(found: Groove, options: Options) -> NDArray[np.float64]:
    """Where the off-beats go, as shares of the beat: all alike, or by the place in the bar as in another recording."""
    if options["style"] is None:
        return np.full(len(found.share), options["swing"] / 100)
    places = once(options["style"], lambda sound: _groove(sound.replay(), None)[0].by_position, "groove")
    return np.asarray(places[(found.beats.positions[:-1] - 1) % len(places)], np.float64)
