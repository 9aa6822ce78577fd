"""Teach a note model from recordings with several layers what a velocity does besides loudness.

    python velocity.py MODEL OUT FOLDER... [--leave-out INSTRUMENT]

Every FOLDER holds one folder per instrument, its notes named <instrument>_<midi>_..._<layer>: pp, p, mp, m, mf, f, ff,
soft, loud, v1 or vl1 upwards, or vel<velocity> as layers.py beside this writes from SFZ instruments. KINDS below says
what they are. For each family: how partials and noise change with the velocity, early and later, over the number of
the partial and the key; how the start quickens; and by how many octaves the centroid of the first half second moves,
where few instruments of a kind lean on their family, and few of a family on all. The change is then sized for each
instrument of the model, so that its own centroid moves as far. Families without layers lean on those excited alike.
"""

import argparse
import json
import re
import shutil
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from audiokit import read
from audiokit.dsp.notes.notes import GROUPS, analyse_note, midi_to_hz
from audiokit.dsp.notes.time_grid import HELD_S
from audiokit.models.folder.checkpoint import CARD, find, read_card
from audiokit.models.notes import touch as t
from audiokit.models.notes.making import NoteSettings, make_note
from audiokit.models.notes.notes import NoteModel, Wish, load

WORDS = {"pp": 24, "p": 40, "mp": 56, "m": 64, "mf": 80, "f": 96, "ff": 112, "soft": 40, "loud": 104}
LAYER = re.compile(r"(?<![a-z0-9])(pp|p|mp|m|mf|f|ff|soft|loud|v(?:l|el)?\d+)(?![a-z0-9])", re.IGNORECASE)
#: What an instrument is, by the first of these words in its name: its family, and its kind within the family.
KINDS = (
    ("epiano", "keyboard", "electric piano"), ("electric_piano", "keyboard", "electric piano"),
    ("piano", "keyboard", "piano"), ("electric_grand", "keyboard", "piano"), ("honky_tonk", "keyboard", "piano"),
    ("marimba", "mallet", "bars"), ("vibraphone", "mallet", "bars"), ("xylophone", "mallet", "bars"),
    ("glockenspiel", "mallet", "bars"), ("celesta", "mallet", "bars"), ("steel_drum", "mallet", "pans"),
    ("guitar", "guitar", "guitar"), ("banjo", "guitar", "guitar"),
    ("electric_bass", "bass", "electric"), ("finger_bass", "bass", "electric"), ("picked_bass", "bass", "electric"),
    ("fretless_bass", "bass", "electric"), ("slap_bass", "bass", "electric"),
    ("bassoon", "reed", "double reed"), ("pizz", "string", "plucked"), ("arco", "string", "bowed"),
    ("violin", "string", "bowed"), ("viola", "string", "bowed"), ("cello", "string", "bowed"),
    ("contrabass", "string", "bowed"), ("string", "string", "bowed"), ("fiddle", "string", "bowed"),
    ("harp", "string", "plucked"),
    ("english_horn", "reed", "double reed"), ("cor_anglais", "reed", "double reed"), ("oboe", "reed", "double reed"),
    ("shanai", "reed", "double reed"), ("sax", "reed", "saxophone"), ("clarinet", "reed", "clarinet"),
    ("tuba", "brass", "tuba"), ("horn", "brass", "horn"), ("trumpet", "brass", "trumpet"),
    ("trombone", "brass", "trombone"), ("flute", "flute", "flute"),
)  # fmt: skip
#: Families that are excited alike: a family leans on them where it has little of its own.
ALIKE = (("keyboard", "mallet"), ("guitar", "bass"), ("brass", "reed", "flute", "string", "vocal"), ("synth_lead",))
#: Instruments that answer no velocity, and electronic ones of which little is known.
FLAT = ("harpsichord", "bagpipe", "accordion", "bandoneon")
LITTLE = 0.5
#: Soft layers are hissed over, which is not the instrument's: noise falls behind its partials by no more than this.
LEAST_NOISE_DB = -6.0
#: Keys at which centroids are compared: below them few instruments play, above few partials are left.
MIDDLE = (36, 84)
STEP_HZ, RATE = 20.0, 16000
SETTINGS = NoteSettings(seconds=1.0, rate=RATE)
#: How often a row is scaled after its notes were heard, and how far at most.
ROUNDS, MOST = 5, 4.0


