"""How well, how fast and in how much memory `split` works, beside what you would otherwise use.

    python -m tests.bench.bench_split                             everything, kept in results/split.md
    python tests/bench/bench_split.py quality SONG... [--museval] [--engines a,b,...]
    python tests/bench/bench_split.py segments
    python tests/bench/bench_split.py speed --spleeter PYTHON     (a Python that has the spleeter package)

A SONG is a folder of true stems (vocals and others). `speed` writes a full-size Spleeter checkpoint of random numbers
and gives it to both programs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audiokit.io.audio import Writer, read, write

RATE = 44_100


def si_sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Le Roux et al. (2019), over both channels."""
    x, y = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    target = x * (x @ y) / (x @ x + 1e-12)
    return 10 * np.log10((target @ target + 1e-12) / (np.sum((y - target) ** 2) + 1e-12))


def sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """museval's SDR: median over frames of one second."""
    import warnings

    import museval

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sdr, *_ = museval.evaluate(reference.T[None], estimate.T[None], win=RATE, hop=RATE)
    return float(np.nanmedian(sdr))


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
    """Separate a mix by one method."""
    from audiokit.models.separator import split

    if engine == "nothing":
        return {"vocals": mix, "accompaniment": mix}
    if engine.startswith("model:"):
        return split(mix, RATE, model=engine.removeprefix("model:"))
    found = split(mix, RATE, engine="auto" if engine == "default" else engine)
    if engine == "hpss":  # the usual reading of it: a voice is harmonic
        return {"vocals": found["harmonic"], "accompaniment": found["percussive"]}
    return found


def say(lines: list[str]) -> list[str]:
    """Print lines and hand them on."""
    print("\n".join(lines), flush=True)
    return [*lines, ""]


def quality(songs: list[Path], engines: list[str], museval: bool) -> list[str]:
    """Make a table: methods by rows, means over songs by columns."""
    table: dict[str, list[list[float]]] = {engine: [] for engine in engines}
    for folder in songs:
        truth = load_song(folder)
        mix = truth["vocals"] + truth["accompaniment"]
        for engine in engines:
            found = estimates(mix, engine)
            row = []
            for stem in ("vocals", "accompaniment"):
                row.append(si_sdr_db(truth[stem], found[stem]))
                if museval:
                    row.append(sdr_db(truth[stem], found[stem]))
            table[engine].append(row)
            print(f"{folder.name:16} {engine:14}", " ".join(f"{value:7.2f}" for value in row), flush=True)
    head = ["voc SI-SDR", "voc SDR", "acc SI-SDR", "acc SDR"] if museval else ["voc SI-SDR", "acc SI-SDR"]
    lines = [f"| mean of {len(songs)} songs, dB | {' | '.join(head)} |", f"|---|{'---|' * len(head)}"]
    for engine in engines:
        mean = np.nanmean(np.array(table[engine]), axis=0)
        lines.append(f"| {engine} | {' | '.join(f'{value:.2f}' for value in mean)} |")
    return say(lines)


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
    from audiokit.models.separator import split

    mix = made_up_song(75)
    lines = ["| model | segments of | difference from segments of 60 s, dB |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        spleeter = random_model(Path(folder))
        for name, model in (("built-in", None), ("spleeter-unet", spleeter)):
            base = split(mix, RATE, model=model, segment_s=60)
            for length in (12, 30):
                other = split(mix, RATE, model=model, segment_s=length)
                worst = max(
                    10 * np.log10((np.sum((base[s] - other[s]) ** 2) + 1e-30) / np.sum(base[s] ** 2)) for s in base
                )
                lines.append(f"| {name} | {length} s | {worst:.1f} |")
    return say(lines)


def memory() -> list[str]:
    """Measure the peak memory of the built-in model on short and long audio."""
    lines = ["| length | peak memory, MB |", "|---|---|"]
    minute = made_up_song(60)
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (3, 60):
            song = f"{folder}/{minutes}.wav"
            with Writer(song, RATE, 2, subtype="PCM_16") as writer:
                for _ in range(minutes):
                    writer.write(minute)
            command = [sys.executable, "-m", "audiokit", "split", song, "-o", f"{folder}/out/", "--quiet"]
            lines.append(f"| {minutes} minutes | {timed(command)[2]:.0f} |")
    return say(lines)


def random_model(folder: Path) -> str:
    """Write a full-size Spleeter model of random numbers."""
    import torch

    from audiokit.models import checkpoint
    from audiokit.models.spleeter_unet import SpleeterUnet

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


def speed(spleeter: str | None, minutes: float) -> list[str]:
    """Measure wall time and memory of both programs, for one file and for the second of two."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(2):
            write(folder / f"song{number}.wav", made_up_song(60 * minutes), RATE, subtype="PCM_16")
        one, two = str(folder / "song0.wav"), str(folder / "song1.wav")
        model = random_model(folder)
        rows: list[tuple[str, float, float, float, float]] = []
        program = [sys.executable, "-m", "audiokit", "split", "--quiet", "--json", "--force", "-o", f"{folder}/out/"]
        for label, extra in (
            ("audiokit, seam-free", ["--model", model]),
            ("audiokit, --compat", ["--model", model, "--compat"]),
            ("audiokit, built-in model", []),
        ):
            cold, work, memory = timed([*program, *extra, one])
            both = subprocess.run([*program, *extra, one, two], capture_output=True, check=True)
            warm = json.loads(both.stdout.splitlines()[-1])["elapsed_s"]
            rows.append((label, cold, work, warm, memory))
            print(
                label,
                f"cold {cold:.1f} s, processor {work:.1f} s, second file {warm:.1f} s, {memory:.0f} MB",
                flush=True,
            )
        if spleeter:
            rows.append(("spleeter 2.4.2", *spleeter_speed(spleeter, folder, model, one)))
    lines = [f"| {minutes:g} min, 2 stems | cold s | processor s | second file s | peak MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {cold:.1f} | {work:.1f} | {warm:.1f} | {peak:.0f} |" for name, cold, work, warm, peak in rows
    ]
    return say(lines)


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


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["all", "quality", "segments", "memory", "speed"], nargs="?", default="all")
    parser.add_argument("songs", nargs="*", type=Path)
    parser.add_argument("--engines", default="default,repet,hpss,center,nothing")
    parser.add_argument("--museval", action="store_true")
    parser.add_argument("--spleeter", default=None)
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    if options.what == "all":
        everything()
    elif options.what == "quality":
        quality(options.songs, options.engines.split(","), options.museval)
    elif options.what == "speed":
        speed(options.spleeter, options.minutes)
    else:
        {"segments": segments, "memory": memory}[options.what]()


def everything() -> None:
    """Measure all there is material for, and keep the tables."""
    root = Path(__file__).resolve().parents[2]
    excerpts = root.parent / "shared" / "audio" / "stems" / "everythingisremixed"
    songs = sorted(path for path in excerpts.glob("*") if path.is_dir())
    engines = ["default", "repet", "hpss", "center", "nothing"]
    lines = quality(songs, engines, museval=True) if songs else []
    lines += memory() + segments()
    package = root / "runs" / "parity" / "venv" / "bin" / "python"
    lines += speed(str(package) if package.exists() else None, 3.0)
    (Path(__file__).parent / "results" / "split.md").write_text("\n".join(lines).strip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
