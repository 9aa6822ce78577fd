"""Train a speech denoiser: noisy mixtures made on the fly, and the losses that compare spectra.

Every example is new: a stretch of clean speech (another speed, another equalisation, sometimes a
room), a background (recorded, synthesised, music, or other voices), a signal-to-noise ratio and a
level, all drawn from one generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.errors import ModelError, ParameterError
from audiokit.models.voice.denoise import Surroundings
from audiokit.models.voice.easing import Easing
from audiokit.models.voice.gtcrn import Gtcrn, StridedBlock
from audiokit.training.engine.loop import OneNetwork, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.hearing import IntelligibilityLoss, LoudnessLoss
from audiokit.training.sound.mixer import Audio, Groups, Mixer, _level
from audiokit.training.sound.quality import QualityLoss
from audiokit.training.sound.settings import DenoiserSettings

#: Terms of the loss that a run may weigh otherwise, and their usual weights.
WEIGHTS = {"loudness": 0.0, "intelligibility": 0.0, "perceptual": 0.0, "ratio": 1.0}


class EnhancementLoss(nn.Module):
    """Compare enhanced and clean speech as compressed spectra, as waveforms, and as they are heard.

    The weighted sum of the squared errors of compressed magnitudes, of compressed real and imaginary
    parts, of the negative scale-invariant signal-to-noise ratio, of the disturbance of loudness, of
    what is lost of intelligibility, and of what PESQ finds missing.

    References:
        Rong et al. (2024), ICASSP, equation 7; Braun and Tashev (2021), A consolidated view of loss
        functions for supervised deep learning-based speech enhancement.
    """

    def __init__(
        self,
        *,
        rate: int = 16_000,
        n_fft: int = 512,
        hop: int = 256,
        power: float = 0.3,
        magnitude: float = 70.0,
        parts: float = 30.0,
        loudness: float = 0.0,
        intelligibility: float = 0.0,
        perceptual: float = 0.0,
        ratio: float = 1.0,
    ) -> None:
        super().__init__()
        if perceptual and rate != 16_000:
            raise ParameterError(f"the perceptual loss is defined at 16000 Hz, the network works at {rate} Hz")
        self.n_fft, self.hop, self.power = n_fft, hop, power
        self.magnitude, self.parts = magnitude, parts
        self.loudness, self.intelligibility, self.perceptual = loudness, intelligibility, perceptual
        self.ratio = ratio
        self.ear = LoudnessLoss(rate=rate, n_fft=n_fft)
        self.words = IntelligibilityLoss(rate=rate, n_fft=n_fft, hop=hop)
        self.quality = QualityLoss() if perceptual else None
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(n_fft).sqrt())

    def spectrum(self, y: Tensor) -> Tensor:
        """Transform (B, T) to (B, F, N) on the network's frames."""
        return torch.stft(y, self.n_fft, self.hop, self.n_fft, self.window, return_complex=True)

    def forward(self, estimate: Tensor, clean: Tensor, clean_audio: Tensor) -> dict[str, Tensor]:
        """Compare an estimated spectrum (B, F, N) with the clean one and its audio (B, T)."""
        est, ref = torch.view_as_real(estimate), torch.view_as_real(clean)
        est_size = (est.square().sum(-1) + 1e-10).sqrt()
        ref_size = (ref.square().sum(-1) + 1e-10).sqrt()
        sizes = (est_size**self.power - ref_size**self.power).square().mean()
        est_parts = est * est_size[..., None] ** (self.power - 1)
        ref_parts = ref * ref_size[..., None] ** (self.power - 1)
        parts = (est_parts - ref_parts).square().mean() * 2
        audio = torch.istft(estimate, self.n_fft, self.hop, self.n_fft, self.window, length=clean_audio.shape[-1])
        dot = (audio * clean_audio).sum(-1, keepdim=True)
        target = dot / (clean_audio.square().sum(-1, keepdim=True) + 1e-8) * clean_audio
        ratio = target.square().sum(-1) / ((audio - target).square().sum(-1) + 1e-8)
        si_snr = torch.log10(ratio + 1e-8).mean()
        ear = self.ear(estimate, clean)
        lost = self.words(estimate, clean)
        total = self.magnitude * sizes + self.parts * parts - self.ratio * si_snr
        total = total + self.loudness * ear + self.intelligibility * lost
        told = {"magnitude": sizes, "parts": parts, "si_snr_db": 10 * si_snr, "loudness": ear, "lost": lost}
        if self.quality is not None:
            told["missing"] = self.quality(audio, clean_audio)
            total = total + self.perceptual * told["missing"]
        return {"loss": total, **{name: value.detach() for name, value in told.items()}}


