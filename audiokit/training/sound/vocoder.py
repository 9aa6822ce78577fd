"""Train a vocoder: MelGAN with its original losses, or any generator with the modern ones.

References:
    Kumar et al. (2019), MelGAN (hinge loss, feature matching with weight 10).
    Kong, Kim, Bae (2020), HiFi-GAN (least squares, mel L1).
    Yamamoto, Song, Kim (2020), Parallel WaveGAN (multi-resolution STFT loss).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from audiokit.dsp.spectrum.presets import find_preset
from audiokit.errors import InputError, ParameterError
from audiokit.models.vocoders.base import Vocoder
from audiokit.models.vocoders.melgan import Melgan
from audiokit.models.vocoders.vocos import Vocos
from audiokit.models.vocoders.wave_discriminators import MelganDiscriminator, PeriodResolutionDiscriminator, Verdict
from audiokit.training.engine.loop import Recipe, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import VocoderSettings

ARCHITECTURES: dict[str, tuple[type[Vocoder], str]] = {"melgan": (Melgan, "melgan"), "vocos": (Vocos, "vocos")}
LOSSES = ("original", "modern")


class MelFrames(nn.Module):
    """A preset's mel frames of audio (B, 1, T), differentiable: (B, n_mels, T // hop)."""

    def __init__(self, preset: str) -> None:
        super().__init__()
        self.transform = t = find_preset(preset).transform(preset)
        self.window: Tensor
        self.filters: Tensor
        self.register_buffer("window", torch.hann_window(t.n_fft), persistent=False)
        self.register_buffer("filters", torch.from_numpy(np.array(t.filters, np.float32)), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """(B, 1, T) -> (B, n_mels, T // hop)."""
        t = self.transform
        y = functional.pad(y, t.sides, "reflect")[:, 0]
        S = torch.stft(y, t.n_fft, t.hop, window=self.window, center=False, return_complex=True)
        mel = self.filters @ (torch.view_as_real(S).square().sum(-1) + max(t.power_eps, 1e-12)).sqrt()
        log = torch.log10 if t.scale == "log10" else torch.log
        return log(mel.clamp(min=t.floor))


class SpectralLoss(nn.Module):
    """Spectral convergence and log magnitude distance at several resolutions."""

    def __init__(self, sizes: Sequence[int] = (512, 1024, 2048)) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        for size in self.sizes:
            self.register_buffer(f"window{size}", torch.hann_window(size), persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Compare audio (B, 1, T)."""
        total = estimate.new_zeros(())
        for size in self.sizes:
            window = getattr(self, f"window{size}")
            e, t = (
                (torch.stft(y[:, 0], size, size // 4, window=window, return_complex=True).abs() ** 2 + 1e-7).sqrt()
                for y in (estimate, target)
            )
            total = total + (t - e).norm() / (t.norm() + 1e-5) + (t.log() - e.log()).abs().mean()
        return total / len(self.sizes)


class Clips:
    """Random stretches of a collection of sounds.

    Raises:
        InputError: less than ten seconds in all.
    """

    def __init__(self, sounds: Sequence[np.ndarray], *, rate: int, samples: int) -> None:
        found = sum(y.size for y in sounds) / rate
        if found < 10:
            raise InputError(f"{found:.1f} s of audio found, at least 10 s needed", hint="give more or longer files")
        self.rate, self.samples = rate, samples
        self._sounds = [np.pad(y, (0, max(0, samples - y.size))) for y in sounds]
        sizes = np.array([y.size for y in sounds], float)
        self._share = sizes / sizes.sum()

    def batch(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draw audio (size, 1, samples), each at a gain of its own."""
        out = np.empty((size, 1, self.samples), np.float32)
        for k in range(size):
            y = self._sounds[int(rng.choice(len(self._sounds), p=self._share))]
            start = int(rng.integers(y.size - self.samples + 1))
            out[k, 0] = y[start : start + self.samples] * rng.uniform(0.3, 1.0)
        return out


class VocoderRecipe(Recipe):
    """What `train vocoder` brings to the training loop.

    Args:
        clips: what to learn from, at the front-end's rate.
        judge: recordings (T,) never trained on.
        arch: "melgan" or "vocos".
        losses: "original" (hinge and feature matching) or "modern" (with mel L1 and spectra).
        settings: of the generator.
        batch: clips per step.
        learning_rate: of both networks; None takes the papers'.
        warmup: steps with spectral losses alone ("modern" only), which is where a vocoder learns fastest.
        start: weights to go on from.
        card: what is known beyond what the training measures.
        seed, device: of the first weights, and where to train.
    """

    def __init__(
        self,
        clips: Clips,
        judge: Sequence[np.ndarray] = (),
        *,
        arch: str = "vocos",
        losses: str = "modern",
        settings: Mapping[str, Any] | None = None,
        batch: int = 8,
        learning_rate: float | None = None,
        warmup: int = 0,
        start: dict[str, Tensor] | None = None,
        card: Mapping[str, Any] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if arch not in ARCHITECTURES:
            raise ParameterError(f"--arch {arch}: must be one of {', '.join(ARCHITECTURES)}")
        if losses not in LOSSES:
            raise ParameterError(f"--losses {losses}: must be one of {', '.join(LOSSES)}")
        torch.manual_seed(seed)
        kind, self.preset = ARCHITECTURES[arch]
        self.arch, self.losses, self.warmup = arch, losses, warmup
        self.generator: Vocoder = kind(**(settings or {}))
        if start is not None:
            self.generator.load_state_dict(start)
        if arch == "melgan":
            for module in self.generator.modules():
                if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                    if start is None:
                        nn.init.normal_(module.weight, 0.0, 0.02)
                    weight_norm(module)
        self.generator.to(device)
        judges = MelganDiscriminator if losses == "original" else PeriodResolutionDiscriminator
        self.discriminator = judges().to(device)
        self.mel, self.spectra = MelFrames(self.preset).to(device), SpectralLoss().to(device)
        self.clips, self.judge, self.batch = clips, list(judge), batch
        self.device, self.card = device, dict(card or {})
        rate = learning_rate or (1e-4 if losses == "original" else 5e-4)
        betas = (0.5, 0.9) if losses == "original" else (0.8, 0.99)
        self.rate = rate
        self.adam_g = torch.optim.AdamW(self.generator.parameters(), rate, betas, weight_decay=0.0)
        self.adam_d = torch.optim.AdamW(self.discriminator.parameters(), rate, betas, weight_decay=0.0)

    def modules(self) -> dict[str, nn.Module]:
        """Name both networks."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name both optimisers."""
        return {"generator": self.adam_g, "discriminator": self.adam_d}

    def averaged(self) -> tuple[str, ...]:
        """Only the generator's average is kept."""
        return ("generator",)

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share."""
        return {
            "arch": self.arch, "losses": self.losses, "network": self.generator.settings, "batch": self.batch,
            "samples": self.clips.samples, "learning_rate": self.rate, "warmup": self.warmup,
        }  # fmt: skip

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Judge, then learn from the judgement."""
        real = torch.from_numpy(self.clips.batch(rng, self.batch)).to(self.device)
        mel = self.mel(real)[:, :, : real.shape[2] // self.generator.hop]
        fake = self.generator(mel)
        real = real[:, :, : fake.shape[2]]
        logged: dict[str, float | Tensor] = {}
        adversarial = step >= self.warmup
        if adversarial:
            loss = self._judge(self.discriminator(real), self.discriminator(fake.detach()))
            logged["discriminator"] = update(self.adam_d, loss)
        total = real.new_zeros(())
        if adversarial:
            total = total + self._convince(real, fake, logged)
        if self.losses == "modern":
            logged["mel"] = functional.l1_loss(self.mel(fake), self.mel(real))
            logged["spectra"] = self.spectra(fake, real)
            total = total + 45.0 * logged["mel"] + 2.0 * logged["spectra"]
        logged["generator"] = update(self.adam_g, total, clip=None if self.losses == "original" else 50.0)
        return {k: v.detach() if isinstance(v, Tensor) else v for k, v in logged.items()}

    def _judge(self, real: Verdict, fake: Verdict) -> Tensor:
        """Hinge loss, or least squares, on the score maps."""
        pairs = [(r[-1], f[-1]) for r, f in zip(real, fake, strict=True)]
        if self.losses == "original":
            return torch.stack([functional.relu(1 - r).mean() + functional.relu(1 + f).mean() for r, f in pairs]).sum()
        return torch.stack([(r - 1).square().mean() + f.square().mean() for r, f in pairs]).sum()

    def _convince(self, real: Tensor, fake: Tensor, logged: dict[str, float | Tensor]) -> Tensor:
        """Sum the adversarial and feature-matching losses of the generator; the discriminator stays as it is."""
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(False)
        try:
            with torch.no_grad():
                wanted = self.discriminator(real)
            found = self.discriminator(fake)
        finally:
            for parameter in self.discriminator.parameters():
                parameter.requires_grad_(True)
        scores = [part[-1] for part in found]
        matches = [
            functional.l1_loss(f, w)
            for part, other in zip(found, wanted, strict=True)
            for f, w in zip(part[:-1], other[:-1], strict=True)
        ]
        features = torch.stack(matches).sum()
        logged["features"] = features
        if self.losses == "original":
            # MelGAN's weights: 10, shared out over 3 scales and their layers but one, times 4.
            each = 4.0 / len(found[0]) / len(found)
            return -torch.stack([s.mean() for s in scores]).sum() + 10.0 * each * features
        return torch.stack([(s - 1).square().mean() for s in scores]).sum() + 2.0 * features

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure mel and spectral distance on the held-out recordings, and write the first three to hear."""
        from audiokit.training.sound.denoiser import write_sample

        totals: dict[str, list[float]] = {"mel_l1": [], "spectra": []}
        for number, y in enumerate(self.judge):
            length = y.size // self.generator.hop * self.generator.hop
            real = torch.from_numpy(y[None, None, :length]).to(self.device)
            fake = self.generator(self.mel(real)[:, :, : length // self.generator.hop])
            totals["mel_l1"].append(float(functional.l1_loss(self.mel(fake), self.mel(real))))
            totals["spectra"].append(float(self.spectra(fake, real)))
            if number < 3:
                write_sample(folder / "samples" / f"{number}-original.wav", y[:length], self.clips.rate)
                write_sample(folder / "samples" / f"{number}-{step:06d}.wav", fake[0, 0].cpu().numpy(), self.clips.rate)
        return {name: float(np.mean(values)) for name, values in totals.items() if values}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder, weight norm folded."""
        from copy import deepcopy

        from audiokit.training.engine.export import place_model

        network = deepcopy(self.generator)
        network.load_state_dict(weights["generator"])
        for module in network.modules():
            if parametrize.is_parametrized(module):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        card = {
            "architecture": self.arch,
            "settings": network.settings,
            "kind": "vocoder",
            "frontend": {**find_preset(self.preset).transform(self.preset).to_dict(), "preset": self.preset},
        }
        place_model(folder, network, {**card, **self.card})


def train_vocoder(
    inputs: Sequence[str], *, judge: Sequence[str] = (), settings: VocoderSettings, run: RunOptions
) -> dict[str, float]:
    """Read the sounds and train.

    Args:
        inputs: folders or files of audio.
        judge: folders to measure on, never trained on.
        settings: architecture, losses and sizes.
        run: how long, where, and what goes into the model card.

    Returns:
        The last measurements.

    Raises:
        InputError: too little audio.
        ParameterError: an unknown architecture or loss.
        ModelError: `settings.start` is no vocoder of the architecture.
    """
    from audiokit.models.vocoders.vocoder import vocoder_module
    from audiokit.training.sound.denoiser import read_groups

    arch = settings.arch
    rate = find_preset(ARCHITECTURES[arch][1]).transform(arch).rate
    network, weights = dict(read_setting(text) for text in settings.setting or []), None
    if settings.start is not None:
        begun = vocoder_module(settings.start)
        if not isinstance(begun, ARCHITECTURES[arch][0]):
            raise ParameterError(f"--from {settings.start}: not a {arch}")
        network, weights = begun.settings, begun.state_dict()
    sounds = [y for group in read_groups(inputs, rate=rate) for y in group]
    judged = [y[: 10 * rate] for group in read_groups(judge, rate=rate, part="test") for y in group][:12]
    recipe = VocoderRecipe(
        Clips(sounds, rate=rate, samples=settings.samples),
        judged,
        arch=arch,
        losses=settings.losses or ("original" if arch == "melgan" else "modern"),
        settings=network,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        warmup=settings.warmup,
        start=weights,
        card={k: v for k, v in {"licence": run.licence, "training_data": run.source}.items() if v},
        seed=run.seed,
        device=run.place(),
    )
    values = run.fit(recipe, steps=200_000, validate_every=1000, best="mel_l1" if judged else None)
    run.tell(values, then=f"audiokit invert CHUNKS --vocoder {run.out}")
    return values


def read_setting(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, the value as JSON.

    Raises:
        ParameterError: it is not of that form.

    >>> read_setting("ratios=[8, 8, 4]")
    ('ratios', [8, 8, 4])
    """
    import json

    name, found, value = text.partition("=")
    try:
        if not found:
            raise ValueError("no =")
        return name, json.loads(value)
    except ValueError:
        raise ParameterError(f"--setting {text}: not NAME=VALUE", hint="write for example dim=256") from None
