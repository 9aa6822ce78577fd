"""Neural vocoders: what MelGAN, HiFi-GAN and Vocos share.

A vocoder turns mel frames of one front-end into audio. Weight norm is folded into plain weights when a checkpoint is
read. Long spectra go through in segments that carry as many frames of context as the network sees, so that the
result does not depend on the segments.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audiokit.dsp.spectrum.presets import find_preset
from audiokit.errors import DamagedError
from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of


class Vocoder(nn.Module):
    """What every vocoder offers.

    Attributes:
        hop: samples per frame.
        context: frames on either side that a frame of audio depends on, at most.
        settings: arguments that rebuild the network.
    """

    hop: int
    context: int
    settings: dict[str, Any]

    def graphs(self) -> dict[str, Graph]:
        """What is exported: mel frames to audio, a clip of at least four frames."""
        mel = Port(("batch", self.settings["n_mels"], "frames"), "mel frames as the front-end says", -4, 1)
        audio = Port(("batch", 1, "samples"), f"audio, {self.hop} samples per frame", -1, 1)
        facts = {"hop": self.hop, "context": self.context}

        def function(mel: Tensor) -> Tensor:
            # In PyTorch as fast as it can, which may be in operations that ONNX does not have.
            return self.exported(mel) if torch.onnx.is_in_onnx_export() else self(mel)

        return {MAIN: Graph(function, {"mel": mel}, {"audio": audio}, sizes_of("frames", 24, 9, 40), facts)}

    def exported(self, mel: Tensor) -> Tensor:
        """Do what `forward` does, in operations that ONNX has."""
        return self(mel)

    def forward(self, mel: Tensor) -> Tensor:
        """Turn mel frames (B, n_mels, N) into audio (B, 1, N * hop)."""
        raise NotImplementedError


def fold_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace weight-normalised pairs by plain weights, old (`weight_g`, `weight_v`) and new style alike.

    References:
        Salimans, Kingma (2016), Weight normalization, equation 2.

    >>> import torch
    >>> v = torch.tensor([[3.0, 4.0]])
    >>> fold_weight_norm({"conv.weight_g": torch.tensor([[10.0]]), "conv.weight_v": v})["conv.weight"].tolist()
    [[6.0, 8.0]]
    """
    styles = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))
    folded = dict(state)
    for scale, direction in styles:
        for key in [key for key in state if key.endswith(scale)]:
            stem = key.removesuffix(scale)
            g, v = folded.pop(key), folded.pop(stem + direction)
            norm = v.double().flatten(1).norm(dim=1).reshape(-1, *[1] * (v.ndim - 1))
            folded[stem + ".weight"] = (v.double() * (g.double() / norm)).float()
    return folded


def read_settings(path: Path) -> dict[str, Any]:
    """Read the plain numbers of a JSON or YAML configuration without executing anything.

    Tags such as `!!python/object` are skipped; of YAML only `name: value` pairs with numbers, words and flat lists
    are understood, wherever they stand.

    >>> path = getfixture("tmp_path") / "args.yml"
    >>> _ = path.write_text("!!python/object:argparse.Namespace\\nngf: 32\\nratios: [8, 8]\\nsave: null\\n")
    >>> read_settings(path)
    {'ngf': 32, 'ratios': [8, 8], 'save': None}
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise DamagedError(f"{path}: not readable as JSON ({error})") from None
    found: dict[str, Any] = {}
    for name, value in re.findall(r"(?<![\w!/.:])([A-Za-z_]\w*):[ \t]*(\[[^\]]*\]|[^\s,{}\[\]]+)", text):
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def beside(source: str | os.PathLike[str], *names: str) -> dict[str, Any]:
    """Read the first configuration file of these names that lies beside a checkpoint; {} if there is none."""
    for name in names:
        path = Path(source).parent / name
        if path.exists():
            return read_settings(path)
    return {}


def unwrapped(source: str | os.PathLike[str], *wrappers: str) -> dict[str, Tensor]:
    """Read a checkpoint's generator, whatever it is wrapped in, with weight norm folded.

    Raises:
        InputError, ModelError: as `audiokit.models.folder.checkpoint.read_state_dict`.
    """
    from audiokit.models.folder.checkpoint import read_state_dict

    state = read_state_dict(source)
    for prefix in wrappers:
        inner = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        state = inner or state
    return fold_weight_norm(state)


def card_of(network: Vocoder, *, architecture: str, preset: str, source: str | os.PathLike[str], **changes: Any):
    """Describe an imported vocoder: its network, and the front-end of a preset, with the checkpoint's own numbers."""
    transform = find_preset(preset).transform(preset)
    values = {**transform.to_dict(), **{key: value for key, value in changes.items() if value is not None}}
    return {
        "architecture": architecture,
        "settings": network.settings,
        "kind": "vocoder",
        "frontend": {**values, "preset": preset},
        "source": Path(source).name,
    }
