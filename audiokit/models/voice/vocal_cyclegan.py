"""VocalCycleGAN: two Wave-U-Nets on mel columns, speech and backing to singing, and singing to speech.

The published system concatenated the mels of speech and accompaniment, let a Wave-U-Net of valid convolutions slide
along time, and judged the result with MiniRocket features. Its checkpoints load unchanged (`from_reference`). Two
faults of it are not repeated here: its discriminators gave the generators no gradient and did not look at the
accompaniment, and its output came one frame early.

References:
    Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation using cycle-consistent adversarial
    networks. Stoller, Ewert and Dixon (2018), Wave-U-Net. Dempster, Schmidt and Webb (2021), MiniRocket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from audiokit.errors import ModelError, ParameterError
from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of
from audiokit.models.separation.wave_unet import WaveUnet
from audiokit.models.voice.minirocket import MiniRocketConfig, MiniRocketFeatures
from audiokit.models.voice.vocal_slide import CONTEXT, MARGIN, SEGMENT, SPEAK


@dataclass(frozen=True)
class VocalCycleGanConfig:
    """Settings of the pair of generators.

    Attributes:
        vocal_channels: channels per level of the generator that sings.
        speech_channels: of the one that speaks; empty leaves it out.
        mels: mel bands.
        centre_db, scale_db: the networks see (mel - centre) / scale; 0 and 1 as published.
        residual: the network's output is added to its speech (or vocal) input, instead of replacing it.
        shift: output frame t stands for input frame t - shift; 1 in the published checkpoints.
        silence_db: mel value of silence, used beyond the ends.
    """

    vocal_channels: Sequence[int] = (1024, 2048, 4096)
    speech_channels: Sequence[int] = (512, 1024, 2048)
    mels: int = 128
    centre_db: float = 0.0
    scale_db: float = 1.0
    residual: bool = False
    shift: int = 0
    silence_db: float = -80.0

    def __post_init__(self) -> None:
        if len(self.vocal_channels) != 3 or len(self.speech_channels) not in (0, 3):
            raise ParameterError("the generators of a VocalCycleGAN have three levels")
        if self.scale_db <= 0 or self.shift not in (0, 1):
            raise ParameterError("scale_db must be above zero and shift 0 or 1")


def _generator(inputs: int, mels: int, channels: Sequence[int], name: str) -> WaveUnet:
    return WaveUnet(
        num_inputs=inputs,
        num_outputs=mels,
        num_channels=list(channels),
        instruments=[name],
        kernel_size=3,
        target_output_size=256,
        conv_type="normal",
        res="fixed",
        separate=False,
        strides=2,
        clamp=False,  # the published app clamped dB values to -1..1
    )


class VocalCycleGan(nn.Module):
    """Both generators.

    >>> gan = VocalCycleGan(vocal_channels=(8, 8, 8), speech_channels=(8, 8, 8), residual=True)
    >>> gan.sing(torch.zeros(1, 128, 100), torch.zeros(1, 128, 100)).shape
    torch.Size([1, 128, 100])
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = VocalCycleGanConfig(**settings)
        self.settings = asdict(config)
        self.generator_vocal = _generator(2 * config.mels, config.mels, config.vocal_channels, "vocal")
        if config.speech_channels:
            self.generator_speech = _generator(config.mels, config.mels, config.speech_channels, "speech")

    def sing(self, speech: Tensor, accompaniment: Tensor) -> Tensor:
        """Turn speech into singing: mels in dB (B, mels, N), both of the same shape, to (B, mels, N)."""
        return self._slide(self.generator_vocal, "vocal", torch.cat([speech, accompaniment], dim=1))

    def speak(self, vocal: Tensor) -> Tensor:
        """Turn singing into speech: mels in dB (B, mels, N) to the same shape.

        Raises:
            ModelError: the model has no generator for this direction.
        """
        if not hasattr(self, "generator_speech"):
            raise ModelError("this model only sings", hint="use one that was trained or imported with both generators")
        return self._slide(self.generator_speech, "speech", vocal)

    def forward(self, speech: Tensor, accompaniment: Tensor) -> Tensor:
        """Turn speech into singing, as `sing`."""
        return self.sing(speech, accompaniment)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the generators; `audiokit.models.voice.vocal_slide` is what is around them."""
        mels = self.config.mels
        about = "mels (4 k + 33 frames), (dB - centre_db) / scale_db"
        sizes = sizes_of("frames", *(4 * k + 33 for k in (32, 100, 20)))
        found = {"mels": Port(("batch", mels, "found"), "4 k + 1 frames, 16 fewer on either side, scaled likewise")}
        both = Port(("batch", 2 * mels, "frames"), f"{about}: of speech, then of the accompaniment")
        graphs = {MAIN: Graph(lambda x: self.generator_vocal(x)["vocal"], {"input": both}, found, sizes)}
        if self.config.speech_channels:
            voice = Port(("batch", mels, "frames"), f"{about}: of singing")
            graphs[SPEAK] = Graph(lambda x: self.generator_speech(x)["speech"], {"input": voice}, found, sizes)
        return graphs

    def _slide(self, generator: WaveUnet, name: str, x: Tensor) -> Tensor:
        c = self.config
        frames = x.shape[-1]
        # networks take 4 k + 33 frames and give 4 k + 1, whatever k; what is too much is cut off again
        padded = -(-frames // 4) * 4
        left, extra = CONTEXT + MARGIN + c.shift, 2 * (CONTEXT + MARGIN) + 1
        x = (x - c.centre_db) / c.scale_db
        silence = (c.silence_db - c.centre_db) / c.scale_db
        x = nn.functional.pad(x, (left, padded - frames + extra - left), value=silence)
        parts = []
        for start in range(0, padded, SEGMENT):
            size = min(SEGMENT, padded - start)
            piece = x[..., start : start + size + extra]
            parts.append(generator(piece)[name][..., MARGIN : MARGIN + size])
        y = torch.cat(parts, dim=-1)[..., :frames]
        if c.residual:
            y = y + x[:, : c.mels, left : left + frames]
        return y * c.scale_db + c.centre_db


def from_reference(vocal: Mapping[str, Tensor], speech: Mapping[str, Tensor] | None = None) -> VocalCycleGan:
    """Build the published model from its generators' state dicts (plain Wave-U-Net states).

    Args:
        vocal: state of the generator that sings.
        speech: state of the one that speaks, if there is one.

    Returns:
        The model, with the published scaling and frame shift.

    Raises:
        ModelError: the states are not those of such generators.
    """

    def channels(state: Mapping[str, Tensor] | None) -> list[int]:
        if state is None:
            return []
        try:
            down = [state[f"waveunets.ALL.downsampling_blocks.{i}.pre_shortcut_convs.0.filter.weight"] for i in (0, 1)]
            bottom = state["waveunets.ALL.bottlenecks.0.filter.weight"]
            return [down[0].shape[0], down[1].shape[0], bottom.shape[0]]
        except KeyError as error:
            raise ModelError(f"not a generator of a VocalCycleGAN: {error.args[0]} is missing") from None

    output = vocal.get("waveunets.ALL.output_conv.weight")
    mels = len(output) if output is not None else 128
    model = VocalCycleGan(vocal_channels=channels(vocal), speech_channels=channels(speech), mels=mels, shift=1)
    pairs = [(model.generator_vocal, vocal)]
    if speech:
        pairs.append((model.generator_speech, speech))
    for generator, state in pairs:
        try:
            generator.load_state_dict(dict(state))
        except RuntimeError as error:
            first = str(error).strip().splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise ModelError(f"the checkpoint does not fit a VocalCycleGAN generator: {first}") from None
    return model


class RocketDiscriminator(nn.Module):
    """MiniRocket features of mel columns and three linear layers: (B, channels, N) to a logit (B, 1).

    Args:
        channels: of the series; for singing, the vocal's mels and the accompaniment's, both looked at.
        frames: length of the series.
        hidden: width of the first layer.
        num_features: of the transform.
        soft: width of the soft share of positive values (the hard one gives generators no gradient).
        seed: of the choice of channels.
    """

    def __init__(
        self,
        channels: int,
        frames: int,
        *,
        hidden: int = 512,
        num_features: int = 10_000,
        soft: float = 0.3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        config = MiniRocketConfig(
            c_in=channels, seq_len=frames, num_features=num_features, soft=soft, random_state=seed
        )
        self.rocket = MiniRocketFeatures(config)
        self.classifier = nn.Sequential(
            spectral_norm(nn.Linear(self.rocket.num_features, hidden)),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            spectral_norm(nn.Linear(hidden, hidden // 2)),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(hidden // 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, frames) to (B, 1)."""
        # shares lie around a half; their spread is small, which spectral norm would make smaller still
        return self.classifier(4.0 * (self.rocket(x) - 0.5))


