"""Measure sung vocals: plain speech mixed over, the default engine, the network, and both.

    python -m tests.bench.bench_sing [FOLDER [BACKINGS]]

FOLDER holds the reference audio (../shared/audio unless given); BACKINGS are sung over per speaker (1 unless given).

Speakers and backings are not used in development. Every figure is measured on the audio that came out, with a
pitch tracker (Harvest) that the default engine does not use. Without the folder only synthetic material is used.

"STOI" compares with the same vocal on the speaker's own pitch, "STOI mapped" with the speech itself at the times it is
sung from. Neither can come near 1: harmonics that move fall into other bands. Speech put together again at its own
times on one pitch, the speaker's median, has .85 (ten sentences; .97 on the pitch it was spoken with).
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audiokit.dsp.voice.backing import hear_music
from audiokit.dsp.voice.intonation import Expression, draw_pitch
from audiokit.dsp.voice.melody import is_strong
from audiokit.dsp.voice.plan import Plan, SungNote
from audiokit.dsp.voice.singing import HOP_S, map_time, sing_plan
from audiokit.dsp.voice.syllables import find_syllables
from audiokit.dsp.voice.world import Voice, analyse_voice
from audiokit.io.audio import read
from tests.bench.mapped_stoi import mapped_stoi
from tests.sung import sing

RATE = 22_050
#: Seconds of each backing, and at most so many of each speaker.
SECONDS, SPEECH_S = 20, 9
ROOT = Path(__file__).resolve().parents[3] / "shared" / "audio"
SPEAKERS = {
    "198": ["speech/data/198-209-0000.hq.ogg"],
    "3436": ["speech/data/3436-172162-0000.hq.ogg"],
    "5703": ["speech/data/5703-47212-0000.hq.ogg"],
    "p286": ["speech/audiomentations/p286_011.wav"],
    "p287": [f"speech/denoiser/debug/clean/p287_00{k}.wav" for k in (3, 5)],
    "axb": [f"speech/pyroomacoustics/input_samples/cmu_arctic_us_axb_a000{k}.wav" for k in (4, 5, 6)],
    "spk2": [f"speech/speechbrain/ASR/spk2_snt{k}.wav" for k in (1, 2, 3, 4)],
}
#: Voices of Flite, if ffmpeg has them, and what they say.
SPOKEN = {
    "rms": "Rice is often served in round bowls. The juice of lemons makes fine punch. Four hours of work faced us.",
    "slt": "The boy was there when the sun rose. A rod is used to catch pink salmon. Kick the ball straight.",
}
#: Name -> files that are summed, and the second at which to begin.
BACKINGS = {
    "sodium": (["stems-full/sodium/drums.ogg", "stems-full/sodium/other.ogg"], 60.0),
    "rubidium": (["stems-full/rubidium/drums.ogg", "stems-full/rubidium/other.ogg"], 60.0),
    "lo-fi": (["genre/clue-cards/lobby.mp3"], 20.0),
    "ragtime": (["genre/Tandemonium/Gold Rush.mp3"], 5.0),
    "folk": (["genre/webaudio-examples/audio-basics/outfoxing.mp3"], 10.0),
}
#: Synthetic backings with known scores: tempo, tonic, mode, chords in degrees of the scale, one per bar.
SCORES = {
    "score 92 C# minor": (92.0, 1, "minor", (0, 5, 2, 6)),
    "score 108 Ab major": (108.0, 8, "major", (0, 4, 5, 3)),
    "score 118 G minor": (118.0, 7, "minor", (0, 3, 6, 2)),
    "score 142 E major": (142.0, 4, "major", (0, 3, 4, 3)),
}
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def play_score(bpm: float, tonic: int, mode: str, degrees: tuple[int, ...], seconds: float = SECONDS) -> np.ndarray:
    """Render chords, bass, kick, snare and hat of a known score."""
    beat = 60 / bpm
    rng = np.random.default_rng(round(bpm))
    y = np.zeros(round(seconds * RATE))
    for k in range(int(seconds / beat)):
        chord = score_chord(tonic, mode, degrees[k // 4 % len(degrees)])
        t = np.arange(round(beat * RATE)) / RATE
        body = np.exp(-2.5 * t) * np.minimum(1, t / 0.005)
        tones = [np.sin(2 * np.pi * h * 440 * 2 ** ((60 + p - 69) / 12) * t) / h**1.7 for p in chord for h in (1, 2, 3)]
        bass = np.sin(2 * np.pi * 440 * 2 ** ((36 + chord[0] - 69) / 12) * t)
        drum = np.exp(-45 * t) * np.sin(2 * np.pi * 55 * t) * (2.5 if k % 4 == 0 else 1.2 if k % 2 == 0 else 0)
        drum = drum + (np.exp(-60 * t) * rng.standard_normal(len(t)) * (0.8 if k % 2 else 0.2))
        at = round(k * beat * RATE)
        piece = 0.07 * body * (sum(tones) + 1.6 * bass) + 0.1 * drum
        y[at : at + len(t)] += piece[: len(y) - at]
        half = at + len(t) // 2
        y[half : half + 800] += (0.06 * rng.standard_normal(800) * np.exp(-np.arange(800) / 150))[
            : max(0, len(y) - half)
        ]
    return y.astype(np.float32)[None]


def score_chord(tonic: int, mode: str, degree: int) -> tuple[int, ...]:
    scale = _SCALES[mode]
    return tuple((tonic + scale[(degree + step) % 7]) % 12 for step in (0, 2, 4))


def load(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    speech, backings = {}, {}
    for name, files in SPEAKERS.items():
        parts = [read(folder / f, rate=RATE, mono=True)[0] for f in files if (folder / f).exists()]
        if parts:
            gap = np.zeros((1, RATE // 3), np.float32)
            speech[name] = np.concatenate([piece for part in parts for piece in (part, gap)], axis=1)[
                :, : SPEECH_S * RATE
            ]
    for name, text in SPOKEN.items() if speech else ():
        speech |= speak(name, text)
    for name, (files, start) in BACKINGS.items():
        parts = [read(folder / f, rate=RATE, mono=True)[0] for f in files if (folder / f).exists()]
        if len(parts) == len(files):
            a = round(start * RATE)
            backings[name] = np.sum([p[:, a : a + SECONDS * RATE] for p in parts], axis=0)
    return speech, backings


def speak(voice: str, text: str) -> dict[str, np.ndarray]:
    """Let Flite say a text; nothing if this ffmpeg cannot."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"flite=text='{text}':voice={voice}", str(path)]
        if shutil.which("ffmpeg") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            return {}
        return {voice: read(path, rate=RATE, mono=True)[0][:, : SPEECH_S * RATE]}


