"""How well, how fast and in how much memory `split` works, beside what you would otherwise use.

    python -m tests.bench.bench_split                    every part, kept in results/split.md
    python -m tests.bench.bench_split --only songs       one part; the others' tables stay as they are

Parts: songs (true stems), mixes (of material held out of the training), development, acts and others (more songs with
true stems; `--excerpts FOLDER`, what excerpts.py cut), drums (of songs and acts, see split_drums.py), speed and package
(the same 3-minute song and weights; `package` needs --spleeter PYTHON, a Python that has the spleeter package),
memory-built-in, memory-spleeter, segments. `speed` and `package` write a full-size Spleeter checkpoint of random
numbers and give it to both programs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from audiokit.io.audio import Writer, read, write
from tests.bench.split_notes import NOTES

RATE = 44_100
RESULTS = Path(__file__).parent / "results" / "split.md"
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "audio"
ENGINES = {
    "default": "built-in model",
    "fast": "`--quality fast`: without REPET",
    "repet": "`--engine repet`",
    "hpss": "`--engine hpss`",
    "center": "`--engine center`",
    "nothing": "nothing: the mix",
}
EXCERPTS = ("development", "acts", "others")
QUALITY = ("songs", "mixes", *EXCERPTS, "drums")
PARTS = (*QUALITY, "speed", "package", "memory-built-in", "memory-spleeter", "segments")


def si_sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Le Roux et al. (2019), over both channels."""
    x, y = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    target = x * (x @ y) / (x @ x + 1e-12)
    return 10 * np.log10((target @ target + 1e-12) / (np.sum((y - target) ** 2) + 1e-12))


def sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """The SDR that museval reports for images: energy of the truth by that of the error, median over seconds.

    Whatever museval's filters call spatial, interference or artefact, the three add up to the error. It is written
    out here because museval refuses a stem whose channels cancel out, such as centre removal makes.
    """
    count = reference.shape[1] // RATE
    frames = [
        (x, y)
        for x, y in zip(*(np.split(z[:, : count * RATE], count, axis=1) for z in (reference, estimate)), strict=True)
        if x.any() and y.any()
    ]
    values = [10 * np.log10(np.sum(x**2) / (np.sum((x - y) ** 2) + 1e-12) + 1e-12) for x, y in frames]
    return float(np.median(values)) if values else float("nan")


def load_song(folder: Path) -> dict[str, np.ndarray]:
    """Read true stems: vocals, and accompaniment as the sum of all others."""
    stems = {
        path.stem: read(path, rate=RATE)[0]
        for path in sorted(folder.iterdir())
        if path.suffix in (".flac", ".ogg", ".wav")
    }
    stems.pop("mixture", None)
    length = min(y.shape[1] for y in stems.values())
    vocals = stems.pop("vocals")[:, :length]
    return {"vocals": vocals, "accompaniment": sum(y[:, :length] for y in stems.values())}


def estimates(mix: np.ndarray, engine: str) -> dict[str, np.ndarray]:
    """Separate a mix by one method, which may have a name of its own before it: "NAME=METHOD"."""
    from audiokit.stages.split import split

    engine = engine.rpartition("=")[2]
    if engine == "nothing":
        return {"vocals": mix, "accompaniment": mix}
    if engine.startswith("model:"):
        return split(mix, RATE, model=engine.removeprefix("model:"))
    if engine in ("default", "fast"):
        return split(mix, RATE, quality="fast" if engine == "fast" else "best")
    found = split(mix, RATE, engine=engine)
    if engine == "hpss":  # the usual reading of it: a voice is harmonic
        return {"vocals": found["harmonic"], "accompaniment": found["percussive"]}
    return found


def named(engine: str) -> str:
    """Tell what a method is called in tables."""
    name, _, engine = engine.rpartition("=")
    return name or ENGINES.get(engine, engine)


