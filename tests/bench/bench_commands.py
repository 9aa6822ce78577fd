"""Each command beside what a user would otherwise run, on the same file in the same run: speed and peak memory.

    python -m tests.bench.bench_commands [--seconds 60 600] [--only mix chunk] [--but sing] [--repeats 1]

A command is kept as soon as it is
measured: a run that was stopped goes on, and --only repeats single ones.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.bench_networks import PEER
from tests.bench.measure import PROGRAM, Rows, apart, have, measure, publish, table
from tests.conftest import ROOT

#: Length of the input in seconds -> name of the table.
NAMES = {60: "commands", 600: "commands-long"}
#: What every command does at least: read the file and write one, by libsndfile alone.
FLOOR = "libsndfile alone: read, write"
SCRIPTS = {
    FLOOR: "with sf.SoundFile('song.wav') as a, sf.SoundFile('o.wav', 'w', a.samplerate, a.channels, 'PCM_16') as b:\n"
    " while len(y := a.read(1 << 16, dtype='float32')): b.write(y)",
    "librosa stft": "y, r = librosa.load('song.wav', sr=None, mono=False)\nnp.save('o.npy', librosa.stft(y))",
    "librosa griffinlim": "S = np.exp(np.load('mag.npy'))\n"
    "y = librosa.griffinlim(S, n_iter=32, hop_length=512)\nsf.write('o.wav', y.T, 44100)",
    "librosa beat_track + time_stretch": "y, r = librosa.load('song.wav', sr=None, mono=False)\n"
    "t, b = librosa.beat.beat_track(y=y.mean(0), sr=r)\n"
    "sf.write('o.wav', librosa.effects.time_stretch(y, rate=120 / float(np.ravel(t)[0])).T, r)",
    "noisereduce": "import noisereduce\ny, r = sf.read('song.wav')\n"
    "sf.write('o.wav', noisereduce.reduce_noise(y=y.T, sr=r).T, r)",
    "audiomentations": "import random, tomllib, audiomentations as A\n"
    "from audiokit.dsp.effects.augment import derive_seed, seeded\n"
    "y, r = sf.read('song.wav', dtype='float32')\ny = y.T.copy()\n"
    "for k, e in enumerate(tomllib.loads(open('music.toml').read())['effect']):\n"
    "    use = e.pop('use')\n"
    "    with seeded(derive_seed(derive_seed(SEED, 'song.wav', 0, 0), k, use)): y = getattr(A, use)(**e)(y, r)\n"
    "sf.write('o.wav', y.T, r)",
}
FFMPEG = ["ffmpeg", "-y", "-v", "error", "-i", "song.wav"]
SEGMENT = [*FFMPEG, "-f", "segment", "-segment_time", "6", "-c", "copy", "seg%03d.wav"]
LOUDNORM = (
    f"{' '.join(FFMPEG)} -af loudnorm=print_format=json -f null - && "
    f"{' '.join(FFMPEG)} -af loudnorm=I=-14 -ar 44100 f.wav"
)
#: Command -> (our line, [(what a user would otherwise run, its line or script)]).
CASES: dict[str, tuple[list[str], list[tuple[str, list[str]]]]] = {
    "spectro": (["spectro", "song.wav", "-o", "s.npy"], [("librosa stft", [])]),
    "invert (phase retrieval)": (["invert", "mag.npy", "-o", "i.wav"], [("librosa griffinlim", [])]),
    "normalize": (
        ["normalize", "song.wav", "-o", "n.wav"],
        [("ffmpeg loudnorm, two passes", ["bash", "-c", LOUDNORM])],
    ),
    "mix": (
        ["mix", "song.wav", "other.wav", "-o", "m.wav"],
        [("sox -m", ["sox", "-m", "song.wav", "other.wav", "x.wav"]), (FLOOR, [])],
    ),
    "chunk": (
        ["chunk", "song.wav", "-o", "c/", "--every", "6s"],
        [
            ("ffmpeg -f segment", [*FFMPEG, "-f", "segment", "-segment_time", "6", "-c", "copy", "seg%03d.wav"]),
            (FLOOR, []),
        ],
    ),
    "augment": (
        ["augment", "song.wav", "-o", "a.wav", "--recipe", "music", "--seed", "SEED"],
        [("audiomentations", [])],
    ),
    "denoise": (["denoise", "song.wav", "-o", "d.wav", "--engine", "wiener"], [("noisereduce", [])]),
    "denoise --engine neural": (
        ["denoise", "talk.wav", "-o", "t.wav", "--engine", "neural"],
        [("GTCRN in PyTorch", [sys.executable, "-c", PEER, "talk.wav", "o.wav"])],
    ),
    "align-beats": (
        ["align-beats", "song.wav", "--bpm", "120", "-o", "b.wav"],
        [("librosa beat_track + time_stretch", [])],
    ),
    "split": (["split", "song.wav", "-o", "stems/"], []),
    "stylize": (["stylize", "song.wav", "-o", "y.wav"], []),
    "sing": (["sing", "voice.wav", "--over", "song.wav", "-o", "v.wav"], []),
    "morph": (
        ["morph", "song.wav", "other.wav", "--engine", "transport", "-o", "w.wav"],
        [("sox -m, which only mixes", ["sox", "-m", "-v", "0.5", "song.wav", "-v", "0.5", "other.wav", "f.wav"])],
    ),
    "generate": (["generate", "--pitch", "C3", "--seconds", "SECONDS", "-o", "g.wav"], []),
    "score": (["score", "song.wav", "--ref", "other.wav"], []),
    "page": (["page", "made/trio", "-o", "p.html"], []),
    "info --check": (["info", "song.wav", "--check"], [("ffmpeg -f null", [*FFMPEG, "-f", "null", "-"])]),
}


#: A seed with which the recipe shifts the pitch, which costs most of all its effects.
SEED = 1


def _script(name: str) -> list[str]:
    needed = ["numpy as np", "soundfile as sf", *(["librosa"] if "librosa" in SCRIPTS[name] else [])]
    body = SCRIPTS[name].replace("SEED", str(SEED))
    return [sys.executable, "-W", "ignore", "-c", f"import {', '.join(needed)}\n{body}"]


def main() -> None:
    """Measure, print and keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--only", nargs="+", choices=CASES, default=[])
    parser.add_argument("--but", nargs="+", choices=CASES, default=[], help="leave out, such as what takes long")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for seconds in options.seconds:
        rows = Rows(NAMES[seconds], anew=options.only)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            apart("tests.bench.bench_commands", "make", folder, seconds)
            for command in options.only or [c for c in CASES if c not in options.but]:
                if not rows.of(command):
                    try:
                        rows.of(command)["found"] = measured(command, folder, seconds, options.repeats)
                    except RuntimeError as error:
                        print(error, file=sys.stderr)
                    rows.save()
        header = [f"{seconds} s of stereo, start included", "processor s", "wall s", "peak memory", "processor time"]
        lines = [line for command in CASES for line in written(command, rows.of(command).get("found", []))]
        publish(NAMES[seconds], table(header, lines))
        rows.save(finished=True)


