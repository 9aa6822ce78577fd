"""Beats: ours beside librosa's, on synthesised patterns, whole songs and annotated clips; then alignment, warp, keys.

    python -m tests.bench.bench_beats [--only songs keys] [--patterns 40] [--songs 60] [--keys 60] [--shared ../shared]

Seeds of patterns and songs are held out: neither the fit of the weights nor any test uses them, and no recording was
fitted to. Clips are read when the folder is there. Needs mir_eval (extra score); songs in known keys need fluidsynth.
Each row is kept in results/rows as soon as it is measured: a run that was stopped goes on, --only repeats single rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.dsp.rhythm.beats import Beats, track_beats
from audiokit.dsp.rhythm.warp import TimeMap, at_level, map_beats, resolve_level, steady_grid, warp
from audiokit.io import audio
from tests.bench.measure import Rows, publish
from tests.drums import STYLES, Pattern, pattern, random_pattern
from tests.full_songs import beatless, full_song

#: Clips whose beat grid is certain: name, path, beats in the loop (or BPM, for a song).
LOOPS = {
    "loop_amen": 4, "loop_amen_full": 16, "loop_breakbeat": 4, "loop_garzul": 16, "loop_industrial": 2,
    "loop_mehackit1": 4, "loop_mika": 16, "loop_tabla": 16, "arovane_beat_c": 16,
}  # fmt: skip
SONGS = {"francium": 128, "potassium": 90, "sodium": 140, "rubidium": 132}
#: First seeds of songs, of sound without a beat and of arrangements that nothing else uses.
SONG_SEED, BEATLESS_SEED, ARRANGEMENT_SEED = 111_000, 111_500, 33_000
#: First seed of songs that are aligned to other tempi.
ALIGN_SEED = 112_000
#: Rows of the first table, by the name under which they are kept.
TRACKED = {
    "patterns": "drum patterns, 60 to 200 BPM: straight, swing, fills, ramps",
    "harder": "harder patterns, drawn at random",
    "songs": "songs, 60 to 200 BPM",
    "bare": "songs whose drums are silent",
    "arrangements": "arrangements played by fluidsynth",
    "recordings": "annotated recordings",
}
#: What is measured after them.
MORE = ("beatless", "alignment", "warp", "songs aligned", "recordings aligned", "keys")
#: The patterns of the table: every style of a drum kit at tempi across the range.
PLAIN = ("rock", "rock2", "quarter", "funk", "floor", "house", "break", "motown", "swing", "waltz", "clicks")


def plan(y: np.ndarray, rate: int, to: Beats | float, beats: Beats | None = None) -> tuple[TimeMap, Beats]:
    """Where a track goes so that its beats fall on other beats, downbeat on downbeat, and those beats."""
    found = track_beats(y, rate) if beats is None else beats
    wanted_bpm = to.tempo_bpm if isinstance(to, Beats) else float(to)
    level = resolve_level(found.tempo_bpm or wanted_bpm, wanted_bpm)
    source = found if level == 1 else track_beats(y, rate, bpm=found.tempo_bpm * level)
    if level != 1 and (beats is not None or abs(source.tempo_bpm / (found.tempo_bpm * level) - 1) > 0.05):
        source = at_level(found, level)
    target = to if isinstance(to, Beats) else steady_grid(wanted_bpm, source)
    return map_beats(source, target), target


def align_beats(y: np.ndarray, rate: int, *, to: Beats | float, beats: Beats | None = None) -> np.ndarray:
    """Warp a track so that its beats fall on other beats, downbeat on downbeat."""
    time_map, _ = plan(y, rate, to, beats)
    return warp(y, rate, time_map, length=max(1, round(float(time_map.to_target(y.shape[1] / rate)) * rate)))


def grid_patterns() -> Iterator[tuple[str, Pattern]]:
    """Patterns from 60 to 200 BPM, with and without swing, fills and tempo ramps; seeds from 400 on."""
    ways: dict[str, dict[str, Any]] = {
        "straight": {},
        "swing": {"swing": 0.62},
        "fills": {"fills": True},
        "ramp": {"ramp": 0.2},
    }
    seed = 400
    for bpm in (60, 75, 90, 105, 120, 140, 160, 180, 200):
        for way, more in ways.items():
            style = PLAIN[seed % len(PLAIN)]
            yield way, pattern(style, bpm, seed, seconds=20, **more)
            seed += 1


def clips(shared: Path) -> Iterator[tuple[str, np.ndarray, int, np.ndarray]]:
    """Annotated clips: name, audio, rate, beats."""
    for folder in sorted((shared / "audio/stems/everythingisremixed").glob("*/")):
        beats = np.loadtxt(folder / "beats.txt")[:, 0]
        for stem in ("mixture", "drums"):
            y, info = audio.read(folder / f"{stem}.flac")
            yield f"{folder.name}/{stem}", y, info.rate, beats
    for name, bpm in SONGS.items():
        stems = [audio.read(path) for path in sorted((shared / "audio/stems-full" / name).glob("*.ogg"))]
        rate = stems[0][1].rate
        y = np.sum([stem[0] for stem in stems], axis=0)
        for start in (60, 150):
            times = np.arange(2000) * 60 / bpm - start
            yield f"{name}@{start}s", y[:, start * rate : (start + 40) * rate], rate, times[(times >= 0) & (times < 40)]
    for name, count in LOOPS.items():
        y, info = audio.read(shared / f"audio/beats/sonic-pi/{name}.flac")
        seconds = y.shape[1] / info.rate
        repeats = int(np.ceil(30 / seconds))
        yield name, np.tile(y, (1, repeats)), info.rate, np.arange(repeats * count) * seconds / count


def _played(seed: int, soundfont: str) -> tuple[str, np.ndarray, int, np.ndarray]:
    from tests.arrangements import arrange, play

    made = arrange(seed)
    return f"{made.bpm:.0f} BPM ({seed})", play(made, soundfont), 22_050, made.beats_s


def librosa_beats(y: np.ndarray, rate: int) -> np.ndarray:
    import librosa

    mono = librosa.resample(y.mean(axis=0), orig_sr=rate, target_sr=22_050)
    return librosa.beat.beat_track(y=mono, sr=22_050, units="time")[1]


def measure(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """F-measure, CMLt, AMLt and mean offset (ms) of beats within 70 ms."""
    import mir_eval

    kept, est = mir_eval.beat.trim_beats(truth), mir_eval.beat.trim_beats(found)
    continuity = mir_eval.beat.continuity(kept, est)
    distance = found - truth[np.abs(truth[:, None] - found[None, :]).argmin(axis=0)] if len(found) else found
    near = distance[np.abs(distance) < 0.07]
    offset = 1000 * float(near.mean()) if len(near) else np.nan
    return np.array([mir_eval.beat.f_measure(kept, est), continuity[1], continuity[3], offset])


def row(name: str, theirs: np.ndarray, ours: np.ndarray, more: str = "") -> str:
    """One line of the table: F / CMLt / AMLt / mean offset in ms, of librosa and of ours."""
    cells = [f"{v[0]:.3f} / {v[1]:.2f} / {v[2]:.2f} / {v[3]:+.1f}" for v in (theirs, ours)]
    return f"| {name} | {cells[0]} | {cells[1]} | {more} |"


def compare(title: str, cases: Iterator[tuple[str, np.ndarray, int, np.ndarray]]) -> dict[str, Any]:
    """Print every case; the line of the means, and for each case how sure we were and whether that was right."""
    values, said, spent = [], [], [0.0, 0.0]
    clicks = pattern("clicks", 120, 0, seconds=6)
    librosa_beats(clicks.y, clicks.rate)  # compiles what it needs, once per process
    for name, y, rate, truth in cases:
        began = time.process_time()
        theirs = measure(truth, librosa_beats(y, rate))
        middle = time.process_time()
        beats = track_beats(y, rate)
        ours = measure(truth, beats.times_s)
        spent[0] += middle - began
        spent[1] += time.process_time() - middle
        values.append([theirs, ours])
        said.append((beats.confidence, bool(ours[0] >= 0.9)))
        print(row(name, theirs, ours), f"confidence {beats.confidence:.2f}", flush=True)
    table = np.array(values)
    mean = np.nanmean(table, axis=0)
    print(f"{title}: median of |offset| {np.nanmedian(np.abs(table[:, 1, 3])):.1f} ms")
    difference = table[:, 1, 0] - table[:, 0, 0]
    more = f"{(difference < -0.02).sum()} of {len(table)}, worst {difference.min():+.2f} | {spent[1] / spent[0]:.1f}"
    return {"lines": [row(f"{title} ({len(table)})", mean[0], mean[1], more)], "said": said}


def reliability(said: list[tuple[float, bool]]) -> list[str]:
    """How often beats were right (F of 0.9 or more) whose confidence was within a range."""
    sure, right = np.array([one[0] for one in said]), np.array([one[1] for one in said])
    lines = ["| confidence | sounds | of those right |", "|---|---|---|"]
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (sure >= low) & (sure < (low + 0.2 if low < 0.8 else 1.01))
        share = f"{right[inside].mean():.0%}" if inside.any() else ""
        lines.append(f"| {low:.1f} to {low + 0.2:.1f} | {inside.sum()} | {share} |")
    return lines


def alignment(pairs: int) -> str:
    """Beats of an aligned track, tracked again, against the reference's: F at 35 ms, held-out pairs with drums."""
    import mir_eval

    rng = np.random.default_rng(77)
    results = []
    for number in range(pairs):
        first, second = (list(STYLES)[k] for k in rng.choice(6, 2, replace=False))
        a = pattern(first, float(rng.uniform(85, 140)), 300 + 2 * number, seconds=16, ramp=0.05, music=True)
        b = pattern(second, float(rng.uniform(85, 140)), 301 + 2 * number, seconds=16, fills=True)
        reference = track_beats(b.y, b.rate)
        out = align_beats(a.y, a.rate, to=reference)[:, : 16 * a.rate]
        length = out.shape[1]
        again = track_beats(out, a.rate, bpm=reference.tempo_bpm)
        truth = reference.times_s[reference.times_s < length / a.rate]
        f = mir_eval.beat.f_measure(*map(mir_eval.beat.trim_beats, (truth, again.times_s)), f_measure_threshold=0.035)
        results.append(f)
        print(f"  {a.name} -> {b.name}: F {f:.3f}", flush=True)
    return f"Alignment of {pairs} pairs with drums: F at 35 ms {np.mean(results):.3f}, least {np.min(results):.3f}."