def quality(material: dict[str, dict[str, np.ndarray]], engines: list[str], label: str) -> list[str]:
    """Make a table: methods by rows; means over the material, then vocals of every excerpt by columns."""
    table: dict[str, list[list[float]]] = {engine: [] for engine in engines}
    for name, truth in material.items():
        mix = truth["vocals"] + truth["accompaniment"]
        for engine in engines:
            found = estimates(mix, engine)
            row = []
            for stem in ("vocals", "accompaniment"):
                row += [si_sdr_db(truth[stem], found[stem]), sdr_db(truth[stem], found[stem])]
            table[engine].append(row)
            print(f"{name:16} {engine:14}", " ".join(f"{value:7.2f}" for value in row), flush=True)
    head = ["vocals SI-SDR", "vocals SDR", "accomp. SI-SDR", "accomp. SDR"]
    lines = [f"| {label}: mean of {len(material)}, dB | {' | '.join(head)} |", f"|---|{'---|' * len(head)}"]
    for engine in engines:
        mean = np.mean(np.array(table[engine]), axis=0)
        lines.append(f"| {named(engine)} | {' | '.join('-' if np.isnan(v) else f'{v:.2f}' for v in mean)} |")
    lines += ["", f"| vocals SI-SDR of each, dB | {' | '.join(material)} |", f"|---|{'---|' * len(material)}"]
    for engine in engines:
        lines.append(f"| {named(engine)} | {' | '.join(f'{row[0]:.2f}' for row in table[engine])} |")
    return lines