def measured(command: str, folder: Path, seconds: int, repeats: int) -> list[list]:
    """A command, then what stands beside it: (what, processor s, wall s, MB)."""
    line, others = CASES[command]
    line = [part.replace("SECONDS", str(seconds)).replace("SEED", str(SEED)) for part in line]
    quiet = ["-q"] if line[0] != "info" else []
    found = []
    for label, run in [
        (command, [*PROGRAM, *line, *quiet]),
        *((label, run or _script(label)) for label, run in others),
    ]:
        if label == command or have(run[0]):
            m = measure(run, cwd=folder, repeats=repeats)
            print(command, label, f"{m.processor:.2f} s", file=sys.stderr, flush=True)
            found.append([label, m.processor, m.seconds, m.peak_mb])
    return found


def written(command: str, found: list[list]) -> list[list[object]]:
    """The rows of a command."""
    rows: list[list[object]] = []
    for label, processor, seconds, peak in found:
        times = processor / found[0][1]
        said = f"audiokit takes {1 / times:.1f}x as long" if label == FLOOR else f"audiokit is {times:.2f}x as fast"
        name, verdict = (f"**`{command}`**", "") if not rows else (label, said)
        rows.append([name, processor, seconds, f"{peak:.0f} MB", verdict])
    return rows


def make(where: str, seconds: int) -> None:
    """Write songs, a voice and a magnitude of so many seconds into a folder."""
    import numpy as np
    import soundfile

    from audiokit.io import audio
    from tests import signals

    folder = Path(where)
    rng = np.random.default_rng(0)
    talk = signals.syllables(rng, seconds, 16_000)[:, : seconds * 16_000]
    audio.write(folder / "talk.wav", talk + signals.noise(rng, seconds, 16_000, 0.02), 16_000)
    maker = ROOT / "examples/songs/make_songs.py"
    subprocess.run([sys.executable, maker, folder / "made", "--seconds", str(min(60, seconds))], check=True)
    for target, source in {"song": "pop/mixture", "other": "trio/mixture", "voice": "pop/vocals"}.items():
        y, rate = soundfile.read(folder / f"made/{source}.wav", dtype="int16", always_2d=True)
        whole = np.tile(y, (-(-seconds * rate // len(y)), 1))[: seconds * rate]
        soundfile.write(folder / f"{target}.wav", whole, rate, subtype="PCM_16")
    (folder / "music.toml").write_bytes((ROOT / "audiokit/stages/augment/recipes/music.toml").read_bytes())
    measure([*PROGRAM, "spectro", "song.wav", "--kind", "magnitude", "-o", "mag.npy"], cwd=folder)


if __name__ == "__main__":
    main()
