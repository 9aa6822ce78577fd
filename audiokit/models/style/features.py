"""Features whose statistics are a style: convolutions with random weights, or MelGAN's discriminator.

What a sound is made of, apart from when it happens, is in the correlations between features over time, the Gram
matrices. Weights need not be trained for that.

References:
    Gatys, Ecker and Bethge (2016), Image style transfer using convolutional neural networks, eq. 3.
    Ulyanov and Lebedev (2016), Audio texture synthesis and style transfer (random weights, one wide layer).
    Grinstein, Duong, Ozerov and Perez (2018), Audio style transfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.dsp.spectrum.style import StyleFrontend, standard_frontend
from audiokit.models.folder.recognise import not_a

#: dB below its own mean power that a sound is looked at.
DEPTH_DB = 60.0


class Features(nn.Module):
    """What an optimisation looks at.

    Attributes:
        frontend: the pictures that it reads.
    """

    frontend: StyleFrontend

    def forward(self, x: Tensor, mean_db: Tensor, phase: Tensor | None = None) -> list[Tensor]:
        """Give feature maps [(C, N), ...] of a picture (bins, N).

        Args:
            x: picture in dB below its peak.
            mean_db: level that counts as 0 dB.
            phase: of every bin, for features of the waveform.
        """
        raise NotImplementedError

    def phase(self, x: Tensor) -> Tensor | None:
        """Find phases for a picture (bins, N), where the features need them."""
        return None


class RandomFeatures(Features):
    """Two layers side by side, over 3 frames and over 11, with all bands as channels; weights are drawn.

    >>> features = RandomFeatures(seed=1, count=8)
    >>> [f.shape for f in features(torch.zeros(128, 50), torch.tensor(-30.0))]
    [torch.Size([8, 50]), torch.Size([8, 50])]
    """

    def __init__(self, *, seed: int = 0, count: int = 256, frames: int = 512) -> None:
        super().__init__()
        self.frontend = standard_frontend(frames=frames)
        generator = torch.Generator().manual_seed(seed)
        for name, kernel in (("short", 3), ("long", 11)):
            weight = torch.randn(count, self.frontend.bins, kernel, generator=generator)
            self.register_buffer(name, weight / (self.frontend.bins * kernel) ** 0.5)

    def forward(self, x: Tensor, mean_db: Tensor, phase: Tensor | None = None) -> list[Tensor]:
        """Give two feature maps (count, N) of a picture (128, N) in dB."""
        loud = functional.relu((x - mean_db) / DEPTH_DB + 1.0)[None]
        return [
            functional.relu(functional.conv1d(loud, weight, padding=weight.shape[2] // 2))[0]
            for weight in (self.get_buffer("short"), self.get_buffer("long"))
        ]


class WaveFeatures(Features):
    """The strided layers of MelGAN's discriminator at its scales, less what they answer to silence.

    Args:
        network: a `audiokit.models.vocoders.wave_discriminators.MelganDiscriminator`.
    """

    def __init__(self, network: nn.Module, *, frames: int = 256) -> None:
        super().__init__()
        self.network, self.frontend = (
            network.requires_grad_(False),
            standard_frontend(preset="linear-music", frames=frames),
        )
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(self.frontend.transform.n_fft))
        with torch.no_grad():
            # Biases would be most of every correlation otherwise.
            self.silence = [f[:, f.shape[1] // 2, None].clone() for f in self._layers(torch.zeros(1, 1, 32768))]

    def phase(self, x: Tensor) -> Tensor:
        """Find phases (bins + 1, N) that fit a picture's magnitudes: they only have to be plausible."""
        from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
        from audiokit.dsp.spectrum.phase import retrieve_phase

        t = self.frontend.transform
        magnitude = self._linear(x, x.max())[None].cpu().numpy()
        found = retrieve_phase(magnitude, PhaseSettings(n_fft=t.n_fft, hop=t.hop, window=t.window, iterations=4))
        return torch.from_numpy(found[0]).to(x.device).angle()

    def forward(self, x: Tensor, mean_db: Tensor, phase: Tensor | None = None) -> list[Tensor]:
        """Give feature maps [(C, T / stride), ...] of the sound that a picture (1024, N) in dB and phases make."""
        assert phase is not None
        t = self.frontend.transform
        S = torch.polar(self._linear(x, mean_db), phase)
        y = torch.istft(S, t.n_fft, t.hop, window=self.window)
        # As loud as what the discriminator was trained on.
        y = 0.1 * y / (y.detach().square().mean().sqrt() + 1e-9)
        return [f - s.to(f.device) for f, s in zip(self._layers(y[None, None]), self.silence, strict=True)]

    def _layers(self, y: Tensor) -> list[Tensor]:
        """Answers (C, T / stride) of the first and the strided layers at every scale to audio (1, 1, T)."""
        found = []
        for scale in self.network.model.values():  # type: ignore[operator, union-attr]
            x = y
            for layer in [*scale.model.values()][:-2]:  # the last two are wide, slow and nearly a verdict
                x = layer(x)
                found.append(x[0])
            y = self.network.downsample(y)  # type: ignore[operator]
        return found

    @staticmethod
    def _linear(x: Tensor, reference_db: Tensor) -> Tensor:
        """Magnitudes (bins + 1, N), the Nyquist frequency silent."""
        return functional.pad(10 ** ((x - reference_db) / 20), (0, 0, 0, 1))


