"""Make parts to train a separator on: sung lines from speech, and backing bands from a soundfont.

    python make_parts.py sing OUT SPEECH...        every recording sung on made-up melodies, by changed voices
    python make_parts.py play OUT SOUNDFONT COUNT  instrumental bands, played by fluidsynth

Few recordings of solo singers may be used freely, so a larger choir is made: WORLD takes speech apart, its vowels are
stretched onto notes, vibrato and glides are added, and the spectral envelope is scaled so that one speaker becomes
several singers. The bands are chord progressions with bass, chords, arpeggio, lead and drums on random instruments;
voices and choirs are left out of the instruments.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from audiokit.dsp.voice.world import HOP_S, Voice, analyse_voice, runs, synthesise_voice
from audiokit.io.audio import read, write
from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score

RATE = 44_100
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 7, 10), (0, 2, 4, 7, 9))


def melody(rng: np.random.Generator, lengths: list[int], center: float) -> list[float]:
    """Walk through a random scale, one pitch (MIDI) per syllable, and stay near `center`."""
    scale, root = SCALES[rng.integers(len(SCALES))], rng.integers(12)
    allowed = [12 * octave + root + step for octave in range(2, 9) for step in scale]
    allowed = sorted(p for p in allowed if abs(p - center) < 9)
    at = int(np.argmin([abs(p - center) for p in allowed]))
    pitches = []
    for _ in lengths:
        at = int(
            np.clip(
                at + rng.choice([-3, -2, -1, 0, 1, 2, 3], p=[0.06, 0.14, 0.25, 0.1, 0.25, 0.14, 0.06]),
                0,
                len(allowed) - 1,
            )
        )
        pitches.append(float(allowed[at]))
    return pitches


def sing(voice: Voice, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Turn speech that was taken apart into a sung line (T,) of another voice, at times with harmonies."""
    frames: list[np.ndarray] = []
    pieces: list[tuple[int, int]] = []  # (start, stop) in the sung frames of every voiced piece
    at = 0
    for start, stop in _syllables(voice.voiced):
        sung = voice.voiced[start]
        length = stop - start
        wanted = (
            int(length * rng.uniform(1.0, 1.3)) if not sung else max(length, int(rng.choice([25, 40, 60, 90, 140])))
        )
        if not sung:
            wanted = min(wanted, 60)
        frames.append(start + np.linspace(0, length - 1, max(wanted, 1)))
        if sung:
            pieces.append((at, at + wanted))
        at += max(wanted, 1)
    index = np.concatenate(frames)
    low = np.floor(index).astype(int)
    envelope, bands = voice.envelope[low], voice.bands[low]
    size = 2 ** rng.uniform(-0.25, 0.25)  # of the vocal tract
    bins = np.arange(envelope.shape[1])
    at_bin = np.clip(bins * size, 0, bins[-1])
    left = np.floor(at_bin).astype(int)
    share = (at_bin - left)[None].astype(np.float32)
    envelope = envelope[:, left] * (1 - share) + envelope[:, np.minimum(left + 1, bins[-1])] * share
    center = np.clip(12 * np.log2(max(voice.median_hz, 90) / 440) + 69 + rng.uniform(-3, 9), 45, 76)
    f0 = np.zeros(len(index))
    seconds = np.arange(len(index)) * HOP_S
    for (start, stop), pitch in zip(pieces, melody(rng, [b - a for a, b in pieces], center), strict=True):
        f0[start:stop] = pitch
    sounding = f0 > 0
    if sounding.any():
        curve = np.interp(np.arange(len(f0)), np.flatnonzero(sounding), f0[sounding])
        glide = np.hanning(int(rng.integers(5, 21)) | 1)
        curve = np.convolve(np.pad(curve, len(glide) // 2, mode="edge"), glide / glide.sum(), "valid")
        depth = rng.uniform(0, 0.5) * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * seconds))
        curve += depth * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * seconds + rng.uniform(0, 6))
        curve += 0.03 * np.cumsum(rng.standard_normal(len(f0))) / np.sqrt(1 + np.arange(len(f0)))
        f0 = np.where(sounding, 440 * 2 ** ((curve - 69) / 12), 0)
    y = synthesise_voice(f0, envelope, bands, rate, breath=rng.uniform(0.5, 1.2))
    for interval in rng.choice([-12, -5, 3, 4, 7, 12], rng.choice(3, p=[0.7, 0.2, 0.1]), replace=False):
        drift = 2 ** ((interval + 0.1 * rng.standard_normal()) / 12)
        second = synthesise_voice(f0 * drift, envelope, bands, rate, breath=rng.uniform(0.5, 1.2))
        late = int(rng.uniform(0, 0.03) * rate)
        y = y + rng.uniform(0.2, 0.8) * np.pad(second, (late, 0))[: len(y)]
    return y


