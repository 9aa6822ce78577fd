"""Play pieces on many pianos, and each on one string ensemble: one target, whatever piano is heard.

    python pianos.py MIDI OUT --fonts A.sf2 B.sf3 --copies 2 --seed 1 [--notes FOLDER ...]

MIDI/a and MIDI/b hold the same pieces for either side. OUT/a gets each piece `--copies` times, every time on another
piano: one of four presets of a soundfont (grand, bright, electric grand, honky-tonk), or, for `--share` of them, notes
that were recorded (folders of `NAME_MIDI_..._LAYER.flac`, LAYER of pp, mp, mf or ff), or, for `--imagined` of all, a
piano that no font has (`imagined.py`). `--others` of the presets are what else is struck and fades, `--dull` of all
lose their top. OUT/b gets the other side as the first soundfont plays it, to each piano the same, so that the answer
does not depend on the piano's soundfont. Dry: rooms are `produce.py`'s.
"""

import argparse
import re
import subprocess
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from imagined import dulled, looped, struck

from audiokit.io.audio import read, write
from audiokit.io.midi import read_midi, write_midi
from audiokit.io.midi_format import Score

RATE = 22050
# Programs of General MIDI, the grand twice as often.
PRESETS = (0, 0, 1, 2, 3)
# Struck or plucked and left to fade, though no pianos: electric pianos, harpsichord, clavinet, dulcimer.
OTHERS = (4, 5, 6, 7, 15)
LAYERS = ("pp", "mp", "mf", "ff")


def rendered(font, midi, *, program=None):
    """Play a file with fluidsynth, without its effects; returns mono audio (T,)."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "x.wav"
        if program is not None:
            notes = [replace(note, program=program) for note in read_midi(midi).notes]
            midi = Path(folder) / "x.mid"
            write_midi(midi, Score(notes=notes))
        words = [
            "fluidsynth",
            "-q",
            "-ni",
            "-g",
            "0.4",
            "-R",
            "0",
            "-C",
            "0",
            "-r",
            str(RATE),
            "-O",
            "float",
            "-T",
            "wav",
        ]
        subprocess.run([*words, "-F", str(out), str(font), str(midi)], check=True, stdout=subprocess.DEVNULL)
        return read(out, rate=RATE, mono=True)[0][0]


@cache
def recorded(folder):
    """Read recorded notes: {MIDI pitch: {layer: audio from the attack on}}."""
    notes = {}
    for path in sorted(Path(folder).glob("*.flac")):
        pitch, layer = re.search(r"_(\d{3})_", path.name), re.search(r"(pp|mp|mf|ff)$", path.stem.lower())
        y = read(path, rate=RATE, mono=True)[0][0]
        attack = int(np.argmax(np.abs(y) > 0.02 * np.abs(y).max()))
        level = LAYERS.index(layer.group(1)) if layer else 3
        notes.setdefault(int(pitch.group(1)), {})[level] = y[max(0, attack - 40) :]
    return notes


def sampled(notes, midi, rng):
    """Play a file on notes of any piano: the nearest pitch, at the layer of the velocity, released in 0.08 to 0.4 s."""
    played = read_midi(midi).notes
    keys, release = np.array(sorted(notes)), rng.uniform(0.08, 0.4)
    out = np.zeros(round((max(note.end_s for note in played) + 1.5) * RATE), np.float32)
    for note in played:
        key = int(keys[np.argmin(np.abs(keys - note.pitch))])
        wanted = float(np.clip((note.velocity - 35) / 22, 0, 3))
        y = notes[key][min(notes[key], key=lambda layer: abs(layer - wanted))]
        at = np.arange(round((note.end_s - note.start_s + release) * RATE)) * 2 ** ((note.pitch - key) / 12)
        sound = np.interp(at[at < len(y) - 2], np.arange(len(y)), y)
        left = (note.end_s - note.start_s + release) - np.arange(len(sound)) / RATE
        sound *= np.clip(left / release, 0, 1) ** 2 * (note.velocity / 100) ** 1.6 / (np.abs(y).max() ** 0.5 + 1e-6)
        start = round(note.start_s * RATE)
        out[start : start + len(sound)] += sound[: len(out) - start]
    return 0.5 * out / max(1e-9, float(np.abs(out).max()))


def heard(rng, path, options):
    """Play a piece on a piano that is drawn: of a soundfont, recorded, or imagined."""
    if rng.random() < options.imagined:
        notes = struck(rng) if rng.random() < 0.5 or not options.notes else recorded(rng.choice(options.notes))
        x = sampled(looped(notes, rng) if rng.random() < 0.6 else notes, path, rng)
    elif options.notes and rng.random() < options.share:
        x = sampled(recorded(rng.choice(options.notes)), path, rng)
    else:
        presets = OTHERS if rng.random() < options.others else PRESETS
        x = rendered(options.fonts[rng.integers(len(options.fonts))], path, program=int(rng.choice(presets)))
    return dulled(x, rng) if rng.random() < options.dull else x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("midi", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fonts", nargs="+", required=True)
    parser.add_argument("--notes", nargs="*", default=[])
    parser.add_argument("--share", type=float, default=0.4)
    parser.add_argument("--imagined", type=float, default=0.0)
    parser.add_argument("--others", type=float, default=0.0)
    parser.add_argument("--dull", type=float, default=0.0)
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for k, path in enumerate(sorted((options.midi / "a").glob("*.mid"))):
        rng = np.random.default_rng([options.seed, k])
        target = rendered(options.fonts[0], options.midi / "b" / path.name)
        for copy in range(options.copies):
            x = heard(rng, path, options)
            for side, y in (("a", x), ("b", target)):
                (options.out / side).mkdir(parents=True, exist_ok=True)
                write(options.out / side / f"{path.stem}-{copy}.wav", y[None], RATE, subtype="FLOAT", force=True)


if __name__ == "__main__":
    main()