def moved(y: np.ndarray, rate: int, truth: np.ndarray, wanted_bpm: float) -> float:
    """F at 35 ms of true beats, moved to an even grid at a tempo, against the grid.

    Where half or twice the tempo needs less stretching, that is what is aligned: every second true beat, or those and
    the places between them.
    """
    import mir_eval

    time_map, grid = plan(y, rate, wanted_bpm)
    length_s = float(time_map.to_target(y.shape[1] / rate))
    count = np.arange(len(truth))
    level = resolve_level(60 / float(np.median(np.diff(truth))), wanted_bpm)
    choices = {
        0.5: [truth[::2], truth[1::2]], 1.0: [truth], 2.0: [np.interp(np.arange(2 * len(truth) - 1) / 2, count, truth)],
    }[level]  # fmt: skip
    found = grid.times_s[(grid.times_s >= 0) & (grid.times_s < length_s)]
    scores = []
    for beats in choices:
        there = time_map.to_target(beats)
        scores.append(mir_eval.beat.f_measure(there[there >= 0], found, f_measure_threshold=0.035))
    return float(max(scores))


def song_alignment(pairs: int) -> list[str]:
    """Whole songs to tempi up to 1.5 times theirs: named pairs, and pairs that are drawn."""
    lines = []
    for own, wanted in ((90, 120), (140, 120), (150, 120), (170, 120)):
        songs = [full_song(ALIGN_SEED + 10 * k, bpm=float(own)) for k in range(8)]
        lines.append(_line(f"{own} to {wanted} BPM", [moved(s.y, s.rate, s.beats_s, wanted) for s in songs]))
    rng, results, steady = np.random.default_rng(78), [], []
    for number in range(pairs):
        song = full_song(ALIGN_SEED + 100 + number)
        wanted = 60 / float(np.median(np.diff(song.beats_s))) * 1.5 ** float(rng.uniform(-1, 1))
        results.append(moved(song.y, song.rate, song.beats_s, wanted))
        print(f"  {song.name} -> {wanted:.1f}: F {results[-1]:.3f}", flush=True)
        if not song.name.startswith("rubato"):
            steady.append(results[-1])
    lines.append(_line("1/1.5 to 1.5 times", results))
    return [*lines, _line("of these, without those that begin in free tempo", steady)]