def gram(feature: Tensor) -> Tensor:
    """Correlate the rows of a feature map (C, N): (C, C).

    >>> gram(torch.tensor([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    return feature @ feature.T / feature.shape[1]


def load_features(spec: str, *, seed: int = 0, device: str = "cpu") -> Features:
    """Make the features that a word names.

    Args:
        spec: "random", a model folder of a MelGAN discriminator, its netD.pt, or a folder with that file.
        seed: of random weights.
        device: where they are computed.

    Raises:
        ModelError: there is no such thing, or it is another network.
    """
    from audiokit.models.folder.checkpoint import CARD, load, pick_device

    device = pick_device(device)
    if spec == "random":
        return RandomFeatures(seed=seed).to(device)
    path = Path(spec)
    if path.is_dir() and not (path / CARD).exists() and (path / "netD.pt").exists():
        path = path / "netD.pt"
    if path.is_file() and path.name != CARD:
        network, _ = import_discriminator(path)
    else:
        network, _ = load(spec, kind="features", device=device)
    return WaveFeatures(network).to(device)


def import_discriminator(source: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read the discriminator of a MelGAN checkpoint (netD.pt).

    Raises:
        ModelError: the checkpoint is of another network.
        InputError, DamagedError: it cannot be read.
    """
    from audiokit.models.folder.checkpoint import load_weights
    from audiokit.models.vocoders.base import unwrapped
    from audiokit.models.vocoders.wave_discriminators import MelganDiscriminator

    state = unwrapped(source)
    settings = discriminator_settings(state, name=str(source))
    network = MelganDiscriminator(**settings, normed=False)
    load_weights(network, state, name=str(source))
    card = {
        "kind": "features",
        "architecture": "melgan-discriminator",
        "settings": network.settings,
        "licence": "that of the checkpoint's author",
        "source": Path(source).name,
    }
    return network.eval(), card


def discriminator_settings(state: Mapping[str, Tensor], *, name: str) -> dict[str, Any]:
    """Read a discriminator's sizes off its weights.

    Raises:
        ModelError: they are not those of a MelGAN discriminator.
    """
    first, second = "model.disc_0.model.layer_0.1.weight", "model.disc_0.model.layer_1.0.weight"
    if first not in state or second not in state:
        raise not_a("a MelGAN discriminator", name=name, expected=first, keys=state)
    layers = {key.split(".")[3] for key in state if key.startswith("model.disc_0.model.layer_")}
    return {
        "scales": len({key.split(".")[1] for key in state if key.startswith("model.disc_")}),
        "base": state[first].shape[0],
        "layers": len(layers) - 3,
        "factor": (state[second].shape[2] - 1) // 10,
    }
