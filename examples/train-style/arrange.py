"""Compose songs twice: for a pop band, and the same notes for a jazz trio with vibraphone.

    python arrange.py OUT --pieces 60 --seconds 30 --seed 1

writes OUT/a/000.mid (drums, electric or synthesised bass, guitars, keyboards, pads and a lead) and OUT/b/000.mid
(brushes and ride cymbal, upright bass, piano, vibraphone). Chords, bass line and melody begin together on both sides,
because a style model changes sounds where they are; drums keep their places and change their parts. Straight eighths
on both sides: `stylize --engine groove` is what makes them swing.
"""

import argparse
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from compose import MODES, PROGRESSIONS

from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score

DRUMS = 9
# General MIDI programs of a pop band, by what they do.
BASSES = (33, 33, 34, 35, 36, 38, 39)
CHORDS = (4, 5, 7, 16, 17, 24, 25, 25, 26, 27, 27, 28, 29, 30, 62, 80, 81, 90)
PADS = (48, 49, 50, 51, 52, 54, 88, 89, 91, 94, 95)
LEADS = (22, 25, 27, 29, 30, 40, 52, 53, 54, 56, 65, 66, 68, 71, 73, 75, 80, 81, 82, 85)
KITS = (0, 0, 8, 16, 24, 25)
JAZZ = {"bass": 32, "chords": 0, "lead": 11, "kit": 40}
# Places in a bar of eighths (0 to 7).
KICKS = ((0, 4), (0, 3, 4), (0, 2, 4, 6), (0, 5), (0, 4, 7), (0, 3, 6))
SNARES = ((2, 6), (2, 6), (4,), (2, 6, 7))
STRUMS = ((0,), (0, 4), (0, 2, 4, 6), (0, 3, 6), tuple(range(8)), (1, 3, 5, 7), (0, 3, 4, 7), (2, 6))
LINES = ((0, 4), (0, 2, 4, 6), tuple(range(8)), (0, 3, 4), (0, 3, 6), (0,))
# The ride cymbal of a song is one of these, by its key: a model that always hears the same one draws its partials
# as lines through everything.
RIDES = (51, 59, 53)
KICK, STICK, SNARE, CLAP, CLOSED, PEDAL, OPEN, CRASH = 36, 37, 38, 39, 42, 44, 46, 49


@dataclass(frozen=True)
class Band:
    """Who plays in the pop version; no pad or second instrument where it is None."""

    bass: int
    chords: int
    second: int | None
    pad: int | None
    lead: int
    kit: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Band":
        """Put a band together."""

        def maybe(choices: tuple[int, ...], share: float) -> int | None:
            return int(rng.choice(choices)) if rng.random() < share else None

        picked = {name: int(rng.choice(x)) for name, x in (("bass", BASSES), ("lead", LEADS), ("kit", KITS))}
        return cls(chords=int(rng.choice(CHORDS)), second=maybe(CHORDS, 0.4), pad=maybe(PADS, 0.4), **picked)


@dataclass
class Sheet:
    """Notes of both versions so far."""

    pop: list[Note]
    jazz: list[Note]

    def both(self, note: Note, channel: int, pop: int, jazz: int, softer: float = 1.0) -> None:
        """Write a note for one instrument of the band and for one of the trio."""
        self.pop.append(replace(note, channel=channel, program=pop))
        velocity = int(np.clip(note.velocity * softer, 20, 110))
        self.jazz.append(replace(note, channel=channel, program=jazz, velocity=velocity))


def hit(start: float, key: int, velocity: float, kit: int) -> Note:
    """Strike a drum."""
    return Note(start, start + 0.15, key, int(np.clip(velocity, 15, 122)), channel=DRUMS, program=kit)


def drum_bar(rng, sheet: Sheet, start: float, eighth: float, pattern: dict, band: Band, ride: int) -> None:
    """Play one bar of drums: what the band strikes, and what brushes do at the same places."""
    loud, kit = pattern["loud"], JAZZ["kit"]
    for k in pattern["kick"]:
        sheet.pop.append(hit(start + k * eighth, KICK, loud + 10, band.kit))
        sheet.jazz.append(hit(start + k * eighth, KICK, 0.55 * loud, kit))
    for k in pattern["snare"]:
        sheet.pop.append(hit(start + k * eighth, pattern["struck"], loud + 8, band.kit))
        sheet.jazz.append(hit(start + k * eighth, SNARE, 0.65 * loud, kit))
        sheet.jazz.append(hit(start + k * eighth, PEDAL, 0.6 * loud, kit))
    for k in range(0, 8, pattern["step"]):
        key = OPEN if pattern["open"] and k % 4 == 2 else pattern["hat"]
        sheet.pop.append(hit(start + k * eighth, key, rng.normal(0.8 * loud, 6) - 12 * (k % 2), band.kit))
        if k % 2 == 0 or k in (3, 7):  # the ride's own figure, at those of its places that the hat plays
            sheet.jazz.append(hit(start + k * eighth, ride, 0.75 * loud - 8 * (k % 2), kit))


