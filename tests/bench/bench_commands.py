"""Each command beside what a user would otherwise run, on the same file in the same run: speed and peak memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import PROGRAM, have, measure, publish, table
from tests.conftest import ROOT

SECONDS = 60
SCRIPTS = {
    "librosa stft": "y, r = librosa.load('song.wav', sr=None, mono=False)\nnp.save('o.npy', librosa.stft(y))",
    "librosa griffinlim": "S = np.exp(np.load('mag.npy'))\n"
    "y = librosa.griffinlim(S, n_iter=32, hop_length=512)\nsf.write('o.wav', y.T, 44100)",
    "librosa beat_track + time_stretch": "y, r = librosa.load('song.wav', sr=None, mono=False)\n"
    "t, b = librosa.beat.beat_track(y=y.mean(0), sr=r)\n"
    "sf.write('o.wav', librosa.effects.time_stretch(y, rate=120 / float(np.ravel(t)[0])).T, r)",
    "noisereduce": "import noisereduce\ny, r = sf.read('song.wav')\n"
    "sf.write('o.wav', noisereduce.reduce_noise(y=y.T, sr=r).T, r)",
    "audiomentations": "import audiomentations as A\ny, r = sf.read('song.wav', dtype='float32')\n"
    "a = A.Compose([A.AddGaussianSNR(p=1.0), A.Gain(p=1.0), A.PitchShift(p=1.0)])\nsf.write('o.wav', a(y.T, r).T, r)",
}
FFMPEG = ["ffmpeg", "-y", "-v", "error", "-i", "song.wav"]
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
        [("sox -m", ["sox", "-m", "song.wav", "other.wav", "x.wav"])],
    ),
    "chunk": (
        ["chunk", "song.wav", "-o", "c/", "--every", "6s"],
        [("ffmpeg -f segment", [*FFMPEG, "-f", "segment", "-segment_time", "6", "-c", "copy", "seg%03d.wav"])],
    ),
    "augment": (["augment", "song.wav", "-o", "a.wav", "--recipe", "music"], [("audiomentations", [])]),
    "denoise": (["denoise", "song.wav", "-o", "d.wav", "--engine", "wiener"], [("noisereduce", [])]),
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
    "generate": (["generate", "--pitch", "C3", "--seconds", str(SECONDS), "-o", "g.wav"], []),
    "score": (["score", "song.wav", "--ref", "other.wav"], []),
    "page": (["page", "made/trio", "-o", "p.html"], []),
    "info --check": (["info", "song.wav", "--check"], [("ffmpeg -f null", [*FFMPEG, "-f", "null", "-"])]),
}


def _script(name: str) -> list[str]:
    needed = ["numpy as np", "soundfile as sf", *(["librosa"] if "librosa" in SCRIPTS[name] else [])]
    return [sys.executable, "-W", "ignore", "-c", f"import {', '.join(needed)}\n{SCRIPTS[name]}"]


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maker = ROOT / "examples/songs/make_songs.py"
        subprocess.run([sys.executable, maker, folder / "made", "--seconds", str(SECONDS)], check=True)
        for target, source in {"song": "pop/mixture", "other": "trio/mixture", "voice": "pop/vocals"}.items():
            (folder / f"{target}.wav").write_bytes((folder / f"made/{source}.wav").read_bytes())
        subprocess.run(
            [*PROGRAM, "spectro", "song.wav", "--kind", "magnitude", "-o", "mag.npy"], cwd=folder, check=True
        )
        for command, (line, others) in CASES.items():
            try:
                ours = measure([*PROGRAM, *line, *(["-q"] if line[0] != "info" else [])], cwd=folder)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                continue
            rows.append([f"**`{command}`**", f"{SECONDS / ours.seconds:.1f}x", f"{ours.peak_mb:.0f} MB", ""])
            for label, other in others:
                if other and not have(other[0]):
                    continue
                theirs = measure(other or _script(label), cwd=folder)
                verdict = f"audiokit is {theirs.seconds / ours.seconds:.1f}x as fast"
                rows.append([f"{label}", f"{SECONDS / theirs.seconds:.1f}x", f"{theirs.peak_mb:.0f} MB", verdict])
    header = [f"one minute of stereo, start included ({SECONDS} s)", "x real time", "peak memory", ""]
    publish("commands", table(header, rows))


if __name__ == "__main__":
    main()