def clip_alignment(shared: Path, before: int) -> list[str]:
    """Annotated recordings to tempi up to 1.5 times theirs, drawn after those of so many songs."""
    rng, results = np.random.default_rng(78), []
    rng.uniform(size=before)
    for name, y, rate, beats in clips(shared):
        wanted = 60 / float(np.median(np.diff(beats))) * 1.5 ** float(rng.uniform(-1, 1))
        results.append(moved(y, rate, beats, wanted))
        print(f"  {name} -> {wanted:.1f}: F {results[-1]:.3f}", flush=True)
    return [_line("annotated recordings, 1/1.5 to 1.5 times", results)]


def _line(name: str, results: list[float]) -> str:
    good = sum(result >= 0.95 for result in results)
    return f"| {name} ({len(results)}) | {np.mean(results):.3f} | {good} |"


def warping() -> str:
    """How far clicks land from where the map sends them, and how far a tone goes from 440 Hz."""
    rate = 44_100
    worst_s = 0.0
    n = np.arange(800)
    click = np.exp(-n / 150) * np.sin(2 * np.pi * 2000 * n / rate)
    for drift, speed in ((0.0, 0.8), (0.03, 0.9), (0.05, 1.2), (0.1, 1.1), (0.2, 1.0)):
        source = 0.3 + np.cumsum(0.5 * (1 + drift * np.sin(0.65 * np.arange(15))))
        time_map = TimeMap(source, 0.4 + np.arange(15) * 0.5 / speed)
        y = np.zeros((1, 9 * rate), np.float32)
        for begin in np.round(source * rate).astype(int):
            y[0, begin : begin + 800] = click
        out = warp(y, rate, time_map, length=round(float(time_map.to_target(9.0)) * rate))
        level = np.sqrt(np.convolve(out[0] ** 2, np.ones(32) / 32, mode="same"))
        for place in np.round(time_map.target_s * rate).astype(int):
            piece = level[place - 2000 : place + 2000]
            worst_s = max(worst_s, abs(int(np.argmax(piece > 0.1 * piece.max())) - 2000) / rate)
    tone = np.sin(2 * np.pi * 440 * np.arange(9 * rate) / rate).astype(np.float32)[None]
    out = warp(tone, rate, time_map, length=8 * rate)[0, rate:-rate]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)), 1 << 21))
    cents = 1200 * np.log2(np.fft.rfftfreq(1 << 21, 1 / rate)[spectrum.argmax()] / 440)
    return f"Warp: onsets within {1000 * worst_s:.1f} ms of their places, a 440 Hz tone {abs(cents):.2f} cents off."


