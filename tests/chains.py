"""Random chains of random stages with random options, drawn from the declarations of the stages themselves.

A chain may be refused: then the pipe must refuse it too. What takes long, or is for a command line of its own, is left
out (`SLOW`, and options that stand alone).
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from pathlib import Path

import numpy as np

from audiokit.engine.table import find, stage_names
from audiokit.errors import AudiokitError
from audiokit.io import audio
from tests import signals

RATE = 22_050
#: Texts for options that no type, choice or range explains; None leaves the option out.
TEXTS: dict[str, list[str]] = {
    "split --stem": ["vocals", "accompaniment", "drums", "residual", "harmonic"],
    "split --segment": ["10s", "1s", "30s"],
    "chunk --every": ["0.3s", "0.45", "1s"],
    "chunk --overlap": ["0%", "25%", "0.1s"],
    "chunk --format": ["chunks"],
    "chunk --threshold": ["-30dB", "-50dB"],
    "chunk --min": ["0.2s"],
    "chunk --max": ["0.7s", "2s"],
    "chunk --pause": ["0.05s", "0.2s"],
    "spectro --preset": ["cyclegan-music", "melgan", "nsynth-ri", "gansynth", "vocal-cyclegan"],
    "spectro --kind": ["stft", "magnitude", "mel"],
    "spectro --n-fft": ["256", "512", "1000", "1024", "2048"],
    "spectro --hop": ["100", "128", "256"],
    "spectro --n-mels": ["20", "40", "80", "128"],
    "spectro --fmin": ["0", "50"],
    "spectro --fmax": ["4000", "8000", "11025"],
    "spectro --window": ["hann", "hamming", "blackman", "sqrt-hann", "rect"],
    "spectro --chunk": ["0.3s", "32f", "all", "0.7s"],
    "spectro --overlap": ["0.1s", "8f", "0.25s"],
    "invert --iterations": ["0", "1", "3"],
    "invert --model": ["none"],
    "invert --length": ["0", "1000", "9000"],
    "stylize --model": ["piano-to-vibraphone"],
    "stylize --iterations": ["1", "2"],
    "align-beats --bpm": ["90", "100", "123.5"],
    "align-beats --track-bpm": ["96", "120"],
    "align-beats --beats-out": ["beats.json"],
    "align-beats --tracker": ["audiokit"],
    "morph --curve": ["0,1", "1,0.5,0"],
    "morph --engine": ["transport", "fade"],
    "augment --recipe": ["speech", "music", "notes"],
    "augment --segment": ["0", "1s", "60s"],
    "normalize --range": ["3", "8"],
    "normalize --gain-db": ["-3", "2.5"],
    "denoise --threshold": ["-40", "3"],
    "denoise --engine": ["wiener", "gate", "mask"],
    "generate --pitch": ["A4", "60", "50.5"],
    "generate --velocity": ["40", "100"],
    "generate --seconds": ["0.5", "1s"],
    "generate --rate": ["16000", "44100"],
    "mix --gain": ["-3dB", "0.5", "0dB"],
    "mix --balance": ["0dB", "-3dB"],
    "*.rate": ["16000", "22050", "44100"],
    "*.seed": ["0", "1", "77"],
    "*.source": ["other.wav", "third.wav"],
}
#: Options that ask for a network that is not here, a file, a device, or for several results.
LEFT_OUT = {
    "split": ("--stems", "--model", "--format", "--device", "--quality", "--engine"),
    "spectro": ("--format", "--split", "--split-by", "--shards"),
    "invert": ("--vocoder", "--device"),
    "stylize": ("--device", "--features", "--engine", "--preset"),
    "align-beats": ("--beats", "--picture", "--click", "--reference-out", "--device", "--stems"),
    "augment": ("--copies",),
    "denoise": ("--model", "--device"),
    "morph": ("--model",),
    "chunk": ("--at",),
    "generate": ("--like", "--latent", "--interpolate", "--midi", "--kit", "--nsynth", "--sheet", "--device", "--count",
                 "--model", "--instrument", "--family", "--source", "--qualities", "--steps", "--nearest"),
}  # fmt: skip
SLOW = ("sing",)
#: Without these a stage gives several sounds, which no pipe carries, or says that it has nothing to do.
ALWAYS = {
    "split": [["--engine", "center", "--stem"], ["--engine", "hpss", "--stem"], ["--engine", "repet", "--stem"]],
    "chunk": [["--join"], ["--format", "chunks", "--every"]],
    "align-beats": [["--bpm"], ["--to"]],
    "generate": [["--pitch"]],
}


def draw(rng: np.random.Generator, *, longest: int = 5) -> tuple[list[list[str]], str]:
    """A random chain: its stages as lists of words, and the file that it makes.

    >>> draw(np.random.default_rng(3)) == draw(np.random.default_rng(3))
    True
    """
    names = [name for name in stage_names() if name not in SLOW]
    kind, stages = "nothing" if rng.random() < 0.08 else "audio", []
    for number in range(int(rng.integers(1, longest + 1))):
        fits = [name for name in names if kind in (_kinds(name) or ["nothing"])]
        if kind == "chunks":  # pieces of audio are put together first, and spectra cannot be cut again
            fits = ["chunk"] if stages[-1][0] == "chunk" else ["invert", "stylize"]
        if number == 0 and kind == "nothing":
            fits = ["generate"]
        words = accepted(rng, str(rng.choice(fits)))
        if kind == "chunks" and words[0] == "chunk":
            words = ["chunk", "--join"]
        kind = written(words, kind)
        stages.append(words)
    suffixes = [".chunks", ".tar", ".npy"] if kind == "chunks" else [".wav", ".flac", ".mp3"]
    return stages, "out" + str(rng.choice(suffixes))


def _kinds(name: str) -> list[str]:
    return [flow.kind for flow in find(name).reads]


def written(words: list[str], kind: str) -> str:
    """What a stage makes of what flows in."""
    made = [flow.kind for flow in find(words[0]).writes if flow.kind != "parts"]
    if words[0] == "chunk":
        return "audio" if "--join" in words else "chunks"
    return kind if kind in made else made[0]


def accepted(rng: np.random.Generator, name: str) -> list[str]:
    """One stage whose options mostly make sense together."""
    from audiokit.engine.shell import parse_words

    words = stage(rng, name)
    for _ in range(40):
        try:
            options, _ = parse_words(find(name), words[1:])
            find(name).bind(options)
            return words
        except AudiokitError:
            if rng.random() < 0.02:
                return words
        words = stage(rng, name)
    return words


def stage(rng: np.random.Generator, name: str) -> list[str]:
    """One stage with some of its options."""
    found = find(name)
    declared = {option.flag: option for option in found.options if not getattr(option.about, "hidden", False)}
    words = [name]
    if found.many:
        words += ["other.wav"] + ["third.wav"] * (name == "mix" and rng.random() < 0.3)
    always = ALWAYS.get(name)
    if always:
        first = always[int(rng.integers(len(always)))]
        words += [*first, *([] if first[-1] in ("--join",) else [_text(rng, name, declared[first[-1]])])]
    left = [flag for flag in declared if flag not in words and flag not in LEFT_OUT.get(name, ())]
    for flag in left:
        option = declared[flag]
        if rng.random() > 2 / max(2, len(left)) or getattr(option.about, "alone", False):
            continue
        if option.is_flag:
            no = f"--no-{option.plain.replace('_', '-')}"
            words.append(no if no in (getattr(option.about, "flag", None) or "") else flag)
        else:
            words += [flag, _text(rng, name, option)]
    if name == "mix" and "--gain" in words:
        words += ["--gain", "-6dB"] * (1 + words.count("third.wav"))
    return words


def _text(rng: np.random.Generator, name: str, option) -> str:  # type: ignore[no-untyped-def]
    for key in (f"{name} {option.flag}", f"*.{option.plain}", *(["*.source"] if option.is_source else [])):
        if key in TEXTS:
            return str(rng.choice(TEXTS[key]))
    if option.choices:
        return str(rng.choice(option.choices))
    low, high = getattr(option.about, "min", None), getattr(option.about, "max", None)
    low, high = -20.0 if low is None else low, 20.0 if high is None else high
    whole = float not in option.kinds
    return str(rng.integers(int(low), int(min(high, low + 5)) + 1)) if whole else f"{rng.uniform(low, high):.2f}"


def material(folder: Path, rng: np.random.Generator) -> None:
    """Write the files that chains may read: a song, and two others to mix, match and align with."""
    folder.mkdir(parents=True, exist_ok=True)
    audio.write(folder / "in.wav", signals.plucks(rng, 1.6, RATE, 2), RATE, subtype="PCM_16")
    audio.write(folder / "other.wav", signals.plucks(rng, 1.9, RATE, 1), RATE)
    audio.write(folder / "third.wav", signals.noise(rng, 1.2, 44_100, 0.05), 44_100)


def here(folder: Path, arguments: list[str], data: bytes = b"") -> tuple[int, bytes, str]:
    """Run a command line in this process, with a standard input and outputs of its own.

    Returns:
        (status, standard output, standard error).
    """
    from audiokit.cli import run

    kept, cwd = (sys.stdin, sys.stdout, sys.stderr), os.getcwd()
    out, said = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)))  # type: ignore[arg-type]
    sys.stdout, sys.stderr = out, said
    os.chdir(folder)
    try:
        status = run(arguments)
        out.flush()
        return status, out.buffer.getvalue(), said.getvalue()  # type: ignore[attr-defined]
    finally:
        os.chdir(cwd)
        sys.stdin, sys.stdout, sys.stderr = kept


def text_of(stages: list[list[str]]) -> str:
    """A chain as it is typed."""
    return " | ".join(map(shlex.join, stages))


def through_pipe(folder: Path, stages: list[list[str]], out: str) -> tuple[int, str]:
    """What a shell's pipe makes of a chain, a program after the other; the first that fails ends it."""
    data, source = b"", [] if stages[0][0] == "generate" else ["in.wav"]
    for number, (name, *words) in enumerate(stages):
        target = out if number == len(stages) - 1 else "-"
        status, data, said = here(folder, [name, *source, *words, "-o", target, "--quiet"], data)
        if status:
            return status, said
        source = ["-"]
    return 0, ""


def through_run(folder: Path, stages: list[list[str]], out: str) -> tuple[int, str]:
    """What `audiokit run` makes of it."""
    source = [] if stages[0][0] == "generate" else ["in.wav"]
    status, _, said = here(folder, ["run", text_of(stages), *source, "-o", out, "--quiet"])
    return status, said


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
