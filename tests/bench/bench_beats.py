"""Beats: ours beside librosa's, on synthesised patterns and on annotated clips; then alignment and warp.

    python -m tests.bench.bench_beats [--patterns 40] [--shared ../shared]

Seeds of the patterns are held out: neither the fit of the weights nor any test uses them. Clips are read when the
folder is there. Needs mir_eval (extra score).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audiokit.dsp.beats import track_beats
from audiokit.dsp.warp import align_beats
from audiokit.io import audio
from tests.drums import STYLES, Pattern, pattern, random_pattern

#: Clips whose beat grid is certain: name, path, beats in the loop (or BPM, for a song).
LOOPS = {
    "loop_amen": 4, "loop_amen_full": 16, "loop_breakbeat": 4, "loop_garzul": 16, "loop_industrial": 2,
    "loop_mehackit1": 4, "loop_mika": 16, "loop_tabla": 16, "arovane_beat_c": 16,
}  # fmt: skip
SONGS = {"francium": 128, "potassium": 90, "sodium": 140, "rubidium": 132}
#: The patterns of the table: every style of a drum kit at tempi across the range.
PLAIN = ("rock", "rock2", "quarter", "funk", "floor", "house", "break", "motown", "swing", "waltz", "clicks")


def grid_patterns() -> Iterator[tuple[str, Pattern]]:
    """Patterns from 60 to 200 BPM, with and without swing, fills and tempo ramps; seeds from 400 on."""
    ways = {"straight": {}, "swing": {"swing": 0.62}, "fills": {"fills": True}, "ramp": {"ramp": 0.2}}
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


def row(name: str, theirs: np.ndarray, ours: np.ndarray) -> str:
    cells = [f"{v[0]:.3f} {v[1]:.2f} {v[2]:.2f} {v[3]:+6.1f}" for v in (theirs, ours)]
    return f"{name:28s} | {cells[0]} | {cells[1]}"


def compare(title: str, cases: Iterator[tuple[str, np.ndarray, int, np.ndarray]], *, each: bool) -> np.ndarray:
    """Print one table and return our values and librosa's (N, 2, 4)."""
    print(
        f"\n{title}\n{'':28s} | librosa                    | audiokit\n{'':28s} | F     CMLt AMLt offset ms  | the same"
    )
    values, spent = [], [0.0, 0.0]
    for name, y, rate, truth in cases:
        began = time.perf_counter()
        theirs = measure(truth, librosa_beats(y, rate))
        middle = time.perf_counter()
        ours = measure(truth, track_beats(y, rate).times_s)
        spent[0] += middle - began
        spent[1] += time.perf_counter() - middle
        values.append([theirs, ours])
        if each or ours[0] < 0.95:
            print(row(name, theirs, ours), flush=True)
    table = np.array(values)
    mean = np.nanmean(table, axis=0)
    print(row(f"mean of {len(table)}", mean[0], mean[1]))
    worse = (table[:, 1, 0] < table[:, 0, 0] - 0.02).sum()
    print(f"worse than librosa by more than 0.02: {worse}; seconds: librosa {spent[0]:.1f}, audiokit {spent[1]:.1f}")
    return table


def alignment(pairs: int) -> None:
    """Beats of an aligned track, tracked again, against the reference's: F at 35 ms, held-out pairs with drums."""
    import mir_eval

    print("\nalignment: beats of the warped track, tracked again, against those of the reference")
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
    print(f"mean F {np.mean(results):.3f}, least {np.min(results):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=40)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    cases = ((f"{p.name} ({way})", p.y, p.rate, p.beats_s) for way, p in grid_patterns())
    compare("patterns, 60 to 200 BPM: straight, swing, fills, ramp", cases, each=False)
    drawn = (random_pattern(seed) for seed in range(500, 500 + given.patterns))
    compare("patterns drawn at random", ((p.name, p.y, p.rate, p.beats_s) for p in drawn), each=False)
    if given.shared.is_dir():
        compare("annotated clips", clips(given.shared), each=True)
    alignment(8)


if __name__ == "__main__":
    main()