def draw_pattern(rng: np.random.Generator) -> dict:
    """Choose what a section plays."""

    def one(choices):
        return choices[rng.integers(len(choices))]

    return {
        "kick": one(KICKS),
        "snare": one(SNARES),
        "step": int(rng.choice([1, 1, 2])),
        "hat": int(rng.choice([CLOSED, CLOSED, CLOSED, RIDES[0]])),
        "open": bool(rng.random() < 0.2),
        "struck": int(rng.choice([SNARE, SNARE, 40, CLAP, STICK])),
        "loud": float(rng.uniform(70, 105)),
        "strum": one(STRUMS),
        "line": one(LINES),
        "progression": one(PROGRESSIONS),
        "drums": rng.random() < 0.88,
        "chords": rng.random() < 0.92,
        "bass": rng.random() < 0.92,
        "lead": float(rng.choice([0, 0.6, 0.9], p=[0.25, 0.4, 0.35])),
    }


def chord_bar(sheet: Sheet, start: float, eighth: float, pattern: dict, chord: list[int], band: Band, held: float):
    """Play one bar of chords, doubled and padded in the band alone."""
    places = (*pattern["strum"], 8)
    for here, there in pairwise(places):
        for pitch in chord:
            note = Note(start + here * eighth, start + (here + (there - here) * held) * eighth, pitch, 74)
            sheet.both(note, 1, band.chords, JAZZ["chords"], 0.92)
            if band.second is not None:
                sheet.pop.append(replace(note, channel=2, program=band.second, velocity=58))
    if band.pad is not None:
        sheet.pop += [Note(start, start + 7.9 * eighth, p, 46, channel=3, program=band.pad) for p in chord]


def song(rng: np.random.Generator, seconds: float) -> Sheet:
    """Write one song: a key, a tempo, a band, and sections of four bars that change what is played."""
    scale, key = MODES[str(rng.choice(list(MODES)))], int(rng.integers(0, 12))
    eighth, band, sheet = 30 / rng.uniform(72, 170), Band.draw(rng), Sheet([], [])
    held, walk = float(rng.choice([0.5, 0.85, 0.97])), int(rng.integers(0, 7))

    def degree(k: int, base: int) -> int:
        return 12 * base + 12 + key + 12 * (k // 7) + scale[k % 7]

    pattern, ride = draw_pattern(rng), RIDES[key % 2 if key < 9 else 2]
    for index in range(int((seconds - 1.5) / (8 * eighth))):
        start = index * 8 * eighth
        if index % 4 == 0:
            pattern = draw_pattern(rng)
            if pattern["drums"] and rng.random() < 0.5:
                sheet.pop.append(hit(start, CRASH, pattern["loud"], band.kit))
                sheet.jazz.append(hit(start, ride, 0.9 * pattern["loud"], JAZZ["kit"]))
        root = pattern["progression"][index % 4]
        if pattern["drums"]:
            drum_bar(rng, sheet, start, eighth, pattern, band, ride)
        if pattern["chords"]:
            chord = [degree(root + 2 * k, 4) - (12 if degree(root + 2 * k, 4) > 72 else 0) for k in range(3)]
            chord_bar(sheet, start, eighth, pattern, chord, band, held)
        if pattern["bass"]:
            places = (*pattern["line"], 8)
            for n, (here, there) in enumerate(pairwise(places)):
                pitch = degree(root + (4 if n % 4 == 2 else 0), 2)
                end = start + (here + 0.92 * (there - here)) * eighth
                sheet.both(Note(start + here * eighth, end, max(28, pitch - 12), 92), 0, band.bass, JAZZ["bass"])
        at = 0
        while at < 8 and pattern["lead"]:
            length = int(rng.choice([1, 1, 2, 2, 3, 4]))
            walk = int(np.clip(walk + rng.integers(-3, 4), -2, 11))
            if rng.random() < pattern["lead"]:
                end = start + (at + 0.92 * length) * eighth
                velocity = int(np.clip(rng.normal(92, 9), 50, 120))
                sheet.both(Note(start + at * eighth, end, degree(walk, 5), velocity), 4, band.lead, JAZZ["lead"])
            at += length
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pieces", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    for k in range(options.pieces):
        sheet = song(rng, options.seconds)
        for side, notes in (("a", sheet.pop), ("b", sheet.jazz)):
            (options.out / side).mkdir(parents=True, exist_ok=True)
            # Two notes of one pitch and instrument would cut each other off.
            single = {(round(n.start_s, 4), n.channel, n.pitch): n for n in notes}
            write_midi(options.out / side / f"{k:03d}.mid", Score(notes=sorted(single.values())), force=True)


if __name__ == "__main__":
    main()
