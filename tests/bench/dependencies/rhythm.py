"""Beats, onsets, keys and chroma, and alignment in time, beside librosa."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from audiokit.dsp.rhythm import key as key_module
from audiokit.dsp.rhythm.beats import track_beats
from audiokit.dsp.rhythm.key import PITCH_CLASSES, chroma, estimate_key
from audiokit.dsp.rhythm.onsets import attack_times
from audiokit.io import audio
from tests.arrangements import in_key, play
from tests.bench import bench_beats
from tests.bench.dependencies.measuring import Inputs, Row, timed
from tests.drums import STYLES, pattern

#: Keys that the scores of freely licensed recordings are in: part of a file's name, tonic, mode.
PIECES = (
    ("Hungarian_Dance_number_5", 6, "minor"),
    ("Dance_of_the_Sugar_Plum_Fairy", 4, "minor"),
)


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons."""
    yield _beats(inputs)
    yield _onsets()
    yield from _keys(inputs)
    yield _chroma(inputs)
    yield _paths(inputs)


def _beats(inputs: Inputs) -> Row:
    found, spent = [], np.zeros(2)
    if inputs.shared.is_dir():
        cases = list(bench_beats.clips(inputs.shared))
    else:
        cases = [(p.name, p.y, p.rate, p.beats_s) for p in (pattern(style, 110, 1) for style in STYLES)]
    for _, y, rate, truth in cases[: inputs.limit]:
        theirs_s, theirs = timed(lambda y=y, rate=rate: bench_beats.librosa_beats(y, rate), repeats=1, warm=False)
        own_s, ours = timed(lambda y=y, rate=rate: track_beats(y, rate).times_s, repeats=1, warm=False)
        spent += [own_s, theirs_s]
        found.append([bench_beats.measure(truth, ours), bench_beats.measure(truth, theirs)])
    mean = np.nanmean(np.array(found), axis=0)
    cells = [f"F {v[0]:.3f}, right level {v[1]:.2f}, {v[3]:+.1f} ms" for v in mean]
    return Row(
        f"beats of {len(found)} annotated recordings", "dsp/rhythm/beats.py", "librosa.beat.beat_track",
        "F-measure, CMLt, mean offset", *cells, (float(spent[0]), float(spent[1])),
        ("from audiokit.dsp.rhythm.beats import track_beats", "from librosa.beat import beat_track"),
    )  # fmt: skip


def _onsets() -> Row:
    """How near to the truth hits of synthesised drums are placed by either, each given a rough time within 30 ms."""
    import librosa

    rng = np.random.default_rng(3)
    errors: list[list[float]] = [[], []]
    spent = np.zeros(2)
    for number, style in enumerate(("rock", "quarter", "motown", "waltz", "floor", "ballad")):
        made = pattern(style, 100, 50 + number, seconds=15.0)
        rough = made.beats_s + rng.uniform(-0.03, 0.03, len(made.beats_s))

        def theirs(y: np.ndarray = made.y[0], rate: int = made.rate, rough: np.ndarray = rough) -> np.ndarray:
            onsets = librosa.onset.onset_detect(y=y, sr=rate, units="time", backtrack=True)
            return onsets[np.abs(rough[:, None] - onsets).argmin(axis=1)]

        own_s, ours = timed(lambda made=made, rough=rough: attack_times(made.y, made.rate, rough)[0], repeats=1)
        librosa_s, other = timed(theirs, repeats=1)
        spent += [own_s, librosa_s]
        errors[0] += list(np.abs(ours - made.beats_s))
        errors[1] += list(np.abs(other - made.beats_s))
    cells = [f"{1000 * np.median(e):.1f} / {1000 * np.percentile(e, 90):.0f} ms" for e in errors]
    return Row(
        f"instants of {len(errors[0])} drum hits", "dsp/rhythm/onsets.py", "librosa.onset.onset_detect (backtrack)",
        "median / 90th percentile", *cells, (float(spent[0]), float(spent[1])),
        ("from audiokit.dsp.rhythm.onsets import attack_times", "from librosa.onset import onset_detect"),
    )  # fmt: skip


def _librosa_key(y: np.ndarray, rate: int, kind: str) -> tuple[int, str]:
    """The key that our profiles find in librosa's chroma, so that only the chroma differs."""
    import librosa

    mono = librosa.resample(y.mean(axis=0), orig_sr=rate, target_sr=22_050) if rate != 22_050 else y.mean(axis=0)
    values = getattr(librosa.feature, f"chroma_{kind}")(y=mono, sr=22_050)
    profile = values.mean(axis=1)
    scores = {
        (tonic, mode): float(np.corrcoef(profile, np.roll(weights, tonic))[0, 1])
        for mode, weights in key_module._PROFILES.items()
        for tonic in range(12)
    }
    return max(scores, key=lambda one: scores[one])