class DenoiserRecipe(OneNetwork):
    """What `train denoiser` brings to the training loop.

    Args:
        mixer: where examples come from.
        judge: pairs of noisy and clean audio (T,) never trained on, for validation.
        settings: of the network; see `GtcrnConfig`.
        batch: examples per step.
        learning_rate: highest rate of AdamW.
        weights: of terms of the loss: loudness, intelligibility, perceptual, ratio; see `EnhancementLoss`.
        start: weights to begin from, as `Gtcrn.state_dict` names them.
        easing: how gently gains are applied, here and wherever the model runs.
        card: what is known about the model beyond what the training measures.
        seed: of the first weights.
        device: where to train.
    """

    called = "denoiser"

    def __init__(
        self,
        mixer: Mixer,
        judge: Sequence[tuple[Audio, Audio]] = (),
        *,
        settings: dict[str, Any] | None = None,
        batch: int = 16,
        learning_rate: float = 2e-3,
        weights: Mapping[str, float] | None = None,
        start: dict[str, Tensor] | None = None,
        easing: Easing | None = None,
        card: dict[str, Any] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.mixer, self.judge, self.batch, self.card = mixer, list(judge), batch, card or {}
        self.network = Gtcrn(**{"compression": 0.3, **(settings or {})}).to(device)
        if start is not None:
            self.network.load_state_dict(start)
        else:
            begin_as_identity(self.network)
        config = self.network.config
        if mixer.rate != config.rate:
            raise ParameterError(f"examples have {mixer.rate} Hz, the network works at {config.rate} Hz")
        judged: dict[str, Any] = {"rate": config.rate, "n_fft": config.n_fft, "hop": config.hop, **(weights or {})}
        self.loss = EnhancementLoss(**judged).to(device)
        self.device, self.learning_rate, self.easing = device, learning_rate, easing
        self.optimizer = torch.optim.AdamW(
            [p for p in self.network.parameters() if p.requires_grad], lr=learning_rate, weight_decay=1e-3
        )

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share."""
        return {
            "network": asdict(self.network.config),
            "batch": self.batch,
            "seconds": self.mixer.seconds,
            "first_db": self.mixer.first_db,
            "learning_rate": self.learning_rate,
            **({"easing": self.easing.card()} if self.easing else {}),
            **{name: weight for name, usual in WEIGHTS.items() if (weight := getattr(self.loss, name)) != usual},
        }

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Mix a batch, enhance it, and learn from the difference."""
        noisy, wanted = self.mixer.pairs(rng, self.batch)
        drawn = (noisy, self.mixer.first(noisy), wanted)
        raw, heard, clean = (torch.from_numpy(y).to(self.device) for y in drawn)
        estimate = self.enhance(self.loss.spectrum(heard), self.loss.spectrum(raw))
        losses: dict[str, float | Tensor] = dict(self.loss(estimate, self.loss.spectrum(clean), clean))
        losses["loss"] = update(self.optimizer, losses["loss"], clip=5.0)  # type: ignore[arg-type]
        return losses

    def enhance(self, heard: Tensor, raw: Tensor) -> Tensor:
        """Run the network on spectra (B, F, N) that it hears, and apply its gains to the raw ones as `denoise` does."""
        given = raw if self.easing is not None and self.easing.hears_input else heard
        estimate, _ = self.network(given)
        if self.easing is None:
            return cast(Tensor, estimate)
        left, size, loud = (x.abs().clamp(min=1e-9) for x in (heard, given, raw))
        return raw * self.easing.gain(estimate.abs().clamp(min=1e-9) / size, left / loud)

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure the gain in scale-invariant SDR on the held-out pairs, and write the first to hear."""
        if not self.judge:
            return {}
        totals: dict[str, list[float]] = {"loss": [], "gain_db": []}
        for number, (noisy, clean) in enumerate(self.judge):
            heard = self.mixer.first(noisy[None])
            x, heard_x, s = (torch.from_numpy(y).to(self.device) for y in (noisy[None], heard, clean[None]))
            estimate = self.enhance(self.loss.spectrum(heard_x), self.loss.spectrum(x))
            losses = self.loss(estimate, self.loss.spectrum(s), s)
            before = self.loss(self.loss.spectrum(x), self.loss.spectrum(s), s)
            totals["loss"].append(float(losses["loss"]))
            totals["gain_db"].append(float(losses["si_snr_db"] - before["si_snr_db"]))
            if number < 3:
                audio = torch.istft(
                    estimate, self.loss.n_fft, self.loss.hop, window=self.loss.window, length=x.shape[-1]
                )
                samples = folder / "samples"
                write_sample(samples / f"{number}-noisy.wav", noisy, self.mixer.rate)
                write_sample(samples / f"{number}-{step:06d}.wav", audio[0].cpu().numpy(), self.mixer.rate)
        return {name: float(np.mean(values)) for name, values in totals.items()}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        network = Gtcrn(**asdict(self.network.config))
        network.load_state_dict(weights["denoiser"])
        card = {
            "kind": "denoise",
            "architecture": "gtcrn",
            "settings": network.settings,
            "frontend": {
                "rate": network.config.rate,
                "first_db": self.mixer.first_db,
                "spare_clean": True,
                **({"easing": self.easing.card()} if self.easing else {}),
            },
        }
        place_model(folder, network, {**card, **self.card})


def begin_as_identity(network: Gtcrn) -> None:
    """Let an untrained network pass its input, nearly: training starts from 'do nothing'."""
    last = network.decoder.de_convs[-1]
    assert isinstance(last, StridedBlock)
    with torch.no_grad():
        last.bn.weight.fill_(0.3)
        last.bn.bias.copy_(torch.tensor([1.2, 0.0]))


def write_sample(path: Path, y: Audio, rate: int) -> None:
    """Write audio (T,) to hear how training goes."""
    from audiokit.io.audio import write

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write(path, np.ascontiguousarray(y[None], dtype=np.float32), rate, clip="allow")


def read_groups(folders: Sequence[str], *, rate: int, part: str = "train") -> list[list[Audio]]:
    """Read folders or lists of audio as groups: each folder that holds audio is one. Silent files are left out.

    Raises:
        InputError: a folder is missing, or holds no audio or only silence.
    """
    from audiokit.io.audio import read
    from audiokit.training.engine.sources import find_files, read_each, refuse_silence

    groups: dict[str, list[Audio]] = {}
    files = find_files(folders, part=part)
    for path, (y, _) in read_each(files, lambda path: read(path, rate=rate, mono=True)):
        if y.any():
            groups.setdefault(str(Path(path).parent), []).append(y[0])
    refuse_silence(files, heard=bool(groups))
    return list(groups.values())


def judged_pairs(speech: Groups, mixer: Mixer, *, seed: int = 7, limit: int = 12) -> list[tuple[Audio, Audio]]:
    """Mix held-out speech with backgrounds at 0 and 8 dB, the same for every run with the same seed."""
    rng = np.random.default_rng(seed)
    pairs = []
    for number, clean in enumerate([y for group in speech for y in group][:limit]):
        clean = clean[: 10 * mixer.rate]
        noise = mixer.background(rng, clean.size)
        noise = noise * (_level(clean) / _level(noise) * 10 ** (-(0, 8)[number % 2] / 20))
        pairs.append(((clean + noise).astype(np.float32) * 0.5, clean * 0.5))
    return pairs


def train_denoiser(
    speech: Sequence[str],
    *,
    noise: Sequence[str] = (),
    music: Sequence[str] = (),
    judge: Sequence[str] = (),
    settings: DenoiserSettings,
    run: RunOptions,
) -> dict[str, float]:
    """Read the material and train.

    Args:
        speech: folders of clean speech; subfolders (speakers) are drawn evenly.
        noise, music: folders of backgrounds.
        judge: folders of clean speech to measure on, never trained on.
        settings: sizes, and a denoiser to go on from.
        run: how long, where, and what goes into the model card.

    Returns:
        The last measurements.

    Raises:
        InputError: not enough material.
        ModelError: `settings.start` is no denoiser.
    """
    from audiokit.models.folder.checkpoint import load
    from audiokit.training.engine.loop import cosine

    rate = 16_000
    config, weights, first_db, easing = None, None, Mixer.first_db, None
    if settings.start is not None:
        network, card = load(settings.start, kind="denoise")
        if not isinstance(network, Gtcrn):
            raise ModelError(f"{settings.start}: a denoiser of an architecture that is not trained here")
        around = Surroundings.of(card)
        first_db, easing = around.first_db, around.easing
        config, weights, rate = asdict(network.config), network.state_dict(), network.config.rate
    mixer = Mixer(
        read_groups(speech, rate=rate),
        read_groups(noise, rate=rate),
        read_groups(music, rate=rate),
        rate=rate,
        seconds=float(settings.seconds),
        first_db=None if settings.alone else first_db,
    )
    recipe = DenoiserRecipe(
        mixer,
        judged_pairs(read_groups(judge, rate=rate, part="test"), mixer),
        settings=config,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        weights={name: getattr(settings, name) for name in WEIGHTS},
        start=weights,
        easing=None if settings.alone else easing,
        card={k: v for k, v in {"licence": run.licence, "training_data": run.source}.items() if v},
        seed=run.seed,
        device=run.place(),
    )
    best = "loss" if judge else None
    values = run.fit(recipe, steps=20_000, validate_every=500, schedule=cosine(), best=best)
    run.tell(values, then=f"audiokit denoise TALK --model {run.out}")
    return values
