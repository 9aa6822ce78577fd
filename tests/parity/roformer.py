"""Compare the RoFormers with the bs-roformer package (0.4.0, the layout of the public checkpoints) on random weights.

    python -m tests.parity.roformer [--python PYTHON] [--work FOLDER] [--golden]

The package's checkpoint is imported as a downloaded one would be, and both separate the same audio. Exits with 1 if
any sample differs by more than 1e-4. `--golden` writes the small files that the tests check
(tests/models/separation/golden) instead.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.roformer_cases import CASES, GOLDEN

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / "models" / "separation" / "golden"
PACKAGES = ("torch", "numpy<3", "librosa", "bs-roformer==0.4.0", "packaging")
TOLERANCE = 1e-4


def environment(work: Path) -> str:
    """Make the package's environment, or find it."""
    python = work / "venv-roformer" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        constraints = HERE.parents[1] / "constraints.txt"
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-c", str(constraints), *PACKAGES], check=True)
    return str(python)


def import_case(data: Any, folder: Path) -> Any:
    """Write a case's checkpoint and YAML as the training code leaves them, and import them.

    Args:
        data: what run_roformer.py wrote.
        folder: for the two files.

    Returns:
        The network.
    """
    import torch
    import yaml

    from audiokit.models.folder.importers import import_checkpoint

    case = json.loads(str(data["case"]))
    model = {key: tuple(value) if isinstance(value, list) else value for key, value in case["model"].items()}
    count = model.get("num_stems", 1)
    training = {"instruments": ["drums", "bass", "vocals", "other"][:count], "target_instrument": None}
    if count == 1:
        training = {"instruments": ["vocals", "other"], "target_instrument": "vocals"}
    state = {name.removeprefix("weights/"): torch.from_numpy(data[name]) for name in data.files if "/" in name}
    values, at = data["weights"].astype(np.float32) / 64, 0
    for name, shape in json.loads(str(data["index"])):
        size = int(np.prod(shape))
        state[name] = torch.from_numpy(values[at : at + size].reshape(shape))
        at += size
    source = folder / f"{case['name']}.ckpt"
    torch.save({"state_dict": state, "epoch": 3}, source)
    about = {"audio": {"chunk_size": 4000}, "model": model, "training": training}
    source.with_suffix(".yaml").write_text(yaml.dump(about))  # writes tuples as !!python/tuple
    return import_checkpoint("roformer", source)[0]


def difference(data: Any, network: Any) -> tuple[float, float]:
    """Separate a case's input; the largest difference from what the package found, and the largest sample."""
    import torch

    with torch.inference_mode():
        found = network(torch.from_numpy(data["input"])).numpy()
    wanted = data["output"]  # ends with the last whole step
    return float(np.abs(found[..., : wanted.shape[-1]] - wanted).max()), float(np.abs(wanted).max())


def main() -> None:
    """Run every case and print the agreement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=None)
    parser.add_argument("--work", type=Path, default=Path("runs/parity"))
    parser.add_argument("--golden", action="store_true")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    python = options.python or environment(work)
    cases, folder = (GOLDEN, KEPT) if options.golden else (CASES, work / "roformer")
    (work / "roformer.json").write_text(json.dumps(cases))
    subprocess.run([python, str(HERE / "run_roformer.py"), str(work / "roformer.json"), str(folder)], check=True)
    worst = 0.0
    for case in cases:
        with np.load(folder / f"{case['name']}.npz") as data:
            error, peak = difference(data, import_case(data, work))
        worst = max(worst, error)
        print(f"{case['name']:16} largest sample {peak:7.3f}, largest difference {error:.1e}", flush=True)
    print(f"worst difference {worst:.1e}, allowed {TOLERANCE:.0e}")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
