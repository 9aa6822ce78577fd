"""Compose short pieces as MIDI files, each twice: the same notes on two instruments.

    python compose.py OUT --pieces 60 --seconds 30 --programs 0 48 --seed 1

writes OUT/a/000.mid (first program) and OUT/b/000.mid (second program). `--tunes` writes a few old tunes instead,
which no composed piece resembles: they are the held-out test.
"""

import argparse
from pathlib import Path

import numpy as np

from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score

MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "dorian": (0, 2, 3, 5, 7, 9, 10)}
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (1, 4, 0, 5), (0, 4, 5, 3), (5, 3, 0, 4), (0, 2, 3, 4), (0, 6, 5, 4))
PATTERNS = ("block", "arpeggio", "alberti", "bass+chord", "solo", "run", "held")
# Melodies as (MIDI pitch, beats), 0 is a rest; traditional or long out of copyright.
TUNES = {
    "ode": "64:1 64:1 65:1 67:1 67:1 65:1 64:1 62:1 60:1 60:1 62:1 64:1 64:1.5 62:.5 62:2 "
    "64:1 64:1 65:1 67:1 67:1 65:1 64:1 62:1 60:1 60:1 62:1 64:1 62:1.5 60:.5 60:2",
    "greensleeves": "69:1 72:2 74:1 76:1.5 77:.5 76:1 74:2 71:1 67:1.5 69:.5 71:1 72:2 69:1 69:1.5 68:.5 69:1 "
    "71:2 68:1 64:2 69:1 72:2 74:1 76:1.5 77:.5 76:1 74:2 71:1 67:1.5 69:.5 71:1 72:1.5 71:.5 69:1 68:1.5 66:.5 "
    "68:1 69:3",
    "jacques": "60:1 62:1 64:1 60:1 60:1 62:1 64:1 60:1 64:1 65:1 67:2 64:1 65:1 67:2 67:.5 69:.5 67:.5 65:.5 "
    "64:1 60:1 67:.5 69:.5 67:.5 65:.5 64:1 60:1 60:1 55:1 60:2 60:1 55:1 60:2",
    "elise": "76:.5 75:.5 76:.5 75:.5 76:.5 71:.5 74:.5 72:.5 69:1 0:.5 60:.5 64:.5 69:.5 71:1 0:.5 64:.5 68:.5 "
    "71:.5 72:1 0:.5 64:.5 76:.5 75:.5 76:.5 75:.5 76:.5 71:.5 74:.5 72:.5 69:1 0:.5 60:.5 64:.5 69:.5 71:1 0:.5 "
    "64:.5 72:.5 71:.5 69:2",
}


def tune(text: str, *, bpm: float, transpose: int) -> list[Note]:
    """Set a melody over a held fifth on its first strong notes, so that it is not one voice alone."""
    beat, time, notes = 60 / bpm, 0.0, []
    for k, item in enumerate(text.split()):
        pitch, beats = (float(x) for x in item.split(":"))
        length = beats * beat
        if pitch:
            notes.append(Note(time, time + 0.95 * length, int(pitch) + transpose, 84))
            if k % 4 == 0:
                root = int(pitch) + transpose - 24
                notes += [Note(time, time + 2 * beat, root, 64), Note(time, time + 2 * beat, root + 7, 60)]
        time += length
    return notes


def bar(rng, pattern, chord, beats, beat, start):
    """Accompany one bar of a chord (MIDI pitches, low to high)."""
    if pattern in ("block", "held"):
        step = beats if pattern == "held" else 1
        return [
            Note(start + k * beat, start + (k + step) * beat * 0.97, p) for k in range(0, beats, step) for p in chord
        ]
    if pattern == "bass+chord":
        low = [Note(start + k * beat, start + (k + 1) * beat, chord[0] - 12) for k in range(0, beats, 2)]
        high = [Note(start + k * beat, start + (k + 0.6) * beat, p) for k in range(1, beats, 2) for p in chord]
        return low + high
    if pattern == "solo":
        return []
    steps = {"arpeggio": (0, 1, 2, 1), "alberti": (0, 2, 1, 2), "run": (0, 1, 2, 0)}[pattern]
    divide = 2 if pattern != "run" else 4
    return [
        Note(start + k * beat / divide, start + (k + 1.2) * beat / divide, chord[steps[k % 4] % len(chord)])
        for k in range(beats * divide)
    ]


def piece(rng: np.random.Generator, seconds: float) -> list[Note]:
    """Improvise one piece: a key, a chord pattern that changes, and a melody that walks over it."""
    scale = MODES[str(rng.choice(list(MODES)))]
    key, bpm = int(rng.integers(0, 12)), rng.uniform(55, 150)
    beat, beats = 60 / bpm, int(rng.choice([3, 4]))
    octave = int(rng.integers(3, 6))

    def degree(k: int, base: int) -> int:
        return 12 * base + 12 + key + 12 * (k // 7) + scale[k % 7]

    notes: list[Note] = []
    time, walk = 0.0, int(rng.integers(0, 7))
    progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    pattern = str(rng.choice(PATTERNS))
    index = 0
    while time < seconds - 2:
        if index % 4 == 0:
            progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
            pattern = str(rng.choice(PATTERNS))
        root = progression[index % 4]
        size = int(rng.choice([3, 3, 4]))
        chord = [degree(root + 2 * k, octave - 1 if rng.random() < 0.7 else octave) for k in range(size)]
        notes += bar(rng, pattern, sorted(chord), beats, beat, time)
        at = 0.0
        while at < beats and (pattern == "solo" or rng.random() < 0.85):
            length = float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2], p=[0.08, 0.2, 0.2, 0.2, 0.2, 0.06, 0.06]))
            walk = int(np.clip(walk + rng.choice([-3, -2, -1, 0, 1, 2, 3]), -3, 12))
            if rng.random() < 0.88:
                start = time + at * beat
                notes.append(Note(start, start + 0.95 * length * beat, degree(walk, octave + 1)))
            at += length
        time += beats * beat
        index += 1
    level = rng.uniform(55, 105)
    return [
        Note(n.start_s, n.end_s, int(np.clip(n.pitch, 33, 96)), int(np.clip(rng.normal(level, 9), 25, 122)))
        for n in notes
        if n.start_s < seconds - 1
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pieces", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--programs", type=int, nargs=2, default=(0, 48))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tunes", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    if options.tunes:
        pieces = [tune(text, bpm=rng.uniform(80, 130), transpose=int(rng.integers(-5, 6))) for text in TUNES.values()]
    else:
        pieces = [piece(rng, options.seconds) for _ in range(options.pieces)]
    for side, program in zip("ab", options.programs, strict=True):
        folder = options.out / side
        folder.mkdir(parents=True, exist_ok=True)
        for k, notes in enumerate(pieces):
            played = [Note(n.start_s, n.end_s, n.pitch, n.velocity, program=program) for n in notes]
            write_midi(folder / f"{k:03d}.mid", Score(notes=sorted(played)), force=True)


if __name__ == "__main__":
    main()
