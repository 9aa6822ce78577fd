"""Run the bs-roformer package, in its own environment: run_roformer.py CASES.json FOLDER

Writes FOLDER/NAME.npz for every case: the weights in one array (int8, in 64ths) with their names and shapes, those that
this cannot hold exactly by themselves, the input, and what came out.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from bs_roformer import BSRoformer, MelBandRoformer


def randomise(net, rng):
    """Give every weight a value that int8 can hold in 64ths, of the size that keeps a network alive."""
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.endswith("freqs"):
                continue
            if name.endswith("gamma"):
                drawn = rng.uniform(0.5, 1.5, value.shape)
            else:
                drawn = rng.standard_normal(value.shape) * (1.5 / np.sqrt(value.shape[-1]) if value.ndim == 2 else 0.3)
            value.copy_(torch.from_numpy((np.clip(np.rint(drawn * 64), -127, 127) / 64).astype(np.float32)))


def packed(state):
    """Lay what int8 can hold exactly into one array, with an index of names and shapes."""
    index, values, others = [], [np.zeros(0, np.int8)], {}
    for name, value in state.items():
        array = value.detach().numpy()
        small = np.rint(array * 64)
        if np.abs(small).max(initial=0) <= 127 and np.array_equal(small / 64, array):
            index.append([name, list(array.shape)])
            values.append(small.astype(np.int8).ravel())
        else:
            others[f"weights/{name}"] = array
    return {"index": json.dumps(index), "weights": np.concatenate(values), **others}


def main():
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(json.loads(Path(sys.argv[1]).read_text())):
        rng = np.random.default_rng(number)
        model = {**case["model"], "flash_attn": False, "attn_dropout": 0.0, "ff_dropout": 0.0}
        if "freqs_per_bands" in model:
            model["freqs_per_bands"] = tuple(model["freqs_per_bands"])
        net = {"mel": MelBandRoformer, "bs": BSRoformer}[case["kind"]](**model).eval()
        randomise(net, rng)
        channels = 2 if model["stereo"] else 1
        y = (0.3 * rng.standard_normal((1, channels, case["length"]))).astype(np.float32)
        with torch.no_grad():
            found = net(torch.from_numpy(y)).numpy()
        found = found[:, None] if model.get("num_stems", 1) == 1 else found
        weights = packed(net.state_dict())
        np.savez_compressed(folder / f"{case['name']}.npz", case=json.dumps(case), input=y, output=found, **weights)


main()