def _syllables(voiced: np.ndarray) -> list[tuple[int, int]]:
    """Cut frames into pieces that are voiced throughout or not at all; long voiced ones into syllables."""
    edges = [0, *(edge for run in runs(voiced) for edge in run), len(voiced)]
    pieces = []
    for start, stop in pairwise(edges):
        step = 40 if stop > start and voiced[start] else stop - start
        pieces += [(a, min(a + step, stop)) for a in range(start, stop, max(step, 1))]
    return [(a, b) for a, b in pieces if b > a]


def band(rng: np.random.Generator, seconds: float) -> Score:
    """Make up an instrumental: sections of four chords, each with its own choice of players."""
    beat = 60 / rng.uniform(70, 165)
    scale, root = SCALES[rng.integers(3)], int(rng.integers(12))
    programs = [p for p in range(112) if p not in (52, 53, 54, 85, 91)]  # no choirs, no voices
    players = {part: int(rng.choice(programs)) for part in ("chords", "arpeggio", "lead", "pad")}
    players["bass"] = int(rng.choice([*range(32, 40), 58, 87]))
    notes: list[Note] = []
    bar = 0
    while bar * 4 * beat < seconds:
        degrees = rng.choice(7, 4)
        active = {part: rng.random() < share for part, share in PARTS.items()}
        rhythm = {part: np.sort(rng.choice(8, rng.integers(2, 7), replace=False)) for part in PARTS}
        drums = _drum_pattern(rng)
        for _ in range(int(rng.integers(1, 3))):
            for degree in degrees:
                start = bar * 4 * beat
                chord = [root + scale[(degree + k) % 7] + 12 * ((degree + k) // 7) for k in (0, 2, 4)]
                notes += _bar(rng, start, beat, chord, active, rhythm, players, scale, root)
                if active["drums"]:
                    notes += [
                        Note(start + slot * beat / 4, start + slot * beat / 4 + 0.1, key, int(rng.integers(60, 120)), 9)
                        for key, slots in drums.items()
                        for slot in slots
                    ]
                bar += 1
    return Score(notes=sorted(notes))


PARTS = {"chords": 0.8, "arpeggio": 0.4, "lead": 0.45, "pad": 0.35, "bass": 0.85, "drums": 0.75}


def _bar(rng, start, beat, chord, active, rhythm, players, scale, root) -> list[Note]:
    notes = []
    bar_s = 4 * beat
    for channel, part in enumerate(("chords", "arpeggio", "lead", "pad", "bass")):
        if not active[part]:
            continue
        slots = [0] if part == "pad" else rhythm[part]
        for number, slot in enumerate(slots):
            begin = start + slot * bar_s / 8
            end = start + (bar_s if number + 1 == len(slots) else slots[number + 1] * bar_s / 8)
            end = begin + (end - begin) * rng.uniform(0.5, 1.0)
            if part in ("chords", "pad"):
                keys = [60 + tone % 12 for tone in chord]
            elif part == "bass":
                keys = [36 + (chord[0] if number % 2 == 0 else int(rng.choice(chord))) % 12]
            elif part == "arpeggio":
                keys = [60 + int(rng.choice([0, 12])) + chord[number % 3] % 12]
            else:
                keys = [72 + (root + int(rng.choice(scale))) % 12]
            velocity = int(rng.integers(55, 115))
            notes += [Note(begin, max(end, begin + 0.05), key, velocity, channel, players[part]) for key in keys]
    return notes


def _drum_pattern(rng: np.random.Generator) -> dict[int, list[int]]:
    kick = sorted({0, *(int(s) for s in rng.choice(16, rng.integers(1, 5)))})
    hat = list(range(0, 16, int(rng.choice([1, 2, 4]))))
    extra = [int(s) for s in rng.choice(16, rng.integers(0, 4))]
    return {
        36: kick,
        int(rng.choice([38, 40, 39, 37])): [4, 12],
        int(rng.choice([42, 46, 51])): hat,
        int(rng.integers(41, 82)): extra,
    }


def room(rng: np.random.Generator) -> list[str]:
    """Draw fluidsynth's reverberation and chorus."""
    chosen = {"reverb.room-size": (0.1, 0.9), "reverb.level": (0.0, 0.7), "chorus.level": (0.0, 3.0)}
    return [word for name, (a, b) in chosen.items() for word in ("-o", f"synth.{name}={rng.uniform(a, b):.3f}")]


def finished(path: Path, rng: np.random.Generator) -> Path:
    """Play a recording through effects, a compressor and a limiter, and often through a lossy coder."""
    chain = []
    if rng.random() < 0.2:
        chain.append(f"volume={rng.uniform(6, 20):.1f}dB,asoftclip=type={rng.choice(['tanh', 'atan', 'cubic'])}")
    if rng.random() < 0.3:
        depth, speed = rng.uniform(0.2, 0.9), rng.uniform(0.3, 6)
        chain.append(
            rng.choice([f"tremolo=f={speed:.2f}:d={depth:.2f}", f"flanger=speed={speed / 4 + 0.1:.2f}", "aphaser"])
        )
    if rng.random() < 0.25:
        chain.append(f"aecho=0.8:0.8:{rng.uniform(60, 500):.0f}:{rng.uniform(0.1, 0.5):.2f}")
    if rng.random() < 0.7:
        chain.append(
            f"acompressor=threshold={rng.uniform(-30, -12):.0f}dB:ratio={rng.uniform(1.5, 8):.1f}"
            f":attack={rng.uniform(1, 40):.0f}:release={rng.uniform(40, 400):.0f}:makeup={rng.uniform(1, 4):.1f}"
        )
    if rng.random() < 0.5:
        chain.append(f"volume={rng.uniform(0, 8):.1f}dB,alimiter=limit={rng.uniform(0.6, 1):.2f}:level=0")
    coder = [
        (".wav", []),
        (".mp3", ["-b:a", f"{rng.choice([96, 128, 160, 192, 320])}k"]),
        (".m4a", ["-b:a", f"{rng.choice([96, 128, 192, 256])}k"]),
    ][rng.choice(3, p=[0.4, 0.4, 0.2])]
    out = path.with_name("finished" + coder[0])
    effects = ["-af", ",".join(chain)] if chain else []
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), *effects, *coder[1], str(out)], check=True, capture_output=True
    )
    return out


