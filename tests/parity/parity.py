"""Compare audiokit with the real spleeter package on full-size checkpoints of random numbers.

    python tests/parity/parity.py [--python PYTHON] [--work FOLDER]

Exits with 1 if any difference is less than 60 dB below the signal.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
#: Name of the package's configuration, stems, Wiener filter, bins.
CASES = (
    ("2stems", 2, False, 1024),
    ("2stems", 2, True, 1024),
    ("2stems-16kHz", 2, False, 1536),
    ("4stems", 4, False, 1024),
)
RATE, SECONDS = 44_100, 15


def environment(work: Path) -> str:
    """Make the package's environment, or find it."""
    python = work / "venv" / "bin" / "python"
    if not python.exists():
        base = next((p for p in ("python3.11", "python3.10", "python3.9") if _works(p)), None)
        if base is None:
            sys.exit("parity: spleeter needs Python 3.8 to 3.11, none is here")
        subprocess.run([base, "-m", "venv", str(work / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "spleeter==2.4.2"], check=True)
    return str(python)


def _works(python: str) -> bool:
    try:
        return subprocess.run([python, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def random_model(folder: Path, stems: int, bins: int) -> None:
    """Write a full-size model whose normalisations are far from trivial."""
    import torch

    from audiokit.models.folder import checkpoint
    from audiokit.models.separation.spleeter_unet import STEMS, SpleeterUnet

    torch.manual_seed(stems)
    net = SpleeterUnet(stems=STEMS[stems], elu=stems > 2, softmax=stems == 5, bins=bins)
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand_like(value) + 0.05)
        elif "norm" in name and value.is_floating_point():
            value.add_(0.2 * torch.randn_like(value))
    card = {"architecture": "spleeter-unet", "settings": net.settings, "kind": "split", "labels": list(STEMS[stems])}
    checkpoint.save(folder, net, card)


def clip() -> np.ndarray:
    """Make something loud and quiet, tonal and noisy, stereo."""
    rng = np.random.default_rng(1)
    t = np.arange(RATE * SECONDS) / RATE
    y = sum(
        rng.uniform(0.02, 0.1, (2, 1)) * np.sin(2 * np.pi * 110 * k * t + rng.uniform(0, 6, (2, 1)))
        for k in range(1, 12)
    )
    return ((y + 0.1 * rng.standard_normal((2, t.size))) * (0.5 + 0.5 * np.sin(t))).astype(np.float32)


def main() -> None:
    """Run every case and print the agreement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=None)
    parser.add_argument("--work", type=Path, default=Path("runs/parity"))
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    python = options.python or environment(work)

    from audiokit.io.audio import write
    from audiokit.models.folder import checkpoint
    from audiokit.models.folder.importers import import_checkpoint
    from audiokit.stages.split import split

    y = clip()
    write(work / "clip.wav", y, RATE, subtype="FLOAT", force=True)
    env = {**os.environ, "MODEL_PATH": str(work / "pretrained_models"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    worst = np.inf
    for config, stems, mwf, bins in CASES:
        made = work / "pretrained_models" / f"{stems}stems"
        if not (made / ".probe").exists():
            random_model(work / "random", stems, bins)
            subprocess.run(
                [sys.executable, str(HERE / "variables.py"), str(work / "random"), str(work / "v.npz")], check=True
            )
            subprocess.run(
                [python, str(HERE / "write_checkpoint.py"), str(work / "v.npz"), str(made)], check=True, env=env
            )
        mine = work / f"model-{stems}-{bins}"
        checkpoint.save(mine, *import_checkpoint("spleeter", made, {"bins": bins}))
        command = [python, str(HERE / "run_spleeter.py"), config, str(work / "clip.wav"), str(work / "theirs.npz")]
        subprocess.run([*command, "--mwf"] if mwf else command, check=True, env=env)
        theirs = np.load(work / "theirs.npz")
        for stem, found in split(y, RATE, model=str(mine), compat=True, mwf=mwf).items():
            error = np.sum((found.T - theirs[stem]) ** 2, dtype=np.float64)
            agreement = 10 * np.log10(np.sum(theirs[stem] ** 2, dtype=np.float64) / max(error, 1e-30))
            worst = min(worst, agreement)
            print(f"{config:14} {'mwf' if mwf else '':4} {stem:14} {agreement:7.1f} dB", flush=True)
    # The program itself as an engine: what it writes has 16 bits.
    os.environ |= {"MODEL_PATH": env["MODEL_PATH"], "AUDIOKIT_SPLEETER": str(Path(python).with_name("spleeter"))}
    native = split(y, RATE, model=str(work / "model-2-1024"), compat=True)
    for stem, found in split(y, RATE, engine="spleeter-package").items():
        error = np.sum((found - native[stem]) ** 2, dtype=np.float64)
        agreement = 10 * np.log10(np.sum(native[stem] ** 2, dtype=np.float64) / max(error, 1e-30))
        worst = min(worst, agreement)
        print(f"{'its program':14} {'':4} {stem:14} {agreement:7.1f} dB", flush=True)
    print(f"worst agreement {worst:.1f} dB")
    sys.exit(int(worst < 60))


if __name__ == "__main__":
    main()
