"""A denoiser that looks at the audio first: the network for speech, the plain engines for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audiokit.dsp.separation.content import music_score
from audiokit.dsp.separation.denoise import PlainDenoiser
from audiokit.dsp.separation.noise import Rule, music_rule, noise_profile, noise_ratio_db
from audiokit.errors import UsageError

#: Audio from the beginning on which the choice of an engine and the level rest.
LOOK_S = 20.0
DEFAULT_MODEL = "denoiser"


@dataclass(frozen=True)
class Denoising:
    """How audio is denoised.

    Attributes:
        engine: auto, wiener, gate, mask or neural.
        content: auto, speech or music.
        strength: share of the noise reduction to apply, 0 (the input) to 1.
        model: name, folder or file of a denoiser for the neural engine.
        threshold_db: for gate and mask; see `audiokit.dsp.separation.noise.Rule`.
        hard: for the mask: all or nothing.
        device: where the network runs.
    """

    engine: str = "auto"
    content: str = "auto"
    strength: float = 1.0
    model: str | None = None
    threshold_db: float | None = None
    hard: bool = False
    device: str = "auto"


class Stream(Protocol):
    """What every engine offers: audio in, finished audio out, in time with the input."""

    def push(self, y: np.ndarray) -> np.ndarray:
        """Take audio (C, n) and return finished audio (C, m)."""

    def finish(self) -> np.ndarray:
        """Return the rest."""


@dataclass(frozen=True)
class Choice:
    """What is to be done: an engine, and for what content.

    Attributes:
        engine: "wiener", "gate", "mask" or "neural".
        content: "speech" or "music".
        warning: why it is not what was asked for, or "".
    """

    engine: str
    content: str
    warning: str = ""


def choose(y: np.ndarray, *, rate: int, engine: str = "auto", content: str = "auto", profile: bool = False) -> Choice:
    """Decide on an engine from the beginning of the audio.

    Args:
        y: the first seconds (C, T).
        rate: Hz.
        engine: auto, wiener, gate, mask or neural.
        content: auto, speech or music.
        profile: whether there is a recording of the noise alone, which only the plain engines can use.

    Raises:
        UsageError: the neural engine together with a profile.

    >>> choose(np.zeros((1, 8000), np.float32), rate=8000).engine
    'neural'
    """
    if profile and engine == "neural":
        raise UsageError("the neural engine takes no noise profile", hint="leave out --noise, or use --engine wiener")
    if content == "auto":
        content = "music" if music_score(y, rate=rate) > 0.5 else "speech"
    if engine == "auto":
        engine = "wiener" if profile or content == "music" else "neural"
    if engine == "neural" and content == "music":
        return Choice("wiener", content, "music: the speech network would harm it, so the plain engine was used")
    return Choice(engine, content)


class AutoDenoiser:
    """Look at the first seconds, choose, then denoise block by block.

    Args:
        how: engine and the rest.
        channels, rate: of the audio, Hz.
        noise: a recording of the noise alone (any channels, T) at the same rate, for the plain engines.

    Attributes:
        choice: what was chosen; None until enough audio has come.
    """

    def __init__(
        self, how: Denoising | None = None, *, channels: int, rate: int, noise: np.ndarray | None = None
    ) -> None:
        how = how or Denoising()
        engine, content = how.engine, how.content
        self.channels, self.rate, self.strength = channels, rate, how.strength
        self.choice: Choice | None = None
        self._engine, self._content = engine, content
        self._profile = None
        if noise is not None:
            # Per-channel power, so that a mono profile fits stereo audio.
            self._profile = noise_profile(noise, rate=rate) / noise.shape[0] * channels
        self._rule = Rule("wiener", threshold_db=how.threshold_db, hard=how.hard)
        self._model, self._device = how.model, how.device
        self._held: list[np.ndarray] = []
        self._stream: Stream | None = None
        choose(np.zeros((1, 0), np.float32), rate=rate, engine=engine, content=content, profile=noise is not None)

    def push(self, y: np.ndarray) -> np.ndarray:
        """Take audio (C, n) and return finished audio (C, m)."""
        if self._stream is not None:
            return self._stream.push(y)
        self._held.append(y)
        if sum(block.shape[1] for block in self._held) < LOOK_S * self.rate:
            return y[:, :0]
        return self._start()

    def finish(self) -> np.ndarray:
        """Return the rest; all audio together is as long as the input."""
        head = self._start() if self._stream is None else np.zeros((self.channels, 0), np.float32)
        assert self._stream is not None
        return np.concatenate([head, self._stream.finish()], axis=1)

    def _start(self) -> np.ndarray:
        held = np.concatenate([np.zeros((self.channels, 0), np.float32), *self._held], axis=1)
        self._held = []
        look = held[:, : int(LOOK_S * self.rate)]
        choice = choose(
            look, rate=self.rate, engine=self._engine, content=self._content, profile=self._profile is not None
        )
        self.choice = choice
        if choice.engine == "neural":
            from audiokit.models.voice.denoise import NeuralDenoiser, load_network, working_gain

            network, around = load_network(self._model or DEFAULT_MODEL, device=self._device)
            ratio_db = noise_ratio_db(look, rate=self.rate)
            self._stream = NeuralDenoiser(
                network,
                channels=self.channels,
                rate=self.rate,
                strength=self.strength * (share_of(ratio_db) if around.spare_clean else 1.0),
                gain=working_gain(look),
                first_db=around.first_db,
                easing=around.easing and around.easing.at(ratio_db),
            )
        else:
            rule = Rule(choice.engine, threshold_db=self._rule.threshold_db, hard=self._rule.hard)
            if choice.content == "music" and not rule.hard:
                rule = music_rule(rule)
            self._stream = PlainDenoiser(
                channels=self.channels, rate=self.rate, rule=rule, profile=self._profile, strength=self.strength
            )
        return self._stream.push(held)


def share_of(ratio_db: float) -> float:
    """Decide how much of the network's work a recording needs: all of it, a little less where there is little noise
    (which is heard less than what is missing), down to half for a clean one.

    Args:
        ratio_db: how far the loudest moments stand above the noise; see `noise_ratio_db`.

    >>> share_of(15.0), share_of(36.0)
    (1.0, 0.5)
    """
    return float(np.interp(ratio_db, (20.0, 28.0, 36.0), (1.0, 0.97, 0.5)))
