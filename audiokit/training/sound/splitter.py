"""Train a separator: the recipe that mixes, separates and compares, and the command's entry.

Mixes come from `audiokit.training.sound.stem_mixes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiokit.errors import ParameterError, UsageError
from audiokit.training.engine.loop import OneNetwork, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import SplitterSettings
from audiokit.training.sound.stem_mixes import (
    Part,
    StemMixer,
    find_audio,
    find_songs,
    read_judges,
    read_part,
    read_song,
)
from audiokit.training.sound.studio import Audio


def mid_side(x: Tensor) -> Tensor:
    """Turn left and right (..., 2, T) into mid and side, and back."""
    left, right = x.unbind(-2)
    return torch.stack([left + right, left - right], dim=-2) * 0.5**0.5


def _whole(x: Tensor, multiple: int) -> Tensor:
    """Append silent frames to (B, 2, N, bands) until N is a multiple."""
    return nn.functional.pad(x, (0, 0, 0, -x.shape[-2] % multiple))


def _product(x: Tensor, y: Tensor) -> Tensor:
    """Multiply complex numbers with the conjugates of others, the real part of it."""
    return torch.addcmul(x.real * y.real, x.imag, y.imag)


class SplitterRecipe(OneNetwork):
    """What `train splitter` brings to the training loop.

    Args:
        mixer: where examples come from.
        judge: songs never trained on, as stems (S, 2, T), for validation.
        network: "band" (small, any stems) or "spleeter" (one U-Net per stem, as Spleeter's).
        settings: of the network; see its config.
        batch: examples per step.
        learning_rate: highest rate.
        optimizer: "adamw", or "muon", which gets further in few steps.
        card: what is known about the model beyond what the training measures.
        start: weights to begin from, as the network names them; what does not fit is left out.
        seed: of the first weights.
        device: where to train.
    """

    called = "splitter"

    def __init__(
        self,
        mixer: StemMixer,
        judge: Sequence[Audio] = (),
        *,
        network: str = "band",
        settings: dict[str, Any] | None = None,
        batch: int = 8,
        learning_rate: float = 2e-3,
        optimizer: str = "adamw",
        card: dict[str, Any] | None = None,
        start: Mapping[str, Tensor] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.mixer, self.judge, self.batch, self.card = mixer, list(judge), batch, card or {}
        stems = list(mixer.stems)
        self.network: Any
        self.network, self.architecture = _network(network, stems, settings or {})
        if start is not None:
            own = self.network.state_dict()
            fitting = {key: value for key, value in start.items() if key in own and value.shape == own[key].shape}
            self.network.load_state_dict(fitting, strict=False)
        config = self.network.config
        if mixer.rate != config.rate:
            raise ParameterError(f"examples have {mixer.rate} Hz, the network works at {config.rate} Hz")
        self.device, self.learning_rate = device, learning_rate
        self.network.to(device, memory_format=torch.channels_last)
        self.window = torch.hann_window(config.n_fft, device=device)
        self.optimizer = _optimizer(optimizer, self.network, learning_rate)
        self._chosen = {} if optimizer == "adamw" else {"optimizer": optimizer}

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share."""
        return {
            "network": self.network.settings,
            "batch": self.batch,
            "seconds": self.mixer.seconds,
            "learning_rate": self.learning_rate,
            **self._chosen,
        }

    def spectra(self, y: Tensor) -> Tensor:
        """Transform audio (..., T) to (..., F, N)."""
        config = self.network.config
        flat = torch.stft(
            y.flatten(0, -2), config.n_fft, config.hop, window=self.window, return_complex=True, pad_mode="constant"
        )
        return flat.unflatten(0, y.shape[:-1])

    def losses(self, stems: Tensor, cutoff: NDArray | None = None) -> dict[str, Tensor]:
        """Separate the sum of stems (B, S, 2, T) and compare, below each mix's cutoff (a share of the band).

        Returns:
            "loss", and where the network is banded "error_db", the energy of what is wrong relative to the mix.
        """
        banded = self.architecture == "band-unet"
        targets = self.spectra(mid_side(stems) if banded else stems)  # (B, S, 2, F, N)
        shares = np.ones(len(stems)) if cutoff is None else cutoff
        if banded:
            return self._banded_losses(targets, shares)
        bins = self.network.config.bins
        mix, aim = targets.sum(dim=1)[..., :bins, :].abs(), targets[..., :bins, :].abs()
        top = torch.from_numpy(shares * (targets.shape[-2] - 1)).to(mix)
        counts = torch.arange(bins, device=mix.device) <= top[:, None]  # (B, bins)
        wrong = (self.network(mix) * mix[:, None] - aim).abs() * counts[:, None, None, :, None]
        return {"loss": wrong.mean(dim=(0, 2, 3, 4)).sum()}

    def _banded_losses(self, targets: Tensor, shares: NDArray) -> dict[str, Tensor]:
        """Compare by band: |m X - T|^2 = m^2 |X|^2 - 2 m Re(X* T) + |T|^2, summed over the bins of each band.

        The mask of a bin is a mean of those of its bands, so this is an upper bound of the error in the bins. The
        network hears the whole band also where only a share of it counts: a voice recorded at a low rate must not be
        known by the silence above it.
        """
        with torch.autocast(targets.device.type, enabled=False):  # differences of large numbers follow
            targets = targets.transpose(-1, -2)  # (B, S, 2, N, F), as they lie in memory
            mix = targets.sum(dim=1, keepdim=True)
            cross = self.network.gathered(_product(targets, mix))  # (B, S, 2, N, bands)
            own = self.network.gathered(_product(targets, targets))
            power = cross.sum(dim=1)  # of the mix, (B, 2, N, bands)
            features = self.network.described(_whole(power, self.network.config.multiple))
            top = torch.from_numpy(shares * (targets.shape[-1] - 1)).to(power)
            counts = (self.network.centers <= top[:, None]).to(power)[:, None, None]  # (B, 1, 1, bands)
            power, own, cross = power * counts, own * counts[:, None], cross * counts[:, None]
        masks = self.network.band_masks(features)[..., : power.shape[-2], :].float()
        wrong = (masks * (masks * power[:, None] - 2 * cross) + own).sum(dim=(2, 3, 4))
        ratio = torch.log10(wrong.clamp_min(0) / (power.sum(dim=(1, 2, 3)) + 1e-6)[:, None] + 1e-3)
        root = (power.clamp_min(0) + 1e-8).sqrt().sqrt()
        shape = ((masks + 1e-4).sqrt() * root[:, None] - (own + 1e-8).sqrt().sqrt()).abs().mean(dim=(1, 2, 3, 4))
        shape = shape / root.mean(dim=(1, 2, 3))
        unlike = _unlike(masks, power, cross, own)
        total = 0.25 * ratio.mean() + 0.75 * unlike + 2 * shape.mean()
        found = {"error_db": 10 * ratio.mean(), "si_sdr_db": -10 * unlike, "shape": shape.mean()}
        return {"loss": total, **{name: value.detach() for name, value in found.items()}}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Mix a batch, separate it, and learn from the difference."""
        stems, cutoff = self.mixer.batch(rng, self.batch)
        losses: dict[str, float | Tensor] = dict(self.losses(torch.from_numpy(stems).to(self.device), cutoff))
        losses["loss"] = update(self.optimizer, losses["loss"], clip=5.0)  # type: ignore[arg-type]
        return losses

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure the SDR of every stem on the held-out songs, and write the first to hear."""
        if not self.judge:
            return {}
        found: dict[str, list[float]] = {}
        for number, stems in enumerate(self.judge):
            targets = torch.from_numpy(stems)[None].to(self.device)
            found.setdefault("loss", []).append(float(self.losses(targets)["loss"]))
            estimate = self.separate(targets.sum(dim=1))[0].cpu().numpy()
            for name, y, reference in zip(self.mixer.stems, estimate, stems, strict=True):
                found.setdefault(f"{name}_sdr_db", []).append(_sdr_db(reference, y))
                found.setdefault(f"{name}_si_sdr_db", []).append(_si_sdr_db(reference, y))
                found.setdefault(f"{name}_mix_sdr_db", []).append(_sdr_db(reference, stems.sum(axis=0)))
            if number < 3:
                _write_samples(folder / "samples", number, step, estimate, self.mixer)
        return {name: float(np.mean(values)) for name, values in found.items()}

    def separate(self, mix: Tensor) -> Tensor:
        """Separate mixes (B, 2, T) into stems (B, S, 2, T)."""
        config, banded = self.network.config, self.architecture == "band-unet"
        spectrum = self.spectra(mid_side(mix) if banded else mix)
        found = self.network(spectrum.abs()) * spectrum[:, None]
        y = torch.istft(found.flatten(0, 2), config.n_fft, config.hop, window=self.window, length=mix.shape[-1])
        y = y.unflatten(0, found.shape[:3])
        return mid_side(y) if banded else y

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        self.network.load_state_dict(weights["splitter"], strict=False)
        card = {"kind": "split", "architecture": self.architecture, "settings": self.network.settings}
        labels = list(self.mixer.stems)
        place_model(folder, self.network, {**card, "labels": labels, **self.card}, dtype="float16")


def _unlike(masks: Tensor, power: Tensor, cross: Tensor, own: Tensor) -> Tensor:
    """Compare stems that sound with what is found of them, whatever its level: the mean SI-SDR, -log10 of a ratio.

    An error alone is smallest where a network that is unsure keeps silent; here, only what it finds counts.
    """
    dims = (2, 3, 4)
    mine, found = own.sum(dim=dims), (masks * masks * power[:, None]).sum(dim=dims)  # (B, S)
    match = (masks * cross).sum(dim=dims).clamp_min(0)
    alike = (match * match / (mine * found + 1e-6)).clamp(0, 1)
    sounds = (mine > 1e-4 * power.sum(dim=(1, 2, 3))[:, None]).to(mine)
    unlike = torch.log10(1 - alike + 1e-3) - torch.log10(alike + 1e-3)
    return (unlike * sounds).sum() / sounds.sum().clamp_min(1)


def _optimizer(name: str, network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    if name == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-3)
    if name != "muon":
        raise ParameterError(f"--optimizer {name!r}: must be adamw or muon")
    from audiokit.training.engine.muon import Muon, parted

    return Muon(*parted(network, plain=("head", "last")), lr=learning_rate)


def _network(name: str, stems: list[str], settings: dict[str, Any]) -> tuple[nn.Module, str]:
    if name == "band":
        from audiokit.models.separation.band_unet import BandUnet

        return BandUnet(**{"stems": stems, **settings}), "band-unet"
    if name == "spleeter":
        from audiokit.models.separation.spleeter_unet import SpleeterUnet

        return SpleeterUnet(**{"stems": stems, **settings}), "spleeter-unet"
    raise ParameterError(f"--network {name!r}: must be band or spleeter")


def _sdr_db(reference: Audio, estimate: Audio) -> float:
    error = np.sum((reference - estimate) ** 2, dtype=np.float64)
    return float(10 * np.log10((np.sum(reference**2, dtype=np.float64) + 1e-9) / (error + 1e-9)))


def _si_sdr_db(reference: Audio, estimate: Audio) -> float:
    share = np.vdot(reference, estimate) / (np.vdot(reference, reference) + 1e-9)
    return _sdr_db(share * reference, estimate)


def _write_samples(folder: Path, number: int, step: int, stems: Audio, mixer: StemMixer) -> None:
    from audiokit.io.audio import write

    folder.mkdir(parents=True, exist_ok=True)
    for name, y in zip(mixer.stems, stems, strict=True):
        write(folder / f"{number}-{name}-{step:06d}.wav", y, mixer.rate, clip="allow", force=True)


def train_splitter(
    songs: Sequence[str],
    parts: Sequence[str],
    judges: Sequence[str],
    *,
    settings: SplitterSettings,
    run: RunOptions,
) -> dict[str, float]:
    """Read the material and train.

    Args:
        songs: folders of songs with stems.
        parts: "STEM=FOLDER" of loose recordings; each folder is one group.
        judges: folders of songs to measure on.
        settings: stems, architecture and sizes.
        run: how long, where, and what goes into the model card.

    Returns:
        The last measurements.

    Raises:
        UsageError: something is missing from the command line, or not of the form asked for.
        InputError: not enough material.
    """
    from audiokit.training.engine.loop import cosine

    names = [name.strip() for name in settings.stems.split(",") if name.strip()]
    if len(names) < 2 or len(set(names)) < len(names):
        raise UsageError(f"--stems {settings.stems}: at least two different names are needed")
    chosen = _settings(settings.setting or ())
    rate = int(chosen.get("rate", 44_100))
    loose: dict[str, list[list[Part]]] = {}
    for part in parts:
        stem, found, path = part.partition("=")
        if not found or stem not in names:
            raise UsageError(f"--part {part}: must be STEM=FOLDER, STEM one of {', '.join(names)}")
        loose.setdefault(stem, []).append([read_part(file, rate) for file in find_audio(path)])
    whole = [read_song(song, names, rate) for given in songs for song in find_songs(given)]
    begin = None if settings.start is None else _start(settings.start)
    mixer = StemMixer(
        names,
        whole,
        loose,
        rate=rate,
        seconds=float(settings.seconds),
        from_songs=settings.from_songs,
        faint=settings.faint,
        in_key=settings.in_key,
    )
    judged = read_judges(judges, names, rate)
    recipe = SplitterRecipe(
        mixer,
        judged,
        network=settings.network,
        settings=chosen,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        optimizer=settings.optimizer,
        card={k: v for k, v in {"licence": run.licence, "training_data": run.source}.items() if v},
        start=begin,
        seed=run.seed,
        device=run.place(),
    )
    best = "loss" if judged else None
    values = run.fit(recipe, steps=20_000, validate_every=1000, schedule=cosine(), best=best)
    run.tell(values, then=f"audiokit split SONG --model {run.out}")
    return values


def _start(model: str) -> Mapping[str, Tensor]:
    from audiokit.models.folder.checkpoint import WEIGHTS, find, read_safetensors

    return read_safetensors(find(model) / WEIGHTS)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    import json

    settings = {}
    for item in given:
        name, found, value = item.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            found = ""
        if not found:
            raise UsageError(f"--setting {item}: must be NAME=VALUE with a JSON value", hint="for example bands=128")
    return settings