def acts(engines: list[str], folder: Path, label: str) -> list[str]:
    """Measure on folders of stems, one per excerpt; a number before the name is not shown."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    return quality({path.name.rpartition(".")[2]: load_song(path) for path in folders}, engines, label)


#: Voices and accompaniments the built-in model was not trained on: name, start in seconds of the accompaniment.
MIXES = {
    "singer, band": ("singing/basic-pitch/vocadito_10.wav", "stems-full/potassium", 100),
    "singer, jazz": ("singing/basic-pitch/vocadito_10.wav", "genre/data/Kevin_MacLeod_-_Vibe_Ace.hq.ogg", 10),
    "singer, tabla": ("singing/basic-pitch/vocadito_10.wav", "beats/sonic-pi/loop_tabla.flac", 0),
    "carnatic, loop": ("singing/sms-tools-materials/vignesh.wav", "beats/sonic-pi/loop_mika.flac", 0),
    "woman, band": ("speech/audiomentations/p286_011.wav", "stems-full/francium", 120),
    "woman, orchestra": ("speech/audiomentations/p286_011.wav", "genre/sms-tools-materials/orchestra.wav", 0),
    "reader, jazz": ("speech/data/3436-172162-0000.hq.ogg", "genre/data/Kevin_MacLeod_-_Vibe_Ace.hq.ogg", 35),
    "reader, trumpet": ("speech/data/3436-172162-0000.hq.ogg", "genre/data/sorohanro_-_solo-trumpet-06.hq.ogg", 1),
    "man, loop": (
        "speech/pyroomacoustics/input_samples/cmu_arctic_us_axb_a0004.wav",
        "beats/sonic-pi/loop_mika.flac",
        0,
    ),
    "man, band": ("speech/pyroomacoustics/input_samples/cmu_arctic_us_axb_a0005.wav", "stems-full/potassium", 40),
}


def mixes(engines: list[str], seconds: float = 6.0) -> list[str]:
    """Measure on voices and accompaniments that were held out, the voice in the middle and 5 dB below."""
    material = {}
    n = int(seconds * RATE)
    for name, (voice, backing, start) in MIXES.items():
        y = read(SHARED / voice, rate=RATE, mono=True)[0]
        y = np.pad(y[:, :n], ((0, 0), (0, max(0, n - y.shape[1]))))
        path = SHARED / backing
        a = load_song(path)["accompaniment"] if path.is_dir() else read(path, rate=RATE)[0]
        a = np.take(a, np.arange(start * RATE, start * RATE + n), axis=1, mode="wrap")  # loops go round
        a = np.repeat(a, 2, axis=0) if len(a) == 1 else a[:2]
        y = np.repeat(y, 2, axis=0) * np.sqrt(np.mean(a**2) / np.mean(y**2)) * 10 ** (-5 / 20)
        scale = 0.5 / np.abs(a + y).max()
        material[name] = {"vocals": (scale * y).astype(np.float32), "accompaniment": (scale * a).astype(np.float32)}
    return quality(material, engines, "mixes")


def made_up_song(seconds: float) -> np.ndarray:
    """Make something with notes, beats and a voice-like line, stereo."""
    rng = np.random.default_rng(0)
    n = int(seconds * RATE)
    t = np.arange(n, dtype=np.float64) / RATE
    y = np.zeros((2, n), np.float32)
    for _ in range(6):
        hz = 110 * 2 ** (rng.integers(0, 24) / 12)
        wobble = np.sin(2 * np.pi * (hz * t + 3 * np.sin(2 * np.pi * 5 * t)))
        y += np.array([[rng.random()], [rng.random()]]) * (
            0.08 * wobble * (np.sin(2 * np.pi * t * rng.uniform(0.1, 1)) > 0)
        )
    beats = (t % 0.5) < 0.05
    return (y + 0.1 * rng.standard_normal((2, n)) * beats).astype(np.float32)


def segments() -> list[str]:
    """Measure how far results at different segment lengths are from each other."""
    from audiokit.stages.split import split

    mix = made_up_song(75)
    lines = ["| model | segments of | difference from segments of 60 s, dB |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        spleeter = random_model(Path(folder))
        for name, model in (("built-in model", None), ("Spleeter, full size", spleeter)):
            base = split(mix, RATE, model=model, segment=60)
            for length in (12, 30):
                other = split(mix, RATE, model=model, segment=length)
                worst = max(
                    10 * np.log10((np.sum((base[s] - other[s]) ** 2) + 1e-30) / np.sum(base[s] ** 2)) for s in base
                )
                lines.append(f"| {name} | {length} s | {worst:.1f} |")
                print(lines[-1], flush=True)
    return lines


def memory(name: str, minutes: tuple[float, ...] = (3, 60)) -> list[str]:
    """Measure the peak memory of a model on short and long audio."""
    minute = made_up_song(60)
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        model = ["--model", random_model(Path(folder))] if name == "spleeter" else []
        for length in minutes:
            song = f"{folder}/{length}.wav"
            with Writer(song, RATE, 2, subtype="PCM_16") as writer:
                for _ in range(round(length)):
                    writer.write(minute)
            command = [sys.executable, "-m", "audiokit", "split", song, "-o", f"{folder}/out/", "--quiet", *model]
            cells.append(timed(command)[2])
            print(name, length, "minutes", f"{cells[-1]:.0f} MB", flush=True)
    label = "Spleeter, full size" if model else "built-in model"
    head = "".join(f" {length:g} min, MB |" for length in minutes)
    row = f"| {label} |{''.join(f' {cell:.0f} |' for cell in cells)} {cells[-1] / cells[0]:.2f} |"
    return [f"| peak memory |{head} ratio |", f"|---|{'---|' * len(minutes)}---|", row]


def random_model(folder: Path) -> str:
    """Write a full-size Spleeter model of random numbers."""
    import torch

    from audiokit.models.folder import checkpoint
    from audiokit.models.separation.spleeter_unet import SpleeterUnet

    torch.manual_seed(0)
    net = SpleeterUnet()
    card = {
        "architecture": "spleeter-unet",
        "settings": net.settings,
        "kind": "split",
        "labels": ["vocals", "accompaniment"],
    }
    checkpoint.save(folder / "random", net, card)
    return str(folder / "random")


def timed(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float, float]:
    """Run a command: wall seconds, processor seconds and peak resident megabytes."""
    report = Path(tempfile.gettempdir()) / f"bench-split-{os.getpid()}"
    started = time.perf_counter()
    done = subprocess.run(
        ["/usr/bin/time", "-f", "%M %U %S", "-o", str(report), *command],
        env={**os.environ, **(env or {})},
        capture_output=True,
    )
    wall = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace")[-3000:])
    peak, user, system = map(float, report.read_text().split()[-3:])
    return wall, user + system, peak / 1024


SPEED_HEAD = ("cold s", "processor s", "second file s", "peak MB")


def speed(spleeter: str | None, minutes: float) -> list[str]:
    """Measure wall time and memory for one file, start included, and for the second of two in one process.

    With the Python of a spleeter package its program is measured, else audiokit.
    """
    rows: list[tuple[str, float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(2):
            write(folder / f"song{number}.wav", made_up_song(60 * minutes), RATE, subtype="PCM_16")
        one, two = str(folder / "song0.wav"), str(folder / "song1.wav")
        model = random_model(folder)
        program = [sys.executable, "-m", "audiokit", "split", "--quiet", "--json", "--force", "-o", f"{folder}/out/"]
        kinds = [("audiokit, seam-free", ["--model", model]), ("audiokit, `--compat`", ["--model", model, "--compat"])]
        for label, extra in [] if spleeter else [*kinds, ("audiokit, built-in model", [])]:
            cold, work, memory = timed([*program, *extra, one])
            both = subprocess.run([*program, *extra, one, two], capture_output=True, check=True)
            warm = json.loads(both.stdout.splitlines()[-1])["elapsed_s"]
            rows.append((label, cold, work, warm, memory))
        if spleeter:
            rows.append(("spleeter 2.4.2", *spleeter_speed(spleeter, folder, model, one)))
    lines = [f"| {minutes:g} min, 2 stems | {' | '.join(SPEED_HEAD)} |", f"|---|{'---|' * len(SPEED_HEAD)}"]
    lines += [
        f"| {name} | {cold:.1f} | {work:.1f} | {warm:.1f} | {peak:.0f} |" for name, cold, work, warm, peak in rows
    ]
    return lines


def spleeter_speed(python: str, folder: Path, model: str, song: str) -> tuple[float, float, float, float]:
    """Time the spleeter package on the same weights: its command, then the second file in one process."""
    parity = Path(__file__).resolve().parent.parent / "parity"
    variables = folder / "variables.npz"
    subprocess.run([sys.executable, str(parity / "variables.py"), model, str(variables)], check=True)
    made = folder / "pretrained_models" / "2stems"
    subprocess.run(
        [python, str(parity / "write_checkpoint.py"), str(variables), str(made)], check=True, capture_output=True
    )
    env = {"MODEL_PATH": str(made.parent), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [
        str(Path(python).with_name("spleeter")),
        "separate",
        "-p",
        "spleeter:2stems",
        "-o",
        str(folder / "theirs"),
        song,
    ]
    cold, work, memory = timed(command, env)
    done = subprocess.run(
        [python, str(parity / "run_spleeter.py"), "2stems", song, "--again"],
        env={**os.environ, **env},
        capture_output=True,
        check=True,
    )
    warm = json.loads(done.stdout.splitlines()[-1])["again_s"]
    print(f"spleeter: cold {cold:.1f} s, processor {work:.1f} s, second file {warm:.1f} s, {memory:.0f} MB", flush=True)
    return cold, work, warm, memory


def keep(part: str, lines: list[str], path: Path = RESULTS) -> None:
    """Put the table of a part into the results; the parts share the tables of speed and memory, row by row."""
    place = {"package": "speed", "memory-built-in": "memory", "memory-spleeter": "memory"}.get(part, part)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = dict(re.findall(r"<!-- (\S+) -->\n(.*?)\n(?=<!--|\Z)", text + "\n", re.DOTALL))
    before = [line for line in found.get(place, "").splitlines() if line.startswith("|")]
    if part in ("speed", "package", "memory-built-in", "memory-spleeter") and before[:1] == lines[:1]:
        lines = list({line.split("|")[1]: line for line in [*before, *lines]}.values())
    found[place] = "\n".join([*lines, "", NOTES[place]])
    order = [*QUALITY, "speed", "memory", "segments"]
    body = [f"<!-- {name} -->\n{found[name].strip()}\n" for name in order if name in found]
    path.write_text("\n".join(body), encoding="utf-8")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--spleeter", default=None)
    parser.add_argument("--excerpts", type=Path, default=None, help="what excerpts.py cut")
    parser.add_argument("--minutes", type=float, default=3.0, help="length of the song of speed and package")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    engines = options.engines.split(",")
    work = {
        "songs": lambda: acts(engines, SHARED / "stems" / "everythingisremixed", "songs"),
        "mixes": lambda: mixes(engines),
        "drums": lambda: import_module("tests.bench.split_drums").drums(engines, options.excerpts),
        "speed": lambda: speed(None, options.minutes),
        "package": lambda: speed(options.spleeter, options.minutes),
        "memory-built-in": lambda: memory("built-in"),
        "memory-spleeter": lambda: memory("spleeter"),
        "segments": segments,
    }
    work |= {part: partial(acts, engines, (options.excerpts or ROOT) / part, part) for part in EXCERPTS}
    needed = {"package": ("--spleeter PYTHON", options.spleeter)}
    needed |= dict.fromkeys(EXCERPTS, ("--excerpts FOLDER", options.excerpts))
    needed |= {part: (str(SHARED), SHARED.is_dir()) for part in ("songs", "mixes", "drums")}
    for part in options.only or PARTS:
        what, there = needed.get(part, ("", True))
        if not there:
            print(f"{part}: left out, no {what}", flush=True)
            continue
        lines = work[part]()
        print("\n".join(lines), flush=True)
        keep(part, lines, options.out)


if __name__ == "__main__":
    main()
