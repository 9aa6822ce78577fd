"""Random arrangements for a drum kit, bass, chords and a melody, as notes with known beats, played by fluidsynth.

Nothing is borrowed: every groove is drawn from rules of thumb (where a bass drum tends to fall, what hats divide, which
bars a fill ends), so there is as much of it as one likes, and the beats are exact. Needs fluidsynth and a General MIDI
soundfont to be heard.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score

#: General MIDI drum keys by role: each arrangement draws one of each.
KEYS = {
    "k": (35, 36), "s": (38, 40, 38, 40, 37, 39), "h": (42, 42, 44, 70, 69, 54), "o": (46,), "r": (51, 59, 53),
    "c": (49, 57), "x": (56, 75, 76, 62, 63, 60, 61, 67),
}  # fmt: skip
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 3, 7, 10), (0, 4, 7, 10), (0, 5, 7))
#: Programs by role: chords that last, chords that are struck, tunes, basses.
LASTING, STRUCK = (16, 18, 48, 50, 51, 52, 88, 89, 90, 91, 94), (0, 1, 2, 4, 5, 6, 7, 11, 15, 24, 25, 26, 27, 28, 29)
TUNES = (0, 4, 11, 22, 25, 26, 30, 40, 56, 57, 61, 65, 66, 71, 73, 75, 80, 81, 82, 85)
BASSES = (32, 33, 34, 35, 36, 38, 39, 43, 58)


@dataclass(frozen=True)
class Arrangement:
    """Notes and the truth about them."""

    score: Score
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    seconds: float
    bpm: float


class _Writer:
    """Places notes by bar, beat and part of a beat."""

    def __init__(self, rng: np.random.Generator, beats_s: np.ndarray, swing: float, human_s: float) -> None:
        self.rng, self.beats_s, self.swing, self.human_s = rng, beats_s, swing, human_s
        self.notes: list[Note] = []

    def time(self, beat: float, late_s: float = 0.0) -> float:
        whole = int(np.floor(beat + 1e-6))
        part = beat - whole
        if abs(part * 4 - round(part * 4)) < 1e-6:  # sixteenths swing, triplets do not
            part = (0.0, self.swing / 2, self.swing, (1 + self.swing) / 2)[round(part * 4)]
        whole = min(whole, len(self.beats_s) - 2)
        place = self.beats_s[whole] + part * (self.beats_s[whole + 1] - self.beats_s[whole])
        return max(0.0, float(place + late_s + self.human_s * self.rng.standard_normal()))

    def add(
        self,
        beat: float,
        beats: float,
        pitch: int,
        velocity: float,
        channel: int,
        *,
        program: int = 0,
        late_s: float = 0.0,
    ) -> None:
        start = self.time(beat, late_s)
        end = max(start + 0.04, self.time(beat + beats))
        loud = int(np.clip(velocity * self.rng.uniform(0.85, 1.15), 8, 127))
        self.notes.append(Note(start, end, int(np.clip(pitch, 12, 110)), loud, channel, program))


def arrange(seed: int, *, seconds: float = 24.0) -> Arrangement:
    """Draw an arrangement: metre, tempo (60 to 200 BPM, mostly 85 to 150), groove, harmony, instruments, form."""
    rng = np.random.default_rng([seed, 4])
    bpm = float(np.clip(116 * 2 ** (0.42 * rng.standard_normal()), 60, 200))
    per_bar = 3 if rng.random() < 0.13 else 4
    beats = _beat_times(rng, bpm, seconds)
    swing = float(rng.uniform(0.56, 0.68)) if rng.random() < 0.22 else 0.5
    writer = _Writer(rng, beats, swing, float(rng.choice([0.0, 0.004, 0.01])))
    bars = (len(beats) - 1) // per_bar
    # The form: which parts play in which section of a few bars.
    section = int(rng.choice([2, 4, 4, 8]))
    use = {"drums": 0.9, "bass": 0.85, "chords": 0.8, "tune": 0.6, "hats": 0.9, "kick": 0.93, "snare": 0.93}
    if rng.random() < 0.12:
        use["drums"] = 0.15
    elif rng.random() < 0.12:
        use.update(bass=0.1, chords=0.05, tune=0.05)
    form = {name: np.repeat(rng.random(bars // section + 1) < share, section)[:bars] for name, share in use.items()}
    idle = ~(form["drums"] | form["bass"] | form["chords"])
    form["drums" if use["drums"] > 0.5 else "chords"] |= idle
    roots = _progression(rng, bars)
    _drums(writer, rng, bars, per_bar, bpm, form)
    _bass(writer, rng, bars, per_bar, bpm, roots, form["bass"])
    _chords(writer, rng, bars, per_bar, bpm, roots, form["chords"])
    if rng.random() < 0.7:
        _tune(writer, rng, bars, per_bar, bpm, roots, form["tune"])
    kept = beats[: bars * per_bar]
    return Arrangement(Score(sorted(writer.notes)), kept, kept[::per_bar], float(beats[bars * per_bar]), bpm)


def play(made: Arrangement, soundfont: str, *, rate: int = 22_050, gain: float = 0.5) -> np.ndarray:
    """Let fluidsynth play an arrangement: audio (C, T), float32."""
    from audiokit.io import audio

    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "a.mid", Path(folder) / "a.wav"
        write_midi(midi, made.score)
        switches = ["-ni", "-q", "-g", str(gain), "-T", "wav", "-O", "float", "-r", str(rate)]
        subprocess.run(["fluidsynth", *switches, "-F", wav, soundfont, midi], check=True, stdout=subprocess.DEVNULL)
        y = audio.read(wav)[0]
    length = round(made.seconds * rate)
    return np.ascontiguousarray(np.pad(y, ((0, 0), (0, max(0, length - y.shape[1]))))[:, :length])


def _beat_times(rng: np.random.Generator, bpm: float, seconds: float) -> np.ndarray:
    """Beats at a tempo that stands still, drifts or ramps."""
    drift = float(rng.choice([0.0, 0.0, 0.01, 0.03]))
    ramp = float(rng.choice([0.0, 0.0, 0.0, 0.08, -0.08, 0.2]))
    turn = rng.uniform(0, 2 * np.pi)
    times, now = [], float(rng.uniform(0.05, 0.9))
    while now < seconds:
        times.append(now)
        now += 60 / (bpm * (1 + ramp * now / seconds) * (1 + drift * np.sin(turn + now / 3)))
    return np.array(times)


def _progression(rng: np.random.Generator, bars: int) -> list[tuple[int, tuple[int, ...]]]:
    tonic, size = int(rng.integers(12)), int(rng.choice([1, 2, 4, 4, 8]))
    loop = [
        (tonic + int(rng.choice([0, 0, 5, 7, 9, 2, 4, 10])), CHORDS[rng.integers(len(CHORDS))]) for _ in range(size)
    ]
    held = int(rng.choice([1, 1, 1, 2]))
    return [loop[bar // held % size] for bar in range(bars)]


def _kick(rng: np.random.Generator, per_bar: int, kind: str) -> set[int]:
    """Sixteenths of the bar on which the bass drum falls."""
    steps = 4 * per_bar
    if kind == "floor":
        return set(range(0, steps, 4))
    if kind == "drop":
        return {8}
    hits = {0}
    if per_bar == 4 and rng.random() < 0.75:
        hits.add(8)
    for step in range(2, steps):
        chance = 0.22 if step % 2 == 0 and step % 4 else 0.05 if step % 2 else 0.08
        if rng.random() < chance:
            hits.add(step)
    return hits


def _drums(w: _Writer, rng: np.random.Generator, bars: int, per_bar: int, bpm: float, form: dict) -> None:
    key = {role: int(rng.choice(keys)) for role, keys in KEYS.items()}
    level = {role: float(rng.uniform(0.45, 1.0)) for role in KEYS} | {"k": float(rng.uniform(0.8, 1.0))}
    kinds = ["back", "back", "back", "floor", "floor", "half", "drop", "four", "cross"]
    kind = str(rng.choice(kinds)) if per_bar == 4 else "waltz"
    if (kind == "half" and bpm < 100) or (kind == "drop" and bpm < 95):
        kind = "back"
    snare = {"back": {4, 12}, "floor": {4, 12}, "half": {8}, "drop": {8}, "four": {0, 4, 8, 12}, "cross": {4, 12},
             "waltz": {4, 8} if rng.random() < 0.7 else {8}}[kind]  # fmt: skip
    if kind == "cross":
        snare = {int(s) for s in rng.choice(16, 5, replace=False)} | ({4, 12} if rng.random() < 0.5 else set())
    ghosts = {int(s) for s in rng.choice(4 * per_bar, 3)} if rng.random() < 0.3 else set()
    kicks = [_kick(rng, per_bar, kind) for _ in range(2)]
    hats = str(rng.choice(["8", "8", "8", "16", "4", "off", "none", "gallop", "trip", "ride"]))
    if bpm > 150 and hats == "16":
        hats = "8"
    parts = {"8": (0, 0.5), "16": (0, 0.25, 0.5, 0.75), "4": (0,), "off": (0.5,), "none": (), "gallop": (0, 0.5, 0.75),
             "trip": (0, 1 / 3, 2 / 3), "ride": (0,)}[hats]  # fmt: skip
    accents = rng.uniform(0.4, 1.0, 4)
    opened = {float(rng.choice([0.5, 1.5, 2.5, 3.5]))} if rng.random() < 0.35 else set()
    extra = {int(s): float(rng.uniform(0.4, 0.9)) for s in rng.choice(4 * per_bar, 4)} if rng.random() < 0.25 else {}
    fills = rng.random() < 0.5
    snare_late = float(rng.choice([0.0, 0.0, 0.006, 0.012]))
    for bar in range(bars):
        if not form["drums"][bar]:
            continue
        start = bar * per_bar
        fill_from = per_bar - int(rng.choice([1, 2, per_bar])) if fills and bar % 4 == 3 else per_bar
        if bar % 4 == 0 and rng.random() < 0.4:
            w.add(start, 1, key["c"], 100 * level["c"], 9)
        for step in range(4 * per_bar):
            beat = step / 4
            if beat >= fill_from:
                if rng.random() < (0.8 if step % 2 == 0 else 0.5):
                    w.add(start + beat, 0.2, int(rng.choice([38, 41, 43, 45, 47, 48, 50])), rng.uniform(60, 115), 9)
                continue
            if step in kicks[bar % 2] and form["kick"][bar]:
                w.add(start + beat, 0.2, key["k"], 115 * level["k"], 9)
            if step in snare and form["snare"][bar]:
                w.add(start + beat, 0.2, key["s"], 110 * level["s"], 9, late_s=snare_late)
            elif step in ghosts and form["snare"][bar]:
                w.add(start + beat, 0.2, key["s"], 45 * level["s"], 9)
            if step in extra:
                w.add(start + beat, 0.2, key["x"], 90 * extra[step], 9)
        for beat in range(min(per_bar, fill_from)):
            if not form["hats"][bar]:
                break
            ride = (0, 2 / 3) if hats == "ride" and beat % 2 else parts
            for index, part in enumerate(ride):
                role = "r" if hats == "ride" else "o" if beat + part in opened else "h"
                w.add(start + beat + part, 0.15, key[role], 100 * level[role] * accents[index], 9)


def _bass(
    w: _Writer, rng: np.random.Generator, bars: int, per_bar: int, bpm: float, roots: list, plays: np.ndarray
) -> None:
    program, loud = int(rng.choice(BASSES)), float(rng.uniform(70, 115))
    kind = str(rng.choice(["root", "pulse", "walk", "off", "drawn", "drawn"]))
    drawn = [(p, float(rng.choice([0.25, 0.5, 0.75, 1.0]))) for p in np.arange(0, per_bar, 0.25)
             if p == 0 or rng.random() < (0.4 if p % 1 == 0 else 0.3 if p % 0.5 == 0 else 0.08)]  # fmt: skip
    pulse = 1.0 if bpm > 150 or rng.random() < 0.3 else 0.5
    for bar in np.flatnonzero(plays[:bars]):
        root = 28 + (roots[bar][0] - 4) % 12
        hits = {
            "root": [(0.0, float(per_bar))],
            "pulse": [(p, 0.8 * pulse) for p in np.arange(0, per_bar, pulse)],
            "walk": [(float(p), 0.9) for p in range(per_bar)],
            "off": [(p + 0.5, 0.4) for p in range(per_bar)],
            "drawn": drawn,
        }[kind]
        for place, length in hits:
            step = int(rng.choice([0, 0, 0, 7, 12])) if kind != "walk" else int(rng.choice([0, 2, 4, 5, 7, 9]))
            w.add(bar * per_bar + float(place), float(length), root + step, loud, 1, program=program)


def _chords(
    w: _Writer, rng: np.random.Generator, bars: int, per_bar: int, bpm: float, roots: list, plays: np.ndarray
) -> None:
    lasting = rng.random() < 0.4
    program = int(rng.choice(LASTING if lasting else STRUCK))
    loud, ahead = float(rng.uniform(50, 100)), rng.random() < 0.15
    kind = "hold" if lasting else str(rng.choice(["hold", "beats", "stabs", "arpeggio", "strum", "drawn", "drawn"]))
    drawn = [float(p) for p in np.arange(0, per_bar, 0.5) if rng.random() < (0.55 if p % 1 == 0 else 0.35)] or [0.0]
    fine = 0.5 if bpm > 120 or rng.random() < 0.5 else 0.25
    for bar in np.flatnonzero(plays[:bars]):
        root, shape = roots[bar]
        pitches = [55 + (root + s - 7) % 12 for s in shape]
        start = bar * per_bar
        hits = {
            "hold": [(0.0, float(per_bar))],
            "beats": [(float(p), 0.8) for p in range(per_bar)],
            "stabs": [(p + 0.5, 0.3) for p in range(per_bar)],
            "strum": [(float(p), 0.45) for p in np.arange(0, per_bar, 0.5)],
            "drawn": [(p, 0.45) for p in drawn],
            "arpeggio": [],
        }[kind]
        for place, length in hits:
            early = 0.5 if ahead and place == 0 and bar else 0.0
            for index, pitch in enumerate(pitches):
                spread = 0.008 * index if kind == "strum" else 0.0
                w.add(start + place - early, length + early, pitch, loud, 2, program=program, late_s=spread)
        if kind == "arpeggio":
            for index, place in enumerate(np.arange(0, per_bar, fine)):
                pitch = pitches[index % len(pitches)] + 12 * (index // len(pitches) % 2)
                w.add(start + float(place), fine * 1.5, pitch, loud, 2, program=program)


def _tune(
    w: _Writer, rng: np.random.Generator, bars: int, per_bar: int, bpm: float, roots: list, plays: np.ndarray
) -> None:
    program, loud = int(rng.choice(TUNES)), float(rng.uniform(60, 110))
    scale, degree = [0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 3, 5, 7, 10], 7
    fine = 0.5 if bpm > 110 or rng.random() < 0.5 else 0.25
    for phrase in range(0, bars, 2):
        if not plays[phrase]:
            continue
        place, end = phrase * per_bar + float(rng.choice([0, 0, 0.5, 1])), min(phrase + 2, bars) * per_bar
        while place < end - 0.25:
            length = fine * float(rng.choice([1, 1, 2, 2, 3, 4, 6]))
            degree = int(np.clip(degree + rng.integers(-3, 4), 0, 2 * len(scale)))
            octave, index = divmod(degree, len(scale))
            if rng.random() < 0.85:
                w.add(place, 0.9 * length, 58 + roots[0][0] % 12 + 12 * octave + scale[index], loud, 3, program=program)
            place += length


#: Chords of a key by degree of its scale: what songs mostly use.
LOOPS = {
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (0, 3, 0, 4), (5, 3, 0, 4), (1, 4, 0, 0), (0, 2, 3, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 5, 3, 4), (0, 3, 6, 2), (0, 0, 3, 4)),
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def in_key(seed: int, tonic: int, mode: str, *, bars: int = 8) -> Arrangement:
    """Draw a song in a key (0 is C; "major" or "minor"): triads of the key, bass, a tune that ends on the tonic, drums.

    In minor the fifth degree is a major chord half of the time, as songs have it.
    """
    rng = np.random.default_rng([seed, tonic, len(mode)])
    bpm, swing = float(rng.uniform(85, 140)), 0.62 if rng.random() < 0.2 else 0.5
    beats = 0.2 + np.arange(4 * bars + 1) * 60 / bpm
    w = _Writer(rng, beats, swing, 0.004)
    scale, loop = SCALES[mode], LOOPS[mode][rng.integers(len(LOOPS[mode]))]
    bright = mode == "minor" and rng.random() < 0.5
    struck, lasting, tune, bass = (int(rng.choice(p)) for p in (STRUCK[:9], LASTING, TUNES, BASSES[:5]))
    kind, degree = str(rng.choice(["hold", "beats", "arpeggio"])), 7
    form = {name: np.ones(bars, bool) for name in ("drums", "kick", "snare", "hats")}
    if rng.random() < 0.8:
        _drums(w, rng, bars, 4, bpm, form)
    for bar in range(bars):
        step = 0 if bar == bars - 1 else loop[bar % len(loop)]
        chord = [scale[(step + k) % 7] + 12 * ((step + k) // 7) for k in (0, 2, 4)]
        if bright and step == 4:
            chord[1] += 1
        for k in range(4):
            w.add(
                4 * bar + k,
                0.9,
                28 + (tonic + chord[0] - 4) % 12 + 7 * (k == 2 and rng.random() < 0.3),
                90,
                1,
                program=bass,
            )
        for index, interval in enumerate(chord):
            pitch = 53 + (tonic + interval - 5) % 12
            if kind == "hold":
                w.add(4 * bar, 4, pitch, 70, 2, program=lasting)
            for k in range(4):
                if kind == "beats":
                    w.add(4 * bar + k, 0.9, pitch, 75, 2, program=struck)
                elif kind == "arpeggio":
                    w.add(4 * bar + k + index / 4, 0.8, pitch, 80, 2, program=struck)
        place = 0.0
        while place < 4:
            length = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
            strong = place in (0.0, 2.0)
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, 13))
            if strong and rng.random() < 0.6:  # chord tones on strong beats
                degree = min(range(14), key=lambda d: (abs(d - degree), d) if (d - step) % 7 in (0, 2, 4) else (99, d))
            if bar == bars - 1 and place == 0:
                degree, length = 7, 4.0
            octave, index = divmod(degree, 7)
            raised = 1 if bright and step == 4 and index == 6 else 0
            if rng.random() < 0.9:
                w.add(
                    4 * bar + place,
                    0.9 * length,
                    60 + tonic - 12 * (tonic > 6) + 12 * octave + scale[index] + raised,
                    85,
                    3,
                    program=tune,
                )
            place += length
    return Arrangement(Score(sorted(w.notes)), beats[:-1], beats[:-1:4], float(beats[-1]) + 0.6, bpm)
