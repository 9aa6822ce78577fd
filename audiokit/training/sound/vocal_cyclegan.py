"""Train a VocalCycleGAN: speech and backing to singing, singing to speech, both judged with gradients.

What the published training lacked is here: the adversarial losses reach the generators (soft MiniRocket features),
the judge of the singing hears the accompaniment, and voices taken apart and put together by WORLD give free pairs
(vocoded voice, natural voice) from which the singing generator learns to refine.

References:
    Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation using cycle-consistent adversarial
    networks; Mao et al. (2017), Least squares generative adversarial networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.dsp.voice.vocal_mel import HOP, MELS, RATE, SILENCE_DB, from_mel
from audiokit.errors import ParameterError
from audiokit.models.voice.vocal_cyclegan import RocketDiscriminator, VocalCycleGan
from audiokit.training.engine.loop import Recipe, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import VocalSettings
from audiokit.training.sound.voices import FRAMES, Mel, Voices, load_voices
from audiokit.training.style.adversarial import discriminator_loss, freeze, gan_loss


@dataclass(frozen=True)
class Weights:
    """Weights of the generators' losses; the sum is divided by 1 + cycle + identity, as published.

    Attributes:
        cycle: mean absolute difference after there and back.
        identity: mean absolute change of what is already in the target domain.
        paired: mean absolute difference to the natural voice, from its vocoded copy.
        adversarial: least squares against the judges.
        unit_db: differences are counted in units of so many dB (1 as published).
    """

    cycle: float = 1.0
    identity: float = 0.5
    paired: float = 4.0
    adversarial: float = 0.2
    unit_db: float = 40.0


#: The default, and the weight study of the published system by what came of it there.
PRESETS: dict[str, Weights] = {
    "default": Weights(),
    "reference": Weights(1e-3, 1e-5, 0.0, 1.0, 1.0),
    "silence": Weights(1.0, 0.0, 0.0, 1.0, 1.0),
    "tones": Weights(1e-3, 0.0, 0.0, 1.0, 1.0),
    "copy": Weights(1e-3, 1e-3, 0.0, 1.0, 1.0),
}

#: Network sizes: settings of the pair, hidden width and features of the judges.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"vocal_channels": (64, 96, 128), "speech_channels": (48, 64, 96), "hidden": 64, "features": 1000},
    "small": {"vocal_channels": (128, 192, 256), "speech_channels": (96, 128, 192), "hidden": 128, "features": 2000},
    "base": {"vocal_channels": (256, 512, 768), "speech_channels": (192, 256, 512), "hidden": 256, "features": 5000},
    "reference": {
        "vocal_channels": (1024, 2048, 4096),
        "speech_channels": (512, 1024, 2048),
        "hidden": 512,
        "features": 10_000,
    },
}


class VocalCycleGanRecipe(Recipe):
    """What `train vocal-cyclegan` brings to the training loop.

    Args:
        speech: voices to train and to validate with.
        vocals: the same of singing, with accompaniments.
        size: key of `SIZES`.
        weights: of the losses.
        batch: crops per step.
        learning_rate: of both optimisers.
        band_hz: judges and adversarial losses look only below this, so that the bandwidth of a recording gives
            nothing away.
        card: what is known about the model beyond what the training measures.
        seed: of the first weights.
        device: where to train.
    """

    def __init__(
        self,
        speech: tuple[Voices, Voices],
        vocals: tuple[Voices, Voices],
        *,
        size: str = "small",
        weights: Weights | None = None,
        batch: int = 8,
        learning_rate: float = 1e-4,
        band_hz: float = 7000.0,
        card: dict[str, Any] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if size not in SIZES:
            raise ParameterError(f"size {size!r} is unknown", hint=f"choose one of {', '.join(SIZES)}")
        torch.manual_seed(seed)
        self.speech, self.vocals = speech, vocals
        self.weights, self.batch, self.learning_rate = weights or Weights(), batch, learning_rate
        self.card, self.device, self.size, self.seed = card or {}, device, size, seed
        plan = SIZES[size]
        channels = {key: plan[key] for key in ("vocal_channels", "speech_channels")}
        self.gan = VocalCycleGan(**channels, centre_db=-20.0, scale_db=40.0, residual=True).to(device)
        for generator in (self.gan.generator_vocal, self.gan.generator_speech):
            for parameter in generator.waveunets["ALL"].output_conv.parameters():  # type: ignore[union-attr]
                nn.init.zeros_(parameter)
        from audiokit.dsp.spectrum.mel import mel_to_hz

        centres = np.asarray(mel_to_hz(np.linspace(0, _top_mel(), MELS + 2)))[1:-1]
        self.rows = max(8, int((centres < band_hz).sum()))
        judge: dict[str, Any] = {"hidden": plan["hidden"], "num_features": plan["features"], "seed": seed}
        self.judge_vocal = RocketDiscriminator(2 * self.rows, FRAMES, **judge).to(device)
        self.judge_speech = RocketDiscriminator(self.rows, FRAMES, **judge).to(device)
        rng = np.random.default_rng(seed)
        sung, backing, _ = vocals[0].draw(rng, 32)
        said, _, _ = speech[0].draw(rng, 32)
        self.judge_vocal.rocket.fit(self._seen(sung.to(device), backing.to(device)), rng=rng)
        self.judge_speech.rocket.fit(self._seen(said.to(device)), rng=rng)
        betas = (0.5, 0.999)
        self.optimizer_g = torch.optim.Adam(
            [p for p in self.gan.parameters() if p.requires_grad], lr=learning_rate, betas=betas
        )
        judges = [*self.judge_vocal.classifier.parameters(), *self.judge_speech.classifier.parameters()]
        self.optimizer_d = torch.optim.Adam(judges, lr=learning_rate, betas=betas)

    def _seen(self, mel: Tensor, backing: Tensor | None = None) -> Tensor:
        """What a judge looks at: the rows below the common bandwidth, in units of 40 dB."""
        parts = [mel[:, : self.rows]] if backing is None else [mel[:, : self.rows], backing[:, : self.rows]]
        return (torch.cat(parts, dim=1) + 20.0) / 40.0

    def modules(self) -> dict[str, nn.Module]:
        """Name the networks."""
        return {"gan": self.gan, "judge_vocal": self.judge_vocal, "judge_speech": self.judge_speech}

    def averaged(self) -> tuple[str, ...]:
        """Only the generators are averaged."""
        return ("gan",)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name the optimisers."""
        return {"generators": self.optimizer_g, "judges": self.optimizer_d}

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share."""
        return {
            "size": self.size,
            "weights": list(vars(self.weights).values()),
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "rows": self.rows,
        }

    def _draw(self, voices: Voices, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        a, b, c = voices.draw(rng, self.batch)
        shift = torch.from_numpy(rng.uniform(-6, 6, (len(a), 1, 1)).astype(np.float32))
        louder = [torch.where(x > SILENCE_DB + 0.5, x + shift, x) for x in (a, c)]
        return louder[0].to(self.device), b.to(self.device), louder[1].to(self.device)

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Train the generators on one batch, then the judges on the same."""
        w = self.weights
        speech, _, _ = self._draw(self.speech[0], rng)
        vocal, backing, copy = self._draw(self.vocals[0], rng)
        other = backing[torch.from_numpy(rng.permutation(len(backing)))]
        judges: list[nn.Module] = [self.judge_vocal.classifier, self.judge_speech.classifier]
        freeze(judges, True)
        sung, said = self.gan.sing(speech, other), self.gan.speak(vocal)
        silent = torch.full_like(backing, SILENCE_DB)
        terms = {
            "cycle": _apart(self.gan.speak(sung), speech, w) + _apart(self.gan.sing(said, backing), vocal, w),
            "identity": _apart(self.gan.sing(vocal, backing), vocal, w) + _apart(self.gan.speak(speech), speech, w),
            "paired": _apart(self.gan.sing(copy, silent), vocal, w) if w.paired else torch.zeros(()),
            "adversarial": gan_loss(self.judge_vocal(self._seen(sung, other)), True)
            + gan_loss(self.judge_speech(self._seen(said)), True),
        }
        total = sum(getattr(w, name) * value for name, value in terms.items()) / (1 + w.cycle + w.identity)
        losses: dict[str, float | Tensor] = {name: value.detach() for name, value in terms.items()}
        losses["generators"] = update(self.optimizer_g, total, clip=5.0)  # type: ignore[arg-type]
        freeze(judges, False)
        judged = discriminator_loss(self.judge_vocal, self._seen(vocal, backing), self._seen(sung, other))
        judged = judged + discriminator_loss(self.judge_speech, self._seen(speech), self._seen(said))
        losses["judges"] = update(self.optimizer_d, judged, clip=5.0)
        return losses

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure on held-out ends of recordings, beside doing nothing, and write samples to hear."""
        rng = np.random.default_rng(1)
        speech, _, _ = self.speech[1].draw(rng, 12)
        vocal, backing, copy = self.vocals[1].draw(rng, 12)
        silent = torch.full_like(backing, SILENCE_DB)
        x = [t.to(self.device) for t in (speech, vocal, backing, copy, silent)]
        sung, said = self.gan.sing(x[0], x[2]), self.gan.speak(x[1])
        values = {
            "paired_db": _distance(self.gan.sing(x[3], x[4]), x[1]),
            "paired_db_doing_nothing": _distance(x[3], x[1]),
            "cycle_db": _distance(self.gan.speak(sung), x[0]),
            "identity_db": _distance(self.gan.sing(x[1], x[2]), x[1]),
            "change_db": _distance(sung, x[0]),
            "judge_fake": float(self.judge_vocal(self._seen(sung, x[2])).mean()),
            "judge_real": float(self.judge_vocal(self._seen(x[1], x[2])).mean()),
        }
        samples = folder / "samples"
        for name, mel in (("speech", x[0]), ("sung", sung), ("vocal", x[1]), ("said", said)):
            write_sample(samples / f"{step:06d}-{name}.wav", mel[0].cpu().numpy())
        return values

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        network = VocalCycleGan(**self.gan.settings)
        network.load_state_dict(weights["gan"])
        card = {
            "architecture": "vocal-cyclegan",
            "settings": self.gan.settings,
            "kind": "sing",
            "frontend": {"preset": "vocal-cyclegan", "rate": RATE, "floor_db": SILENCE_DB, "level_db": -20.0},
            **self.card,
        }
        place_model(folder, network, card)


def _top_mel() -> float:
    from audiokit.dsp.spectrum.mel import hz_to_mel

    return float(hz_to_mel(RATE / 2))


def _apart(a: Tensor, b: Tensor, weights: Weights) -> Tensor:
    return (a - b).abs().mean() / weights.unit_db


def _distance(a: Tensor, b: Tensor) -> float:
    """Mean absolute difference in dB where the reference is above -40 dB."""
    heard = b > -40.0
    return float((a - b).abs()[heard].mean())


def write_sample(path: Path, mel: Mel) -> None:
    """Write mel columns as sound, to hear how training goes."""
    from audiokit.io.audio import write

    y = from_mel(mel, length=(mel.shape[1] - 1) * HOP, iterations=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, y[None], RATE, clip="rescale", force=True)


def train_vocal_cyclegan(
    speech: str | Path,
    vocals: str | Path,
    accompaniment: str | Path | None = None,
    *,
    settings: VocalSettings,
    run: RunOptions,
) -> dict[str, float]:
    """Train from folders and leave a model folder.

    Args:
        speech, vocals, accompaniment: folders of audio.
        settings: sizes and weights.
        run: how long, where, and what goes into the model card.

    Returns:
        The last validation's values.

    Raises:
        ParameterError: preset or size unknown.
        InputError: too little sound.
    """
    if settings.preset not in PRESETS:
        raise ParameterError(f"preset {settings.preset!r} is unknown", hint=f"choose one of {', '.join(PRESETS)}")
    own = {name: getattr(settings, name) for name in ("cycle", "identity", "paired", "adversarial")}
    weights = replace(PRESETS[settings.preset], **{name: value for name, value in own.items() if value is not None})
    cache = Path(run.out) / "cache"
    recipe = VocalCycleGanRecipe(
        load_voices(speech, cache=cache, paired=False),
        load_voices(vocals, backing=accompaniment, cache=cache, paired=weights.paired > 0),
        size=settings.size,
        weights=weights,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        card={k: v for k, v in {"licence": run.licence, "training_data": run.source}.items() if v},
        seed=run.seed,
        device=run.place(),
    )
    values = run.fit(recipe, steps=20_000, validate_every=1000)
    run.tell(values, then=f"audiokit sing TALK --over BAND --engine gan --model {run.out}")
    return values