def pitch_scores(heard: Voice, plan: Plan, drawn: tuple[np.ndarray, np.ndarray] | None) -> dict[str, float]:
    """Cents from the plan: from its notes on frames heard as strong voice, from its drawn pitch on frames that the
    speech sings with strong voice (a frame without a pitch there is a miss)."""
    midi = 69 + 12 * np.log2(np.maximum(heard.f0_hz, 1.0) / 440)
    target = np.full(heard.frames, np.nan)
    for n in plan.notes:
        target[round(n.start_s / HOP_S) : round(n.end_s / HOP_S)] = n.pitch
    used = heard.strong & np.isfinite(target)
    result = {}
    cents = 100 * np.abs(midi - target)[used]
    result["RPA50 notes"] = float((cents < 50).mean()) if used.any() else 0.0
    if drawn is not None:
        contour, strong = drawn
        count = min(len(contour), heard.frames)
        off = 100 * np.abs(midi[:count] - contour[:count])
        wanted = strong[:count]
        found = wanted & (heard.f0_hz[:count] > 0)
        result["RPA50 drawn"] = float((off < 50)[found].sum() / max(wanted.sum(), 1))
        cents = off[found]
    result["cents"] = float(np.median(cents)) if len(cents) else np.nan
    scale = set(plan.music.scale())
    sung = [midi[a:b][heard.strong[a:b]] for a, b in _frames(plan)]
    sung = [tones for tones in sung if len(tones) >= 6]
    result["in key"] = float(np.mean([round(float(np.median(tones))) % 12 in scale for tones in sung])) if sung else 0.0
    hits = []
    for beat in plan.music.beats_s:
        if not is_strong(SungNote(float(beat), float(beat) + 0.1, 60, 0), plan.music):
            continue
        a = round((beat + 0.05) / HOP_S)
        frames = slice(a, a + 30)
        tones = midi[frames][heard.strong[frames]]
        if len(tones) >= 10:
            hits.append(round(float(np.median(tones))) % 12 in plan.music.chord_at(float(beat) + 0.05))
    result["chord tone"] = float(np.mean(hits)) if hits else np.nan
    return result


def _frames(plan: Plan) -> list[tuple[int, int]]:
    return [(round(n.start_s / HOP_S), round(n.end_s / HOP_S)) for n in plan.notes]