def main() -> None:
    """Do what the command line says."""
    mode, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    if mode == "sing":
        for number, source in enumerate(sys.argv[3:]):
            y, info = read(source, mono=True)
            rate = info.rate
            if not 16_000 <= rate <= 48_000 or y.shape[1] < rate:
                continue
            voice = analyse_voice(y[0], rate)
            for take in range(3):
                sung = sing(voice, rate, np.random.default_rng([number, take]))
                write(
                    out / f"{Path(source).stem}_{take}.flac",
                    0.5 * sung[None] / np.abs(sung).max(),
                    rate,
                    subtype="PCM_16",
                    force=True,
                )
    else:
        soundfont, count = sys.argv[3], int(sys.argv[4])
        for number in range(count):
            rng = np.random.default_rng([7, number])
            with tempfile.TemporaryDirectory() as folder:
                write_midi(Path(folder) / "song.mid", band(rng, 45.0))
                command = ["fluidsynth", "-ni", "-g", "0.4", *room(rng), "-r", str(RATE), "-F", f"{folder}/song.wav"]
                subprocess.run([*command, soundfont, f"{folder}/song.mid"], check=True, capture_output=True)
                y, _ = read(finished(Path(folder) / "song.wav", rng), rate=RATE)
            write(out / f"band_{number:03d}.flac", 0.5 * y / np.abs(y).max(), RATE, subtype="PCM_16", force=True)


if __name__ == "__main__":
    main()