def layered(folders: list[str], leave_out: str) -> list[dict]:
    """Find notes with their instrument, family, key and velocity."""
    notes = []
    for path in sorted(p for folder in folders for p in Path(folder).rglob("*") if p.suffix in (".flac", ".wav")):
        instrument = path.parent.name
        family, _ = kind_of(instrument)
        rest = path.stem.removeprefix(instrument + "_")
        found = LAYER.findall(rest.partition("_")[2])
        if family and found and rest[:3].isdigit() and instrument != leave_out:
            notes.append({"path": path, "instrument": instrument, "family": family, "key": int(rest[:3]),
                          "layer": found[0].lower()})  # fmt: skip
    for instrument in {n["instrument"] for n in notes}:
        mine = [n for n in notes if n["instrument"] == instrument]
        most = max((int(n["layer"].strip("vel")) for n in mine if n["layer"][0] == "v"), default=0)
        for n in mine:
            number = int(n["layer"].strip("vel") or 0) if n["layer"][0] == "v" else 0
            share = number if n["layer"].startswith("vel") else (number - 0.5) / max(most, 1) * 127
            n["velocity"] = WORDS.get(n["layer"]) or share
    heard: dict[tuple, set] = defaultdict(set)
    for n in notes:
        heard[n["instrument"], n["key"]].add(n["velocity"])
    return [n for n in notes if len(heard[n["instrument"], n["key"]]) > 1]


def kind_of(instrument: str, family: str | None = None) -> tuple[str | None, str]:
    """Tell the family and kind of an instrument by its name; its family alone where only that is known."""
    found = ((f, kind) for word, f, kind in KINDS if word in instrument and family in (None, f))
    return next(found, (family, ""))