def keys(pairs: int, soundfont: str) -> str:
    """Songs in every key, drawn in pairs: are the keys found, is the shift right, is the shifted song in the key?"""
    from audiokit.dsp.rhythm.key import PITCH_CLASSES, Key, estimate_key
    from tests.arrangements import in_key, play

    rng = np.random.default_rng(5)
    counts = np.zeros(4)
    for number in range(pairs):
        songs, truths, found = [], [], []
        for side in range(2):
            truth = Key((number + side * int(rng.integers(1, 12))) % 12, str(rng.choice(["major", "minor"])), 1.0)
            songs.append(play(in_key(100 + 2 * number + side, truth.tonic, truth.mode), soundfont))
            truths.append(truth)
            found.append(estimate_key(songs[-1], 22_050))
        counts[0] += np.mean([(f.tonic, f.mode) == (t.tonic, t.mode) for f, t in zip(found, truths, strict=True)])
        counts[1] += np.mean([f.shift_to(t) == 0 for f, t in zip(found, truths, strict=True)])
        shift = found[0].shift_to(found[1])
        counts[2] += shift == truths[0].shift_to(truths[1])
        grid = TimeMap(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        moved = warp(songs[0], 22_050, grid, length=songs[0].shape[1], semitones=shift)
        counts[3] += estimate_key(moved, 22_050).shift_to(truths[1]) == 0
        if shift != truths[0].shift_to(truths[1]):
            names = [f"{PITCH_CLASSES[k.tonic]} {k.mode}" for k in (*truths, *found)]
            print(f"  wrong shift {shift}: true {names[:2]}, found {names[2:]}", flush=True)
    return (
        f"Keys of {2 * pairs} songs in all keys: {counts[0] / pairs:.0%} exact, {counts[1] / pairs:.0%} the same notes "
        f"(relative keys count); the shift to the other song's key is the nearest right one in {counts[2]:.0f} of "
        f"{pairs} pairs, and the shifted song is heard in that key in {counts[3]:.0f}."
    )


def tracked(name: str, given: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, int, np.ndarray]]:
    """Cases of a row of the first table: name, audio, rate, beats."""
    if name == "recordings":
        yield from clips(given.shared)
    elif name == "arrangements":
        yield from (_played(ARRANGEMENT_SEED + k, given.soundfont) for k in range(given.songs))
    elif name == "patterns":
        yield from ((f"{p.name} ({way})", p.y, p.rate, p.beats_s) for way, p in grid_patterns())
    else:
        made = {
            "harder": (random_pattern(seed) for seed in range(500, 500 + given.patterns)),
            "songs": (full_song(SONG_SEED + k) for k in range(given.songs)),
            "bare": (full_song(SONG_SEED + 200 + k, drums=False) for k in range(given.songs)),
        }[name]
        yield from ((p.name, p.y, p.rate, p.beats_s) for p in made)


