"""Train a speech denoiser: noisy mixtures made on the fly, and the losses that compare spectra.

Every example is new: a stretch of clean speech (another speed, another equalisation, sometimes a
room), a background (recorded, synthesised, music, or other voices), a signal-to-noise ratio and a
level, all drawn from one generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiokit.dsp.separation.denoise import denoise_rows
from audiokit.dsp.separation.noise import Rule
from audiokit.errors import InputError, ParameterError
from audiokit.models.voice.gtcrn import Gtcrn, StridedBlock
from audiokit.training.engine.loop import Recipe, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import DenoiserSettings

Audio = NDArray[np.float32]
Groups = Sequence[Sequence[Audio]]


def smooth_curve(rng: np.random.Generator, *, length: int, knots: int, spread_db: float) -> NDArray:
    """Draw a smooth random gain over `length` points: `knots` values, normal in dB, joined."""
    values = rng.normal(0, spread_db, knots)
    at = np.linspace(0, knots - 1, length)
    return 10 ** (np.interp(at, np.arange(knots), values) / 20)


def equalise(y: Audio, rng: np.random.Generator, *, spread_db: float) -> Audio:
    """Colour audio (T,) with a random smooth frequency response, without delay."""
    spectrum = np.fft.rfft(y)
    # Knots on a logarithmic axis: bands are about equally wide to the ear.
    knots = smooth_curve(rng, length=128, knots=6, spread_db=spread_db)
    at = np.log2(1 + np.arange(spectrum.size) * (255 / spectrum.size)) / 8 * 127
    return np.fft.irfft(spectrum * np.interp(at, np.arange(128), knots), y.size).astype(np.float32)


def room(rng: np.random.Generator, *, rate: int) -> Audio:
    """Draw a room response: the direct sound, a few early echoes and a decaying tail."""
    decay_s = rng.uniform(0.1, 0.6)
    n = int(rate * min(decay_s, 0.4))
    t = np.arange(n) / rate
    tail = rng.standard_normal(n) * 10 ** (-3 * t / decay_s)
    tail[: int(0.003 * rate)] = 0
    tail *= 10 ** (-rng.uniform(3, 18) / 20) / np.sqrt(np.sum(tail**2) + 1e-9)
    for _ in range(int(rng.integers(0, 6))):
        tail[int(rng.uniform(0.001, 0.03) * rate)] += rng.uniform(-0.4, 0.4)
    tail[0] = 1
    return tail.astype(np.float32)


def convolve(y: Audio, response: Audio) -> Audio:
    """Convolve audio (T,) with a response and keep the first T samples."""
    n = y.size + response.size
    return np.fft.irfft(np.fft.rfft(y, n) * np.fft.rfft(response, n), n)[: y.size].astype(np.float32)


def synthetic_noise(rng: np.random.Generator, *, length: int, rate: int) -> Audio:
    """Make up a background: coloured hiss, hum, a machine, crackle or bursts.

    >>> synthetic_noise(np.random.default_rng(0), length=16000, rate=16000).shape
    (16000,)
    """
    kind = rng.choice(["hiss", "hum", "machine", "crackle", "bursts"], p=[0.5, 0.12, 0.14, 0.1, 0.14])
    hiss = rng.standard_normal(length).astype(np.float32)
    if kind == "hiss":
        return hiss if rng.random() < 0.3 else _tilted(hiss, rng)
    t = np.arange(length) / rate
    if kind == "hum":
        f0 = rng.choice([50.0, 60.0, rng.uniform(40, 400)])
        y = sum(
            rng.exponential(1) / k * np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6.3))
            for k in range(1, int(min(40, 0.45 * rate / f0)))
        )
        return (y + rng.uniform(0, 0.5) * _tilted(hiss, rng)).astype(np.float32)
    if kind == "machine":
        turns = np.cumsum(rng.uniform(3, 30) * (1 + 0.02 * rng.standard_normal(length) / np.sqrt(rate))) / rate
        envelope = rng.uniform(0.02, 0.6) + (0.5 + 0.5 * np.cos(2 * np.pi * turns)) ** rng.integers(1, 12)
        return (_tilted(hiss, rng) * envelope).astype(np.float32)
    if kind == "crackle":
        clicks = np.where(rng.random(length) < 10 ** rng.uniform(-3.7, -2), hiss * 6, 0).astype(np.float32)
        n = int(0.02 * rate)
        ring = np.exp(-np.arange(n) / rng.uniform(4, 60)).astype(np.float32) * rng.standard_normal(n)
        return convolve(clicks, ring.astype(np.float32)) + 0.05 * _tilted(hiss, rng)
    gates = np.repeat(rng.random(length // 800 + 1) < rng.uniform(0.1, 0.5), 800)[:length]
    eased = np.convolve(gates, np.hanning(640) / 320, "same")
    return (_tilted(hiss, rng) * (eased + 0.03)).astype(np.float32)


def _tilted(hiss: Audio, rng: np.random.Generator) -> Audio:
    spectrum = np.fft.rfft(hiss)
    f = np.linspace(0.004, 1, spectrum.size)
    spectrum *= f ** rng.uniform(-1.2, 0.6)
    return equalise(np.fft.irfft(spectrum, hiss.size).astype(np.float32), rng, spread_db=6)


@dataclass
class Mixer:
    """Draw pairs of noisy and clean speech.

    Args:
        speech: recordings of clean speech (T,), by speaker or by source; groups are drawn evenly.
        noise: recordings of backgrounds, in groups drawn evenly; may be empty.
        music: recordings of music for beds; may be empty.
        rate: sample rate of everything, in Hz.
        seconds: length of an example.
        snr_db: range of speech-to-background ratios.
        first_db: floor of the Wiener engine that runs before the network; None feeds the network raw mixtures.
    """

    speech: Groups
    noise: Groups = field(default_factory=list)
    music: Groups = field(default_factory=list)
    rate: int = 16_000
    seconds: float = 2.0
    snr_db: tuple[float, float] = (-5.0, 18.0)
    first_db: float | None = -12.0

    def __post_init__(self) -> None:
        """Refuse to train on next to nothing."""
        found = sum(y.size for group in self.speech for y in group) / self.rate
        if found < 10:
            raise InputError(
                f"{found:.1f} s of clean speech found, at least 10 s needed",
                hint="give folders with more clean speech",
            )

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Audio, Audio]:
        """Draw `size` examples: what the network hears and what it should have heard, each (size, T)."""
        pairs = [self.example(rng) for _ in range(size)]
        return self.first(np.stack([p[0] for p in pairs])), np.stack([p[1] for p in pairs])

    def first(self, noisy: Audio) -> Audio:
        """Prepare mixtures (B, T) as the neural engine does before the network."""
        if self.first_db is None:
            return noisy
        return denoise_rows(noisy, rate=self.rate, rule=Rule(floor_db=self.first_db))

    def example(self, rng: np.random.Generator) -> tuple[Audio, Audio]:
        """Draw one example: noisy and clean, each (T,)."""
        length = round(self.seconds * self.rate)
        clean = self._speech(rng, length)
        noise = self.background(rng, length)
        if rng.random() < 0.3:
            clean = convolve(clean, room(rng, rate=self.rate))
        snr_db = rng.uniform(30, 50) if rng.random() < 0.06 else rng.uniform(*self.snr_db)
        noise *= _level(clean) / _level(noise) * 10 ** (-snr_db / 20)
        if rng.random() < 0.1:  # a background that comes or goes
            noise *= np.interp(np.arange(length), np.sort(rng.uniform(0, length, 2)), rng.permutation([0.02, 1]))
        noisy = clean + noise
        gain = 10 ** (rng.uniform(-38, -14) / 20) / _level(noisy)
        gain = min(gain, 0.99 / max(float(np.abs(noisy).max()), 1e-9))
        return (noisy * gain).astype(np.float32), (clean * gain).astype(np.float32)

    def _speech(self, rng: np.random.Generator, length: int, *, effects: bool = True) -> Audio:
        speed = 2 ** rng.uniform(-0.33, 0.33) if effects and rng.random() < 0.8 else 1.0
        y = _resampled(_draw(self.speech, rng, int(length * speed) + 8), length, speed)
        return equalise(y, rng, spread_db=3) if effects and rng.random() < 0.6 else y

    def background(self, rng: np.random.Generator, length: int) -> Audio:
        """Draw a background (T,) of any level."""
        kinds = ["synthetic", "voices"] + ["noise"] * bool(self.noise) + ["music"] * bool(self.music)
        weights = np.array([{"synthetic": 4.0, "voices": 0.8, "noise": 4.5, "music": 0.7}[k] for k in kinds])
        y = self._one_background(rng, length, str(rng.choice(kinds, p=weights / weights.sum())))
        if rng.random() < 0.2:
            other = self._one_background(rng, length, "synthetic")
            y = y / _level(y) + other / _level(other) * 10 ** (rng.uniform(-15, 5) / 20)
        return y

    def _one_background(self, rng: np.random.Generator, length: int, kind: str) -> Audio:
        if kind == "synthetic":
            return synthetic_noise(rng, length=length, rate=self.rate)
        if kind == "voices":
            count = int(rng.integers(4, 9))
            y = np.zeros(length, np.float32)
            for _ in range(count):
                voice = self._speech(rng, length)
                voice = voice[::-1] if rng.random() < 0.5 else voice
                y += voice / _level(voice) * 10 ** (rng.uniform(-9, 0) / 20)
            return convolve(y, room(rng, rate=self.rate))
        speed = 2 ** rng.uniform(-0.8, 0.8)
        groups = self.noise if kind == "noise" else self.music
        y = _resampled(_draw(groups, rng, int(length * speed) + 8), length, speed)
        return equalise(y, rng, spread_db=4) if rng.random() < 0.7 else y


def _draw(groups: Groups, rng: np.random.Generator, length: int) -> Audio:
    group = groups[int(rng.integers(len(groups)))]
    sizes = np.array([y.size for y in group], float)
    y = group[int(rng.choice(len(group), p=sizes / sizes.sum()))]
    start = int(rng.integers(0, y.size))
    return np.take(y, np.arange(start, start + length), mode="wrap")


def _resampled(y: Audio, length: int, speed: float) -> Audio:
    if speed == 1.0:
        return y[:length].copy()
    import soxr

    out = soxr.resample(y, speed, 1.0, quality="MQ")
    return np.pad(out, (0, max(0, length - out.size)))[:length]


def _level(y: Audio) -> float:
    """Measure the level of the parts that are not silent."""
    frames = y[: y.size // 320 * 320].reshape(-1, 320)
    energy = np.mean(frames.astype(np.float64) ** 2, axis=1)
    loud = energy[energy > 0.01 * energy.max()] if energy.size else energy
    return float(np.sqrt(loud.mean() + 1e-12)) if loud.size else 1e-6


class EnhancementLoss(nn.Module):
    """Compare enhanced and clean speech as compressed spectra and as waveforms.

    The weighted sum of the squared errors of compressed magnitudes, of compressed real and imaginary
    parts, and of the negative scale-invariant signal-to-noise ratio.

    References:
        Rong et al. (2024), ICASSP, equation 7; Braun and Tashev (2021), A consolidated view of loss
        functions for supervised deep learning-based speech enhancement.
    """

    def __init__(
        self, *, n_fft: int = 512, hop: int = 256, power: float = 0.3, magnitude: float = 70.0, parts: float = 30.0
    ) -> None:
        super().__init__()
        self.n_fft, self.hop, self.power = n_fft, hop, power
        self.magnitude, self.parts = magnitude, parts
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
        total = self.magnitude * sizes + self.parts * parts - si_snr
        return {"loss": total, "magnitude": sizes.detach(), "parts": parts.detach(), "si_snr_db": 10 * si_snr.detach()}


class DenoiserRecipe(Recipe):
    """What `train denoiser` brings to the training loop.

    Args:
        mixer: where examples come from.
        judge: pairs of noisy and clean audio (T,) never trained on, for validation.
        settings: of the network; see `GtcrnConfig`.
        batch: examples per step.
        learning_rate: highest rate of AdamW.
        start: weights to begin from, as `Gtcrn.state_dict` names them.
        card: what is known about the model beyond what the training measures.
        seed: of the first weights.
        device: where to train.
    """

    def __init__(
        self,
        mixer: Mixer,
        judge: Sequence[tuple[Audio, Audio]] = (),
        *,
        settings: dict[str, Any] | None = None,
        batch: int = 16,
        learning_rate: float = 2e-3,
        start: dict[str, Tensor] | None = None,
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
        self.loss = EnhancementLoss(n_fft=config.n_fft, hop=config.hop).to(device)
        self.device, self.learning_rate = device, learning_rate
        self.optimizer = torch.optim.AdamW(
            [p for p in self.network.parameters() if p.requires_grad], lr=learning_rate, weight_decay=1e-3
        )

    def modules(self) -> dict[str, nn.Module]:
        """Name the network."""
        return {"denoiser": self.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name its optimiser."""
        return {"denoiser": self.optimizer}

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share."""
        return {
            "network": asdict(self.network.config),
            "batch": self.batch,
            "seconds": self.mixer.seconds,
            "first_db": self.mixer.first_db,
            "learning_rate": self.learning_rate,
        }

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Mix a batch, enhance it, and learn from the difference."""
        noisy, clean = (torch.from_numpy(y).to(self.device) for y in self.mixer.batch(rng, self.batch))
        estimate, _ = self.network(self.loss.spectrum(noisy))
        losses: dict[str, float | Tensor] = dict(self.loss(estimate, self.loss.spectrum(clean), clean))
        losses["loss"] = update(self.optimizer, losses["loss"], clip=5.0)  # type: ignore[arg-type]
        return losses

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure the gain in scale-invariant SDR on the held-out pairs, and write the first to hear."""
        if not self.judge:
            return {}
        totals: dict[str, list[float]] = {"loss": [], "gain_db": []}
        for number, (noisy, clean) in enumerate(self.judge):
            heard = self.mixer.first(noisy[None])
            x, heard_x, s = (torch.from_numpy(y).to(self.device) for y in (noisy[None], heard, clean[None]))
            estimate, _ = self.network(self.loss.spectrum(heard_x))
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
            "frontend": {"rate": network.config.rate, "first_db": self.mixer.first_db},
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
    """Read folders or lists of audio as groups: each folder that holds audio is one.

    Raises:
        InputError: a folder is missing or holds no audio.
    """
    from audiokit.io.audio import read
    from audiokit.training.engine.sources import find_files, read_each

    groups: dict[str, list[Audio]] = {}
    files = find_files(folders, part=part)
    for path, (y, _) in read_each(files, lambda path: read(path, rate=rate, mono=True)):
        if y.shape[1]:
            groups.setdefault(str(Path(path).parent), []).append(y[0])
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
    from audiokit.models.voice.denoise import load_network
    from audiokit.training.engine.loop import cosine

    rate = 16_000
    config, weights, first_db = None, None, Mixer.first_db
    if settings.start is not None:
        network, first_db = load_network(settings.start)
        config, weights, rate = asdict(network.config), network.state_dict(), network.config.rate
    mixer = Mixer(
        read_groups(speech, rate=rate),
        read_groups(noise, rate=rate),
        read_groups(music, rate=rate),
        rate=rate,
        seconds=float(settings.seconds),
        first_db=first_db,
    )
    recipe = DenoiserRecipe(
        mixer,
        judged_pairs(read_groups(judge, rate=rate, part="test"), mixer),
        settings=config,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        start=weights,
        card={k: v for k, v in {"licence": run.licence, "training_data": run.source}.items() if v},
        seed=run.seed,
        device=run.place(),
    )
    best = "loss" if judge else None
    values = run.fit(recipe, steps=20_000, validate_every=500, schedule=cosine(), best=best)
    run.tell(values, then=f"audiokit denoise TALK --model {run.out}")
    return values
