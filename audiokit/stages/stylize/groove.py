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
    from audiokit.dsp.rhythm.accents import GainCurve
    from audiokit.dsp.rhythm.groove import Groove

#: Fewer beats than this have no groove.
_FEWEST = 4
#: Beats found with less confidence than this are warned about.
_UNCERTAIN = 0.3
#: Beats are found in pieces of this length, or nearly twice that at the end, which share so much with the next.
_PIECE_S, _SHARED_S = 90.0, 20.0
# Louder than this by far, squares of spectra are more than a float32 holds: beats are found in a quieter copy.
_HUGE = 1e6


def change_groove(flow: Sound | Chunks, options: Options) -> Sound:
    """Move the off-beats of a sound, and give it accents; its length, beats, pitch and loudness stay.

    Raises:
        InputError: no beats are found, or what comes is no audio.
    """
    from audiokit.dsp.rhythm.accents import accent_gains
    from audiokit.dsp.rhythm.bending import bend
    from audiokit.dsp.rhythm.groove import attack_starts, groove_map, within_reach

    if isinstance(flow, Chunks):
        raise InputError(
            f"{flow.name}: --engine groove moves sounds in time, which chunks of spectra do not show",
            hint="give the audio itself",
        )
    source = flow.replay()
    style = None
    if options["style"] is not None:
        style = once(options["style"], _style, "groove")
    share = 1.0 if options["accents"] is None else options["accents"]
    accented = style is not None and share > 0 and options["strength"] > 0
    found, length, powers = _groove(source, options["track_bpm"], levels=accented)
    wanted = np.full(len(found.share), options["swing"] / 100) if style is None else _like(found, style)
    moved = within_reach(found.share, found.share + options["strength"] * (wanted - found.share))
    time_map, joins = groove_map(found, moved, length / flow.rate), attack_starts(found, moved)

    curve, gains = None, np.zeros(0)
    if style is not None and accented:
        gains = accent_gains(found, style, options["strength"] * share)
        curve = _curve(found, moved, gains, powers)

    def blocks() -> Iterator[NDArray[np.float32]]:
        played = bend(Behind(source).take, source.rate, time_map, joins, length)
        return played if curve is None else _louder(played, curve, source.rate)

    notes = Notes(
        report={
            "tempo_bpm": round(found.beats.tempo_bpm, 3),
            "beats": len(found.beats.times_s),
            "confidence": round(found.beats.confidence, 3),
            "swing": {"before": round(100 * found.swing, 1), "after": round(100 * float(np.median(moved)), 1)},
        }
    )
    if curve is not None:
        notes.report["accents_db"] = by_place(found, gains)
    if found.beats.confidence < _UNCERTAIN:
        notes.warnings.append(
            f"no steady beat is heard (confidence {found.beats.confidence:.2f}): "
            "listen to the result, or give the tempo with --track-bpm"
        )
    return source.derive(blocks, length=length, notes=notes)


def _style(sound: Sound) -> Groove:
    return _groove(sound.replay(), None, levels=True, style=True)[0]


def _groove(
    sound: Sound, bpm: float | None, levels: bool = False, style: bool = False
) -> tuple[Groove, int, NDArray[np.float64]]:
    """Find the groove of a sound piece by piece, its length in samples, and with levels its power every 10 ms."""
    from audiokit.dsp.rhythm.accents import POWER_S, attack_levels
    from audiokit.dsp.rhythm.beats import track_beats
    from audiokit.dsp.rhythm.groove import find_groove, joined

    parts, stop, tempo = [], 0, bpm
    hop, powers = max(1, round(POWER_S * sound.rate)), [np.zeros(0)]
    heard = 0
    for y, start in pieces(sound, _PIECE_S, _SHARED_S):
        stop = start + y.shape[1]
        peak = float(max(y.max(initial=0.0), -y.min(initial=0.0)))
        gain = 1 / peak if peak > _HUGE else 1.0
        if gain != 1:
            y = y * np.float32(gain)
        if levels:
            new = y[:, heard - start : stop // hop * hop - start]
            powers.append((new**2).mean(axis=0).reshape(-1, hop).mean(axis=1) / gain**2)
            heard = stop // hop * hop
        beats = track_beats(y, sound.rate, bpm=tempo)
        if len(beats.times_s) < _FEWEST:
            continue
        part = find_groove(y, sound.rate, beats, known=tempo is not None)
        if levels:
            part = replace(part, levels_db=attack_levels(y, sound.rate, part) - 20 * np.log10(gain))
        tempo = tempo or part.beats.tempo_bpm  # the pieces count alike
        at = replace(part.beats, times_s=part.beats.times_s + start / sound.rate)
        parts.append(replace(part, beats=at))
    if not parts and style:
        raise InputError(f"{sound.name}: no beats are found, so it has no groove to take", hint="give another --style")
    if not parts:
        raise InputError(
            f"{sound.name}: no beats are found, so there is nothing to swing",
            hint="give its tempo with --track-bpm, or change its sound with --engine model",
        )
    return joined(parts), stop, np.concatenate(powers)


def _like(found: Groove, style: Groove) -> NDArray[np.float64]:
    """Where the off-beats go to lie as in another recording, by their place in the bar."""
    from audiokit.dsp.rhythm.groove import per_bar

    places = per_bar(style.by_position, found.beats.beats_per_bar)
    return np.asarray(places[found.beats.positions[:-1] - 1], np.float64)


def _curve(
    found: Groove, moved: NDArray[np.float64], gains: NDArray[np.float64], powers: NDArray[np.float64]
) -> GainCurve:
    """The gains of the attacks where they will be heard, at the level of before."""
    from audiokit.dsp.rhythm.accents import gain_curve, trim_db

    times, periods = found.beats.times_s[:-1], np.diff(found.beats.times_s)
    here, there = (np.stack([times, times + share * periods], axis=1).ravel() for share in (found.share, moved))
    trim = trim_db(gain_curve(here, gains.ravel()), powers)
    return replace(gain_curve(there, gains.ravel()), trim_db=trim)


def _louder(played: Iterator[NDArray[np.float32]], curve: GainCurve, rate: int) -> Iterator[NDArray[np.float32]]:
    at = 0
    for piece in played:
        gain = 10 ** (curve.at((at + np.arange(piece.shape[1])) / rate) / 20)
        at += piece.shape[1]
        yield piece * gain.astype(np.float32)


def by_place(found: Groove, gains: NDArray[np.float64]) -> list[list[float]]:
    """Gains of beats and off-beats in dB by their place in the bar, for the report: 0 where nothing is played.

    >>> from audiokit.dsp.rhythm.beats import Beats
    >>> from audiokit.dsp.rhythm.groove import Groove
    >>> waltz = Groove(Beats(np.arange(4.0), np.array([0, 3]), 60.0, 1.0, 3), np.full(3, 0.5), 0.5, 1.0)
    >>> by_place(waltz, np.array([[1.0, -1.0], [np.nan, 2.0], [0.0, 0.0]]))
    [[1.0, -1.0], [0.0, 2.0], [0.0, 0.0]]
    """
    places = found.beats.positions[: len(gains)]
    here = [np.nan_to_num(gains[places == k + 1]) for k in range(found.beats.beats_per_bar)]
    # All of a place are alike but where there is no attack.
    return [[round(float(max(column, key=abs, default=0.0)), 1) + 0.0 for column in rows.T] for rows in here]