def describe(note: dict) -> None:
    """Measure a note: its levels, its centroid, and how long its start takes."""
    y, rate = read(note["path"], mono=True)
    y = y[0, max(0, int(np.argmax(np.abs(y[0]) > 0.02 * np.abs(y[0]).max())) - rate // 500) :]
    shape = analyse_note(np.ascontiguousarray(y), rate, note["key"])
    frames = (min(shape.seen_s, 1.5) >= HELD_S) & (np.arange(len(HELD_S)) % 3 == 0)
    power = 10 ** (shape.partials_db[:, : len(HELD_S)] / 10)
    counts = np.clip(shape.top_hz // midi_to_hz(note["key"]) - GROUPS[:-1] + 1, 0, np.diff(GROUPS))
    course = 10 * np.log10(counts @ power + 1e-12)
    loudness = 10 * np.log10(counts @ power @ (np.gradient(HELD_S) * (HELD_S <= 0.5)))
    whole = course[min(1.0, shape.seen_s) > HELD_S]
    note["start"] = np.log2(HELD_S[int(np.argmax(whole > whole.max() - 3))] + 0.01)
    note["centroid"] = centroid(y, rate)
    peak = shape.partials_db[:, : len(HELD_S)].max()
    note["frames"] = frames
    note["partials"] = (shape.partials_db[:, : len(HELD_S)] - loudness)[:, frames]
    note["heard"] = ((shape.partials_db[:, : len(HELD_S)] - peak) / 60 + 1).clip(0, 1)[:, frames] * (counts > 0)[
        :, None
    ]
    noise = shape.noise_db[:, : len(HELD_S)]
    late = noise[:, shape.seen_s > HELD_S][:, -6:].mean(1, keepdims=True)
    note["noise"] = (noise - loudness)[:, frames]
    note["blown"] = (noise > late + 10)[:, frames]  # what a room adds stays the same


class Sums:
    """Normal equations of one family."""

    def __init__(self) -> None:
        self.partials = [np.zeros((t.N_PARTIALS,) * 2), np.zeros(t.N_PARTIALS)]
        self.noise = [np.zeros((t.N_NOISE,) * 2), np.zeros(t.N_NOISE)]
        self.slopes: dict[str, list[float]] = defaultdict(list)
        self.starts: dict[str, list[float]] = defaultdict(list)

    def add(self, notes: list[dict], weight: float) -> None:
        """Take in the layers of one key; each is compared with their mean. Instruments count alike by their weights."""
        v = np.array([n["velocity"] for n in notes]) / t.STEP
        v = v - v.mean()
        frames = np.logical_and.reduce([n["frames"] for n in notes])
        for kind, heard, basis, sums in (
            ("partials", "heard", t.basis_of_partials(notes[0]["key"]), self.partials),
            ("noise", "blown", t.basis_of_noise(), self.noise),
        ):
            x = basis[:, :, frames].reshape(len(basis), -1)
            y, w = (np.stack([n[k][:, frames[n["frames"]]].ravel() for n in notes]) for k in (kind, heard))
            w = weight * np.min(w, axis=0) / len(x)
            y = y - y.mean(0)
            sums[0] += (v @ v) * (x * w) @ x.T
            sums[1] += (x * w) @ (v @ y)
        if MIDDLE[0] <= notes[0]["key"] <= MIDDLE[1]:
            self.slopes[notes[0]["instrument"]].append(float(v @ [n["centroid"] for n in notes] / (v @ v)))
        self.starts[notes[0]["instrument"]].append(float(-v @ [n["start"] for n in notes] / (v @ v)))

    def octaves(self) -> float:
        """Instruments count alike, each by its keys."""
        return float(np.mean([np.median(s) for s in self.slopes.values()]))

    def quickening(self) -> float:
        """Octaves by which the start is shorter; one more instrument that has none keeps it modest."""
        return max(0.0, float(sum(np.median(s) for s in self.starts.values()) / (1 + len(self.starts))))


def solve(own: Sums, near: Sums) -> np.ndarray:
    """Fit a family, leaning on those excited alike."""
    rows = []
    for mine, theirs in ((own.partials, near.partials), (own.noise, near.noise)):
        ridge = np.eye(len(mine[0]))
        general = np.linalg.solve(theirs[0] + (0.03 * np.trace(theirs[0]) / len(ridge) + 1e-9) * ridge, theirs[1])
        lean = 0.03 * max(np.trace(theirs[0]) * 0.3, np.trace(mine[0])) / len(ridge) + 1e-9
        rows.append(np.linalg.solve(mine[0] + lean * ridge, mine[1] + lean * general))
    rows[1] = rows[1].clip(LEAST_NOISE_DB)
    return np.concatenate([*rows, [(own if own.slopes else near).quickening()]])


def tuned(model: NoteModel, rows: np.ndarray, index: int, octaves: float) -> None:
    """Scale what a row says of partials until the centroid of its instrument moves by `octaves` from 30 to 120."""
    one = model.instruments[index]
    sound = model.draw(Wish(instrument=one["name"], variety=0.0), np.random.default_rng(0))
    keys = [k for k in (43, 50, 57, 64, 71, 78) if one["low"] <= k <= one["high"]] or [one["low"]]
    first, gain = rows[index, : t.N_PARTIALS].copy(), 1.0
    for _ in range(ROUNDS):
        rows[index, : t.N_PARTIALS] = gain * first
        ends = [[centroid(make_note(model, sound, k, v, SETTINGS, key=0)[0], RATE) for v in (30, 120)] for k in keys]
        moved = float(np.median(np.diff(ends)))
        gain = float(np.clip(gain * np.clip(octaves / max(moved, 0.01), 0.5, 2), 0, MOST))
    rows[index, : t.N_PARTIALS] = gain * first


def centroid(y: np.ndarray, rate: int) -> float:
    """Octaves of the power-weighted centroid of the first half second."""
    spectrum = np.abs(np.fft.rfft(y[: rate // 2])) ** 2
    hz = np.fft.rfftfreq(len(y[: rate // 2]), 1 / rate)
    return float(np.log2((spectrum * hz)[hz > STEP_HZ].sum() / spectrum[hz > STEP_HZ].sum()))


def by_key(notes: list[dict]) -> dict[tuple, list[dict]]:
    """Describe notes, and put the layers of one key of an instrument together."""
    keys: dict[tuple, list[dict]] = defaultdict(list)
    for note in notes:
        describe(note)
        keys[note["family"], note["instrument"], note["key"]].append(note)
    return keys


def sums_of(keys: dict[tuple, list[dict]]) -> tuple[dict[str, Sums], dict[str, Sums]]:
    """Gather each family's own layers, and those of families excited alike."""
    own: dict[str, Sums] = defaultdict(Sums)
    near: dict[str, Sums] = defaultdict(Sums)
    played = Counter(instrument for _, instrument, _ in keys)
    for (family, instrument, _), some in keys.items():
        weight = 1 / (played[instrument] * len(some))
        own[family].add(some, weight)
        for group in ALIKE:
            if family in group or group == ("synth_lead",):
                for other in group:
                    near[other].add(some, weight)
    return own, near


def leaned(instrument: str, family: str, own: dict[str, Sums], near: dict[str, Sums]) -> float:
    """Octaves of an instrument: the mean of its kind and one more, which answers as its family does.

    A family answers as the mean of its instruments and one more, which answers as all that were recorded do: two
    instruments of one kind differ by as much as two kinds, so few of them say little of another. One about which
    nothing alike is known answers as those excited alike.
    """
    if not own[family].slopes:
        return near[family].octaves()
    _, kind = kind_of(instrument, family)
    everyone = [float(np.median(slopes)) for one in own.values() for slopes in one.slopes.values()]
    mine = {name: float(np.median(slopes)) for name, slopes in own[family].slopes.items()}
    all_of_it = np.mean([*mine.values(), np.mean(everyone)])
    alike = [slope for name, slope in mine.items() if kind and kind_of(name)[1] == kind]
    return float(np.mean([*alike, all_of_it]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--leave-out", default="")
    options = parser.parse_args()
    started = time.process_time()
    notes = layered(options.folders, options.leave_out)
    own, near = sums_of(by_key(notes))
    folder = find(options.model)
    model, card = load(str(folder)), read_card(folder)
    rows = np.zeros((len(model.instruments), t.N_TOUCH))
    model.network.card["settings"]["touch"] = True
    model.network.card["touch"] = rows
    for index, one in enumerate(model.instruments):
        f = one["family"]
        if f == "organ" or one["name"] in FLAT or not (own[f].slopes or near[f].slopes):
            continue  # it does not answer, or nothing was heard of its like
        rows[index] = solve(own[f], near[f])
        tuned(model, rows, index, leaned(one["name"], f, own, near) * (LITTLE if f == "synth_lead" else 1))
    for family in sorted({one["family"] for one in model.instruments}):
        told = {k: round(float(np.median(v)), 2) for k, v in own[family].slopes.items()}
        quick = (own[family] if own[family].slopes else near[family]).quickening()
        print(f"{family}: octaves of centroid per {t.STEP} of velocity {told}, start {quick:.2f} octaves", flush=True)
    names = sorted({n["instrument"] for n in notes})
    card["training_data"]["velocity"] = f"{len(notes)} recorded notes in layers of {', '.join(names)}"
    card["training"]["velocity_processor_minutes"] = round((time.process_time() - started) / 60, 1)
    card["settings"]["touch"] = True
    card["touch"] = rows.round(1).tolist()
    shutil.copytree(folder, options.out)
    text = json.dumps(card, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[-\d.,\s]+\]", lambda row: " ".join(row[0].split()), text)  # a row of numbers is one line
    (Path(options.out) / CARD).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