def measured(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """What is kept of a row; nothing where what it needs is not there."""
    played, recorded = Path(given.soundfont).is_file(), given.shared.is_dir()
    if (name.startswith("recordings") and not recorded) or (name in ("arrangements", "keys") and not played):
        return {}
    if name in TRACKED:
        return compare(TRACKED[name], tracked(name, given))
    if name == "beatless":
        sure = [track_beats(beatless(BEATLESS_SEED + k), 22_050).confidence for k in range(20)]
        return {"lines": [], "said": [(one, False) for one in sure]}
    lines = {
        "alignment": lambda: [alignment(given.pairs)],
        "warp": lambda: [warping()],
        "songs aligned": lambda: song_alignment(given.songs),
        "recordings aligned": lambda: clip_alignment(given.shared, given.songs),
        "keys": lambda: [keys(given.keys, given.soundfont)],
    }[name]()
    return {"lines": lines}


def written(rows: Rows) -> str:
    """The tables."""
    lines = [
        "| | librosa: F / CMLt / AMLt / offset ms | audiokit | worse by more than 0.02 | x librosa's processor time |",
        "|---|---|---|---|---|",
    ]
    found = {name: rows.of(name).get("lines", []) for name in (*TRACKED, *MORE)}
    lines += [line for name in TRACKED for line in found[name]]
    lines += ["", *reliability([one for name in (*TRACKED, "beatless") for one in rows.of(name).get("said", [])])]
    lines += ["", *found["alignment"], *found["warp"], ""]
    lines += ["| aligned to another tempo: F at 35 ms of the true beats on the new grid | mean | 0.95 or more |"]
    lines += ["|---|---|---|", *found["songs aligned"], *found["recordings aligned"], "", *found["keys"]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=(*TRACKED, *MORE), default=[])
    parser.add_argument("--patterns", type=int, default=40)
    parser.add_argument("--songs", type=int, default=60)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--soundfont", default="/usr/share/sounds/sf2/FluidR3_GM.sf2")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = Rows("beats", anew=given.only)
    for name in given.only or (*TRACKED, *MORE):
        if not rows.of(name):
            rows.of(name).update(measured(name, given))
            rows.save()
    publish("beats", written(rows))
    rows.save(finished=True)


if __name__ == "__main__":
    main()