def timing_scores(heard: Voice, plan: Plan) -> dict[str, float]:
    """Distance of vowel onsets, found again in the result, to the nearest eighth (which not all notes of slow songs are
    on), and to the nearest note of the plan."""
    found = np.array([s.vowel_s for s in find_syllables(heard)])
    if not len(found):
        return {"grid ms": np.nan, "in 40 ms": 0.0, "note ms": np.nan, "note in 40": 0.0}
    music = plan.music
    step = 2 if np.median(np.diff(music.beats_s)) / 2 <= 0.37 else 4
    eighths = music.time_of(np.round(music.beat_at(found) * step) / step)
    notes = np.array([note.start_s for note in plan.notes])
    off = np.abs(eighths - found), np.abs(found[:, None] - notes).min(axis=1)
    return {
        "grid ms": float(1000 * np.median(off[0])),
        "in 40 ms": float((off[0] <= 0.04).mean()),
        "note ms": float(1000 * np.median(off[1])),
        "note in 40": float((off[1] <= 0.04).mean()),
    }


def envelope_print(voice: Voice) -> np.ndarray:
    """Long-term envelope of the strong frames in 24 bands up to 7 kHz, as a shape in dB."""
    hz = np.linspace(0, voice.rate / 2, voice.envelope.shape[1])
    edges = 700 * (10 ** (np.linspace(150, 2650, 25) / 2595) - 1)
    log = 10 * np.log10(voice.envelope[voice.strong] + 1e-12)
    bands = np.stack([log[:, (hz >= a) & (hz < b)].mean(axis=1) for a, b in itertools.pairwise(edges)], 1)
    return np.concatenate([(bands - bands.mean(axis=1, keepdims=True)).mean(axis=0)])


def clicks(y: np.ndarray) -> float:
    """Largest jump of the slope against the level of such jumps within 5 ms around it."""
    jump = np.abs(np.diff(y, 2))
    size = 220
    local = np.sqrt(np.convolve(jump**2, np.ones(size) / size, "same")) + 1e-5
    return float((jump / local).max())


def words(y: np.ndarray) -> list[str]:
    """What pocketsphinx hears; nothing if it is not installed."""
    try:
        import soxr
        from pocketsphinx import Decoder
    except ImportError:
        return []
    decoder = Decoder(samprate=16000, loglevel="FATAL")
    z = soxr.resample(y, RATE, 16000)
    decoder.start_utt()
    decoder.process_raw(
        (np.clip(z / (np.abs(z).max() + 1e-9), -1, 1) * 30000).astype(np.int16).tobytes(), full_utt=True
    )
    decoder.end_utt()
    return [s.word.split("(")[0] for s in decoder.seg() if s.word[0] not in "<["]


def recall(said: list[str], heard: list[str]) -> float:
    """Share of the words heard in speech that are heard in order in the song."""
    if not said:
        return np.nan
    table = np.zeros((len(said) + 1, len(heard) + 1), int)
    for i, a in enumerate(said):
        for j, b in enumerate(heard):
            table[i + 1, j + 1] = max(table[i, j] + (a == b), table[i, j + 1], table[i + 1, j])
    return float(table[-1, -1] / len(said))


def measure_one(
    name: str,
    y: np.ndarray,
    plan: Plan,
    drawn: tuple[np.ndarray, np.ndarray],
    reference: np.ndarray,
    source: Voice,
) -> tuple[dict[str, float], Voice]:
    from pystoi import stoi

    heard = analyse_voice(y, RATE, quality="best")
    scores = pitch_scores(heard, plan, drawn if name in ("world", "both") else None)
    scores |= timing_scores(heard, plan)
    count = min(len(y), len(reference))
    busy = np.abs(reference[:count]) > 0
    scores["STOI"] = float(stoi(reference[:count][busy], y[:count][busy], RATE))
    active = heard.level_db > np.percentile(heard.level_db, 99) - 40
    before = source.level_db > np.percentile(source.level_db, 99) - 40
    scores["voiced"] = float(heard.strong[active].mean() / source.strong[before].mean())
    scores["clicks"] = clicks(y)
    scores["peak"] = float(np.abs(y).max())
    return scores, heard