def _songs(inputs: Inputs) -> Iterator[tuple[np.ndarray, int, int, str]]:
    if inputs.soundfont.is_file():
        for number in range(min(24, inputs.limit)):
            tonic, mode = number % 12, ("major", "minor")[number // 12]
            yield play(in_key(900 + number, tonic, mode), str(inputs.soundfont)), 22_050, tonic, mode
    for part, tonic, mode in PIECES:
        for path in sorted((inputs.shared / "audio/genre/data").glob(f"*{part}*.ogg")):
            y, info = audio.read(path)
            yield y[:, : 60 * info.rate], info.rate, tonic, mode


def _keys(inputs: Inputs) -> Iterator[Row]:
    songs = list(_songs(inputs))
    if not songs:
        return

    def own(y: np.ndarray, rate: int) -> tuple[int, str]:
        found = estimate_key(y, rate)
        return found.tonic, found.mode

    finders: dict[str, Callable[[np.ndarray, int], tuple[int, str]]] = {"ours": own}
    for kind in ("stft", "cqt", "cens"):
        finders[kind] = lambda y, rate, kind=kind: _librosa_key(y, rate, kind)
    right, same, spent = (dict.fromkeys(finders, 0.0) for _ in range(3))
    for y, rate, tonic, mode in songs:
        truth = key_module.Key(tonic, mode, 1.0)
        for name, finder in finders.items():
            seconds, found = timed(lambda finder=finder, y=y, rate=rate: finder(y, rate), repeats=1, warm=False)
            spent[name] += seconds
            right[name] += found == (tonic, mode)
            same[name] += key_module.Key(*found, 1.0).shift_to(truth) == 0
    cells = {name: f"{right[name]:.0f} exact, {same[name]:.0f} same notes" for name in finders}
    for kind in ("stft", "cqt", "cens"):
        yield Row(
            f"key of {len(songs)} songs", "dsp/rhythm/key.py", f"librosa.feature.chroma_{kind}, our profiles",
            "right keys", cells["ours"], cells[kind], (spent["ours"], spent[kind]),
            ("from audiokit.dsp.rhythm.key import estimate_key", f"from librosa.feature import chroma_{kind}"),
        )  # fmt: skip


def _chroma(inputs: Inputs) -> Row:
    """Share of the chroma's weight that lies on the one pitch class that sounds in a recorded note."""
    import librosa

    names = recorded_notes(inputs.shared, inputs.limit)
    shares: list[list[float]] = [[], []]
    spent = np.zeros(2)
    for path, pitch in names:
        y, info = audio.read(path, mono=True)
        y = y[:, : 2 * info.rate]
        own_s, (ours, _) = timed(lambda y=y, rate=info.rate: chroma(y, rate), repeats=1)
        librosa_s, theirs = timed(lambda y=y, rate=info.rate: librosa.feature.chroma_stft(y=y[0], sr=rate), repeats=1)
        spent += [own_s, librosa_s]
        for place, values in enumerate((ours, theirs)):
            total = values.sum(axis=1)
            shares[place].append(float(total[pitch % 12] / max(total.sum(), 1e-9)))
    cells = [f"{np.mean(share):.2f}" if share else "-" for share in shares]
    return Row(
        f"chroma of {len(names)} recorded notes", "dsp/rhythm/key.py", "librosa.feature.chroma_stft",
        f"share on the note's class ({PITCH_CLASSES[0]}..{PITCH_CLASSES[-1]})", *cells,
        (float(spent[0]), float(spent[1])),
        ("from audiokit.dsp.rhythm.key import chroma", "from librosa.feature import chroma_stft"),
    )  # fmt: skip


def recorded_notes(shared: Path, limit: int) -> list[tuple[Path, int]]:
    """Recorded notes, spread evenly over all there are, and the MIDI numbers that their names give."""
    found = []
    for path in sorted((shared / "audio/notes").rglob("*.*")):
        parts = path.stem.split("_")
        numbers = [part for part in parts[1:] if part.isdigit()]
        if path.suffix in (".wav", ".flac", ".ogg") and numbers:
            found.append((path, int(numbers[0])))
    step = max(1, len(found) // max(1, limit))
    return found[::step][:limit]


def _paths(inputs: Inputs) -> Row:
    """The same melody played at two tempi: how evenly does the path run, and what does it cost?"""
    import librosa

    from audiokit.dsp.effects.warping import warping_path

    folder = inputs.shared / "audio/beats/librosa"
    if (folder / "sir_duke_fast.ogg").is_file():
        pair = [audio.read(folder / f"sir_duke_{tempo}.ogg", mono=True) for tempo in ("slow", "fast")]
        sounds = [y for y, _ in pair]
        rate = pair[0][1].rate
    else:
        made = [pattern("rock", bpm, 5, seconds=seconds) for bpm, seconds in ((100, 12.0), (130, 9.2))]
        sounds, rate = [p.y for p in made], made[0].rate
    powers = [np.abs(_mel_of(y, rate)).T for y in sounds]

    def straight(rows: np.ndarray, columns: np.ndarray) -> str:
        fit = np.polyval(np.polyfit(rows, columns, 1), rows)
        return f"{10 * np.sqrt(np.mean((columns - fit) ** 2)):.0f} ms"

    own_s, (rows, columns) = timed(lambda: warping_path(*powers), repeats=1)

    def theirs() -> np.ndarray:
        logs = [np.log(power.T + 1e-6) for power in powers]
        return librosa.sequence.dtw(*logs, metric="euclidean")[1][::-1]

    librosa_s, path = timed(theirs, repeats=1)
    return Row(
        "alignment of one melody at two tempi", "dsp/effects/morph.py", "librosa.sequence.dtw",
        "deviation from an even tempo", straight(rows, columns), straight(path[:, 0], path[:, 1]),
        (own_s, librosa_s),
        ("from audiokit.dsp.effects.warping import warping_path", "from librosa.sequence import dtw"),
    )  # fmt: skip


def _mel_of(y: np.ndarray, rate: int) -> np.ndarray:
    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    spectrum = np.abs(stft(y, n_fft=2048, hop=rate // 100))[0]
    return mel_filterbank(rate, 2048, n_mels=40) @ spectrum**2