def import_vocal_cyclegan(source: str, *, speech: str = "") -> tuple[VocalCycleGan, dict[str, Any]]:
    """Read the published system's generators.

    Args:
        source: the singing generator's file (generator_state_vocal_dict_*.pt, or the app's generator_state_dict-*.pt),
            or a folder where the newest of them lie.
        speech: the speaking generator's file, found by name in a folder.

    Raises:
        ModelError: not such generators.
        InputError: the folder holds none.
    """
    from pathlib import Path

    from audiokit.errors import InputError
    from audiokit.models.folder.checkpoint import read_state_dict

    path = Path(source)
    if path.is_dir():
        found = {
            name: sorted(path.glob(f"generator_state_{pattern}*.pt"))
            for name, pattern in (("vocal", "vocal_dict"), ("app", "dict"), ("speech", "speech_dict"))
        }
        singing = found["vocal"] or found["app"]
        if not singing:
            raise InputError(f"{source}: no generator_state_vocal_dict_*.pt inside", hint="give the file itself")
        path = singing[-1]
        speech = speech or (str(found["speech"][-1]) if found["speech"] else "")
    model = from_reference(read_state_dict(path), read_state_dict(speech) if speech else None)
    card = {
        "architecture": "vocal-cyclegan",
        "settings": model.settings,
        "kind": "sing",
        "frontend": {"preset": "vocal-cyclegan", "rate": 44_100},
        "source": path.name,
    }
    return model.eval(), card