def main(folder: Path, each: int = 1) -> None:
    speech, backings = load(folder)
    if not speech:
        from tests.signals import talk

        speech = {str(hz): talk(np.random.default_rng(hz), pitch_hz=hz, syllables=14)[0] for hz in (105, 150, 220)}
    print("Synthetic backings: tempo and key against the score")
    for name, score in SCORES.items():
        backings[name] = play_score(*score)
        music = hear_music(backings[name], RATE)
        right = [
            music.chord_at(k * 60 / score[0] + 0.05)
            == score_chord(score[1], score[2], score[3][k // 4 % len(score[3])])
            for k in range(int((SECONDS - 1) * score[0] / 60))
        ]
        print(f"  {name:22} heard {music.bpm:6.1f} BPM, {music.key_name}, chords right {np.mean(right):.2f}")
    voices = {name: analyse_voice(y[0], RATE) for name, y in speech.items()}
    prints = {name: envelope_print(v) for name, v in voices.items()}
    said = {name: words(y[0]) for name, y in speech.items()}
    rows: dict[str, list[dict[str, float]]] = {"speech": [], "world": [], "gan": [], "both": []}
    names = list(backings)
    for s, (speaker, y) in enumerate(speech.items()):
        for b in range(each):
            backing_name = names[(each * s + b) % len(names)]
            backing = backings[backing_name]
            results, cost = {}, {}
            for engine in ("world", "gan", "both"):
                begun = time.process_time()
                results[engine] = sing(y, RATE, backing, RATE, engine=engine)
                cost[engine] = time.process_time() - begun
            plan = results["world"].plan
            assert plan is not None
            length_s = backing.shape[1] / RATE
            timing = map_time(voices[speaker], plan.notes, plan.syllables, length_s)
            contour = draw_pitch(
                voices[speaker], plan.notes, timing, expression=Expression(), rng=np.random.default_rng(0)
            )
            place = np.clip(np.round(np.nan_to_num(timing.source)).astype(int), 0, voices[speaker].frames - 1)
            drawn = contour, (timing.note >= 0) & (timing.gain > 0.5) & voices[speaker].strong[place]
            plain = Expression(pitch_correction=0, drift_cents=0, formant_db=0, breath=1, evenness=0)
            how = {"length_s": length_s, "expression": plain, "speech": y[0], "rng": np.random.default_rng(0)}
            stretched = np.concatenate([*sing_plan(voices[speaker], plan, **how)])
            mixed = np.zeros(backing.shape[1], np.float32)
            mixed[: y.shape[1]] = y[0][: len(mixed)]
            outputs = {"speech": mixed, **{engine: r.vocal[0] for engine, r in results.items()}}
            for engine, out in outputs.items():
                reference = mixed if engine in ("speech", "gan") else stretched
                scores, heard = measure_one(engine, out, plan, drawn, reference, voices[speaker])
                own = envelope_print(heard) if heard.strong.any() else np.full(24, 99.0)
                distances = {k: float(np.sqrt(((own - p) ** 2).mean())) for k, p in prints.items()}
                scores["same speaker"] = float(min(distances, key=lambda k: distances[k]) == speaker)
                scores["own dB"] = distances[speaker]
                scores["words"] = recall(said[speaker], words(out))
                if engine in ("world", "both"):
                    where = np.where(timing.note >= 0, timing.source * HOP_S, np.nan)
                    scores["STOI mapped"] = mapped_stoi(y[0], out, RATE, where, HOP_S)
                    scores["syllables sung"] = len({n.syllable for n in plan.notes}) / len(plan.syllables)
                rest = np.convolve(timing.note < 0, np.ones(21), "same") == 21
                if engine in ("world", "both"):
                    at = np.minimum((np.arange(len(out)) / RATE / HOP_S).astype(int), len(rest) - 1)
                    scores["rest peak"] = float(np.abs(out[rest[at]]).max(initial=0.0))
                scores["x real time"] = length_s / cost[engine] if engine in cost else np.nan
                rows[engine].append(scores)
            print(
                f"  {speaker:5} over {backing_name:18} notes {len(plan.notes):3}  drawn RPA"
                f" {rows['world'][-1]['RPA50 drawn']:.3f}  STOI {rows['world'][-1]['STOI']:.2f}"
                f" / gan {rows['gan'][-1]['STOI']:.2f} / both {rows['both'][-1]['STOI']:.2f}"
                f"  mapped {rows['world'][-1]['STOI mapped']:.3f}  words {rows['world'][-1]['words']:.2f}"
                f" of {len(said[speaker])}",
                flush=True,
            )
    columns = list(dict.fromkeys(key for part in rows.values() for row in part for key in row))
    print(f"\n{'mean of ' + str(len(rows['world'])):14}" + "".join(f"{engine:>10}" for engine in rows))
    for column in columns:
        values = [[row.get(column, np.nan) for row in part] for part in rows.values()]
        worst = column in ("clicks", "peak", "rest peak")
        figures = [np.nan if np.isnan(v).all() else (np.nanmax(v) if worst else np.nanmean(v)) for v in values]
        label = column + (" (max)" if worst else "")
        print(f"{label:14}" + "".join(f"{f:10.3f}" if np.isfinite(f) else f"{'-':>10}" for f in figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT, *map(int, sys.argv[2:3]))
