"""Render single notes of a General MIDI SoundFont through fluidsynth into NSynth's layout.

    python render.py SOUNDFONT FOLDER [--pitches 24:96:3] [--velocities 25,75,127] [--programs 0,40,73] [--rate 32000]

Every note is held for 3 s and then released, 4 s in all. With a step in --pitches, neighbouring programs
start on different keys, so that all keys are covered by some instrument.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from audiokit import read, write
from audiokit.dsp.notes.names import parse_pitches
from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score
from audiokit.io.nsynth import example, write_examples

HELD_S, NOTE_S, SLOT_S = 3.0, 4.0, 5.0

# First program: names of the following ones, family, source.
PROGRAMS = {
    0: ("grand_piano bright_piano", "keyboard", "acoustic"),
    2: ("electric_grand", "keyboard", "electronic"),
    3: ("honky_tonk", "keyboard", "acoustic"),
    4: ("electric_piano_1 electric_piano_2", "keyboard", "electronic"),
    6: ("harpsichord", "keyboard", "acoustic"),
    7: ("clavinet", "keyboard", "electronic"),
    8: ("celesta glockenspiel music_box vibraphone marimba xylophone tubular_bells dulcimer", "mallet", "acoustic"),
    16: ("drawbar_organ percussive_organ rock_organ", "organ", "electronic"),
    19: ("church_organ reed_organ", "organ", "acoustic"),
    21: ("accordion harmonica bandoneon", "reed", "acoustic"),
    24: ("nylon_guitar steel_guitar", "guitar", "acoustic"),
    26: (
        "jazz_guitar clean_guitar muted_guitar overdrive_guitar distortion_guitar guitar_harmonics",
        "guitar",
        "electronic",
    ),
    32: ("acoustic_bass", "bass", "acoustic"),
    33: ("finger_bass picked_bass fretless_bass slap_bass_1 slap_bass_2", "bass", "electronic"),
    38: ("synth_bass_1 synth_bass_2", "bass", "synthetic"),
    40: ("violin viola cello contrabass tremolo_strings pizzicato harp", "string", "acoustic"),
    48: ("string_ensemble_1 string_ensemble_2", "string", "acoustic"),
    50: ("synth_strings_1 synth_strings_2", "string", "synthetic"),
    52: ("choir_aahs voice_oohs", "vocal", "acoustic"),
    54: ("synth_voice", "vocal", "synthetic"),
    56: ("trumpet trombone tuba muted_trumpet french_horn brass_section", "brass", "acoustic"),
    62: ("synth_brass_1 synth_brass_2", "brass", "synthetic"),
    64: ("soprano_sax alto_sax tenor_sax baritone_sax oboe english_horn bassoon clarinet", "reed", "acoustic"),
    72: ("piccolo flute recorder pan_flute bottle shakuhachi whistle ocarina", "flute", "acoustic"),
    80: ("square_lead saw_lead calliope_lead chiff_lead charang_lead voice_lead", "synth_lead", "synthetic"),
    87: ("bass_lead new_age_pad warm_pad polysynth_pad", "synth_lead", "synthetic"),
    91: ("choir_pad", "vocal", "synthetic"),
    92: ("bowed_pad metallic_pad halo_pad sweep_pad", "synth_lead", "synthetic"),
    104: ("sitar banjo shamisen koto", "guitar", "acoustic"),
    108: ("kalimba", "mallet", "acoustic"),
    109: ("bagpipe", "reed", "acoustic"),
    110: ("fiddle", "string", "acoustic"),
    111: ("shanai", "reed", "acoustic"),
    114: ("steel_drums", "mallet", "acoustic"),
}
TABLE = {
    first + n: (name, family, source)
    for first, (names, family, source) in PROGRAMS.items()
    for n, name in enumerate(names.split())
}


def sound(soundfont: str, program: int, notes: list[tuple[int, int]], rate: int) -> np.ndarray:
    """Play notes (pitch, velocity) one after another: (N, T)."""
    score = Score(
        [
            Note(n * SLOT_S, n * SLOT_S + HELD_S, pitch, velocity, program=program)
            for n, (pitch, velocity) in enumerate(notes)
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        write_midi(midi, score)
        switches = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.6", "-T", "wav", "-O", "float", "-r", str(rate)]
        subprocess.run(["fluidsynth", *switches, "-F", wav, soundfont, midi], check=True, stdout=subprocess.DEVNULL)
        y = read(wav, mono=True)[0][0]
    y = np.pad(y, (0, round(len(notes) * SLOT_S * rate)))
    return np.stack([y[round(n * SLOT_S * rate) :][: round(NOTE_S * rate)] for n in range(len(notes))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("soundfont")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pitches", default="24:96:3")
    parser.add_argument("--velocities", default="25,75,127")
    parser.add_argument("--programs", default="")
    parser.add_argument("--rate", type=int, default=32000)
    options = parser.parse_args()
    pitches = parse_pitches(options.pitches)
    step = pitches[1] - pitches[0] if len(pitches) > 1 else 1
    velocities = [int(v) for v in options.velocities.split(",")]
    programs = [int(p) for p in options.programs.split(",")] if options.programs else sorted(TABLE)
    examples = {}
    for number, program in enumerate(programs):
        name, family, source = TABLE[program]
        shifted = [p + program % step for p in pitches if p + program % step <= max(pitches)]
        wanted = [(p, v) for p in shifted for v in velocities]
        for (pitch, velocity), y in zip(wanted, sound(options.soundfont, program, wanted, options.rate), strict=True):
            if np.abs(y).max() < 2e-3:
                continue  # not a note of this instrument
            note = f"{family}_{source}_{program:03d}-{pitch:03d}-{velocity:03d}"
            write(options.folder / "audio" / f"{note}.wav", y, options.rate, subtype="PCM_16", force=True)
            fields = example(
                note, instrument=f"{family}_{source}_{program:03d}", pitch=pitch, velocity=velocity, family=family,
                source=source, qualities=[], rate=options.rate, note=len(examples), instrument_number=number,
            )  # fmt: skip
            examples[note] = {**fields, "instrument_name": name}
        print(f"{name}: {len(examples)} notes so far", flush=True)
    write_examples(options.folder, examples)


if __name__ == "__main__":
    main()
