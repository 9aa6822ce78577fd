"""Sets of notes to train on: read from folders, described once, labelled, and split.

A note is described by `audiokit.dsp.notes.notes`; descriptions are kept in the run folder, so a second run or a resumed
one starts at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.dsp.notes.notes import N_GROUPS, NoteShape, analyse_note
from audiokit.dsp.notes.time_grid import HELD_S
from audiokit.errors import InputError
from audiokit.io.audio import read
from audiokit.io.nsynth import FAMILIES, QUALITIES, NoteFile, read_notes
from audiokit.models.notes.scale import MIDDLE_DB, SPAN_DB, scale
from audiokit.training.notes.pictures import SAMPLES, NoteSounds, families_of

_RATE = 32000
_SHARE_HELD_OUT = 0.15


@dataclass
class NoteSet:
    """Notes as a network sees them (`audiokit.models.notes.scale`).

    Attributes:
        levels: (N, CHANNELS, FRAMES), float16.
        constants: (N, CONSTANTS), float32.
        pitch, velocity: (N,), float32.
        instrument: index into `instruments` (N,).
        instruments: name, family, source, qualities and pitch range of each.
        held_out: which notes are for validation (N,).
        top_hz: the highest frequency that was described.
        facts: licence, training_data and the like for the model card.
    """

    levels: np.ndarray
    constants: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    instrument: np.ndarray
    instruments: list[dict[str, Any]]
    held_out: np.ndarray
    top_hz: float = 16000.0
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pitch)

    def card(self) -> dict[str, Any]:
        """What the model card says about the notes."""
        pairs = {
            (int(i), int(p)) for i, p in zip(self.instrument[self.held_out], self.pitch[self.held_out], strict=True)
        }
        return {
            "labels": {
                "instruments": self.instruments,
                "pitch": [int(self.pitch.min()), int(self.pitch.max())],
                "held_out": sorted([self.instruments[i]["name"], p] for i, p in pairs),
            },
            **self.facts,
        }


def find_notes(folders: Sequence[str]) -> list[NoteFile]:
    """List the labelled notes of several folders (NSynth's layout, or named files).

    Raises:
        InputError: a folder is missing or a note has no family.
    """
    notes = [note for folder in folders for note in read_notes(folder)]
    nameless = [note for note in notes if note.family not in FAMILIES]
    if nameless:
        raise InputError(
            f"{nameless[0].path}: the family of instrument {nameless[0].instrument!r} is unknown",
            hint=f"put one of these words into the name: {', '.join(FAMILIES)}",
        )
    return notes


def describe_notes(notes: Sequence[NoteFile], cache: Path | None = None, *, seed: int = 0) -> NoteSet:
    """Describe notes for the comb-source decoder; what cannot be described (silence) is left out.

    Args:
        notes: where they are and what they are.
        cache: folder to keep descriptions in.
        seed: of the choice of held-out (instrument, pitch) pairs.

    Raises:
        InputError: fewer than two notes are left.
    """
    kept, levels, constants, top = _described(notes, cache)
    if len(kept) < 2:
        raise InputError(f"{len(kept)} of {len(notes)} notes can be used, training needs 2 or more")
    names = sorted({_instrument_name(note) for note in kept})
    owner = np.array([names.index(_instrument_name(note)) for note in kept])
    pitch = np.array([note.pitch for note in kept], np.float32)
    velocity = np.array([note.velocity for note in kept], np.float32)
    instruments = [_label(name, kept, np.flatnonzero(owner == i), levels) for i, name in enumerate(names)]
    relative_brightness(instruments, levels, owner)
    held_out = hold_out(owner, pitch, seed=seed)
    return NoteSet(levels, constants, pitch, velocity, owner, instruments, held_out, top)


def load_sounds(notes: Sequence[NoteFile], *, seed: int = 0) -> NoteSounds:
    """Read notes as 4 s of audio at 16 kHz for the picture models."""
    audio = np.zeros((len(notes), SAMPLES), np.int16)
    for row, note in enumerate(notes):
        y = read(note.path, rate=16000, mono=True)[0][0][:SAMPLES]
        audio[row, : len(y)] = np.clip(np.round(y * 32767), -32768, 32767)
    names = sorted({_instrument_name(note) for note in notes})
    owner = np.array([names.index(_instrument_name(note)) for note in notes])
    pitch = np.array([note.pitch for note in notes])
    qualities = np.array([[q in note.qualities for q in QUALITIES] for note in notes], np.float32)
    card = {"labels": {"pitch": [int(pitch.min()), int(pitch.max())]}}
    return NoteSounds(
        audio, pitch, np.array([note.velocity for note in notes]), families_of([note.family for note in notes]),
        qualities, hold_out(owner, pitch, seed=seed), card,
    )  # fmt: skip


def hold_out(owner: np.ndarray, pitch: np.ndarray, *, seed: int) -> np.ndarray:
    """Choose which notes are never trained on: whole (instrument, pitch) pairs, never an instrument's extremes."""
    rng = np.random.default_rng([seed, 77])
    out = np.zeros(len(owner), bool)
    for i in np.unique(owner):
        inner = np.unique(pitch[owner == i])[1:-1]
        count = min(len(inner), round(_SHARE_HELD_OUT * (len(inner) + 2)))
        out |= (owner == i) & np.isin(pitch, rng.choice(inner, count, replace=False) if count else [])
    return out


def qualities_of(levels: np.ndarray) -> list[str]:
    """Name the qualities of an instrument from its notes' scaled levels (N, CHANNELS, FRAMES).

    >>> quick = np.full((1, 101, 88), -2.0); quick[:, 0] = np.concatenate([np.linspace(1, -2, 72), np.full(16, -2)])
    >>> qualities_of(quick)
    ['fast_decay', 'percussive']
    """
    held = len(HELD_S)
    loud = 10 * np.log10((10 ** (SPAN_DB / 10 * levels.astype(np.float64))).sum(1).mean(0)) + MIDDLE_DB  # (FRAMES,), dB
    peak = int(loud[:held].argmax())

    def at(seconds: float) -> float:
        return float(np.interp(seconds, HELD_S, loud[:held]) - loud[peak])

    found = []
    if at(0.6) < -12:
        found.append("fast_decay")
    if loud[held + 12] - loud[held - 1] > -30 and loud[held - 1] > loud[peak] - 40:
        found.append("long_release")
    if HELD_S[peak] > 0.4 and at(0.05) < -6:
        found.append("nonlinear_env")
    if HELD_S[peak] < 0.12 and at(1.5) < -10:
        found.append("percussive")
    return [q for q in QUALITIES if q in found]


def relative_brightness(instruments: list[dict[str, Any]], levels: np.ndarray, owner: np.ndarray) -> None:
    """Mark the brightest and the darkest quarter of the instruments, in place."""
    number = np.arange(1, N_GROUPS + 1)
    centre = np.zeros(len(instruments))
    for i in range(len(instruments)):
        power = 10 ** (SPAN_DB / 10 * levels[owner == i][:, :N_GROUPS, 10:40].astype(np.float64))
        centre[i] = np.mean((power.mean(2) @ number) / np.maximum(power.mean(2).sum(1), 1e-12))
    if len(instruments) < 4:
        return
    low, high = np.quantile(centre, [0.25, 0.75])
    for i, one in enumerate(instruments):
        word = "bright" if centre[i] >= high else "dark" if centre[i] <= low else None
        if word and word not in one["qualities"]:
            one["qualities"] = [q for q in QUALITIES if q in (*one["qualities"], word)]


def _described(notes: Sequence[NoteFile], cache: Path | None) -> tuple[list[NoteFile], np.ndarray, np.ndarray, float]:
    stamp = hashlib.sha256(
        repr([(str(n.path), n.pitch, n.path.stat().st_mtime_ns) for n in notes]).encode()
    ).hexdigest()
    path = cache / f"descriptions-{stamp[:16]}.npz" if cache else None
    if path and path.exists():
        with np.load(path, allow_pickle=False) as file:
            kept = [notes[i] for i in file["kept"]]
            return kept, file["levels"], file["constants"], float(file["top"])
    rows, levels, constants, top = [], [], [], 0.0
    for row, note in enumerate(notes):
        shape = _describe(note)
        if shape is None:
            continue
        level, constant = scale(shape)
        rows.append(row)
        levels.append(level.astype(np.float16))
        constants.append(np.nan_to_num(constant))
        top = max(top, shape.top_hz)
    result = (np.stack(levels), np.stack(constants)) if rows else (np.zeros((0, 1, 1)), np.zeros((0, 1)))
    if path and rows:
        from audiokit.io.files import atomic_file

        with atomic_file(path, force=True) as temporary, open(temporary, "wb") as out:
            np.savez(out, kept=np.array(rows), levels=result[0], constants=result[1], top=top)
    return [notes[i] for i in rows], *result, top


def _describe(note: NoteFile) -> NoteShape | None:
    y, info = read(note.path, mono=True)
    rate = info.rate
    if rate > _RATE:
        y, info = read(note.path, rate=_RATE, mono=True)
        rate = _RATE
    # NSynth holds its notes for 3 s; a note without such fields was recorded as it came.
    held_s = 3.0 if "instrument_family_str" in note.fields and y.shape[1] > 3.2 * rate else None
    try:
        return analyse_note(y[0], rate, note.pitch, held_s=held_s)
    except InputError:
        return None


def _instrument_name(note: NoteFile) -> str:
    return str(note.fields.get("instrument_name", note.instrument))


def _label(name: str, notes: Sequence[NoteFile], members: np.ndarray, levels: np.ndarray) -> dict[str, Any]:
    mine = [notes[i] for i in members]
    named = [q for q in QUALITIES if sum(q in note.qualities for note in mine) > len(mine) / 2]
    heard = [] if named else qualities_of(levels[members])
    if not named and ("distort" in name or "overdrive" in name):
        heard.append("distortion")
    return {
        "name": name,
        "family": mine[0].family,
        "source": mine[0].source or "acoustic",
        "qualities": [q for q in QUALITIES if q in (*named, *heard)],
        "low": min(note.pitch for note in mine),
        "high": max(note.pitch for note in mine),
    }
