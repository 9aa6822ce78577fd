"""Denoising as the command does it: look at the audio, choose an engine, run it on files, streams or arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from audiokit.dsp.separation.content import music_score
from audiokit.dsp.separation.denoise import PlainDenoiser, Rule, music_rule, noise_profile, noise_ratio_db
from audiokit.errors import InputError, ParameterError, UsageError

if TYPE_CHECKING:
    from audiokit.engine.batch import Job

ENGINES = ("auto", "wiener", "gate", "mask", "neural")
CONTENTS = ("auto", "speech", "music")
#: Audio from the beginning on which the choice of an engine and the level rest.
LOOK_S = 20.0
DEFAULT_MODEL = "denoiser"


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
        engine: one of ENGINES.
        content: one of CONTENTS.
        profile: whether there is a recording of the noise alone, which only the plain engines can use.

    Raises:
        ParameterError: an unknown engine or content.
        UsageError: the neural engine together with a profile.

    >>> choose(np.zeros((1, 8000), np.float32), rate=8000).engine
    'neural'
    """
    if engine not in ENGINES:
        raise ParameterError(f"--engine {engine}: unknown", hint=f"engines: {', '.join(ENGINES)}")
    if content not in CONTENTS:
        raise ParameterError(f"--content {content}: unknown", hint=f"contents: {', '.join(CONTENTS)}")
    if profile and engine == "neural":
        raise UsageError("the neural engine takes no noise profile", hint="leave out --noise, or use --engine wiener")
    if content == "auto":
        content = "music" if music_score(y, rate=rate) > 0.5 else "speech"
    if engine == "auto":
        engine = "wiener" if profile or content == "music" else "neural"
    if engine == "neural" and content == "music":
        return Choice("wiener", content, "music: the speech network would harm it, so the plain engine was used")
    return Choice(engine, content)


def denoise(
    y: np.ndarray,
    *,
    rate: int,
    engine: str = "auto",
    content: str = "auto",
    strength: float = 1.0,
    noise: np.ndarray | None = None,
    model: str | None = None,
    threshold_db: float | None = None,
    hard: bool = False,
    device: str = "cpu",
) -> np.ndarray:
    """Remove noise from audio without delaying it or making it worse.

    Args:
        y: audio (C, T), float32; channels share every gain.
        rate: Hz.
        engine: auto, wiener, gate, mask or neural.
        content: auto, speech or music.
        strength: share of the noise reduction to apply, 0 (the input) to 1.
        noise: a recording of the noise alone (any channels, T) at the same rate, for the plain engines.
        model: name, folder or file of a denoiser for the neural engine.
        threshold_db: for gate and mask; see `audiokit.dsp.separation.denoise.Rule`.
        hard: for the mask: all or nothing.
        device: where the network runs.

    Returns:
        Audio (C, T), float32.

    Raises:
        ParameterError: an unknown name, or strength outside 0..1.
        ModelError: the model is no denoiser.

    >>> denoise(np.zeros((2, 4000), np.float32), rate=16_000, engine="wiener").shape
    (2, 4000)
    """
    stream = AutoDenoiser(
        channels=y.shape[0],
        rate=rate,
        engine=engine,
        content=content,
        strength=strength,
        noise=noise,
        model=model,
        threshold_db=threshold_db,
        hard=hard,
        device=device,
    )
    parts = [stream.push(y[:, a : a + (1 << 18)]) for a in range(0, y.shape[1], 1 << 18)]
    return np.concatenate([*parts, stream.finish()], axis=1)


class AutoDenoiser:
    """Look at the first seconds, choose, then denoise block by block; options as for `denoise`.

    Attributes:
        choice: what was chosen; None until enough audio has come.
    """

    def __init__(
        self,
        *,
        channels: int,
        rate: int,
        engine: str = "auto",
        content: str = "auto",
        strength: float = 1.0,
        noise: np.ndarray | None = None,
        model: str | None = None,
        threshold_db: float | None = None,
        hard: bool = False,
        device: str = "cpu",
    ) -> None:
        if not 0 <= strength <= 1:
            raise ParameterError(f"--strength {strength} is not in 0..1")
        self.channels, self.rate, self.strength = channels, rate, strength
        self.choice: Choice | None = None
        self._engine, self._content = engine, content
        self._profile = None
        if noise is not None:
            # Per-channel power, so that a mono profile fits stereo audio.
            self._profile = noise_profile(noise, rate=rate) / noise.shape[0] * channels
        self._rule = Rule("wiener", threshold_db=threshold_db, hard=hard)
        self._model, self._device = model, device
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

            network, first_db = load_network(self._model or DEFAULT_MODEL, device=self._device)
            self._stream = NeuralDenoiser(
                network,
                channels=self.channels,
                rate=self.rate,
                strength=self.strength * (1.0 if first_db is None else share_of(look, self.rate)),
                gain=working_gain(look),
                first_db=first_db,
            )
        else:
            rule = Rule(choice.engine, threshold_db=self._rule.threshold_db, hard=self._rule.hard)
            if choice.content == "music" and not rule.hard:
                rule = music_rule(rule)
            self._stream = PlainDenoiser(
                channels=self.channels, rate=self.rate, rule=rule, profile=self._profile, strength=self.strength
            )
        return self._stream.push(held)


def share_of(look: np.ndarray, rate: int) -> float:
    """Decide how much of the network's work a recording needs: all of it, down to half for a clean one.

    >>> share_of(np.zeros((1, 16_000), np.float32), 16_000)
    1.0
    """
    return float(np.interp(noise_ratio_db(look, rate=rate), (29.0, 36.0), (1.0, 0.5)))


@dataclass(frozen=True)
class DenoiseOptions:
    """The options of `audiokit denoise`, as they travel to the workers; see `denoise`."""

    engine: str = "auto"
    content: str = "auto"
    strength: float = 1.0
    noise: str | None = None
    model: str | None = None
    threshold_db: float | None = None
    hard: bool = False
    device: str = "cpu"
    clip: str = "rescale"
    subtype: str | None = None


def check_options(options: DenoiseOptions) -> None:
    """Refuse what makes no sense before anything runs.

    Raises:
        ParameterError: an unknown name, or an option of another engine.
        UsageError: options that exclude each other.
        InputError: the noise file is not there.
        ModelError: there is no such model.
    """
    nothing = np.zeros((1, 0), np.float32)
    choose(nothing, rate=1, engine=options.engine, content=options.content, profile=options.noise is not None)
    if options.hard and options.engine != "mask":
        raise UsageError("--hard belongs to the mask", hint="add --engine mask")
    if options.threshold_db is not None and options.engine not in ("mask", "gate"):
        raise UsageError("--threshold belongs to the mask and the gate", hint="add --engine mask or --engine gate")
    if options.model is not None and options.engine not in ("auto", "neural"):
        raise UsageError(f"--model: the {options.engine} engine uses none", hint="leave it out, or --engine neural")
    if options.model is not None and not Path(options.model).exists():
        from audiokit.models.folder.checkpoint import find

        find(options.model)  # a name that nothing has is an error even where no speech asks for the model
    if options.noise is not None and not Path(options.noise).exists():
        raise InputError(f"{options.noise}: no such file")


def denoise_file(job: Job, *, options: DenoiseOptions) -> dict[str, Any]:
    """Denoise one file or stream in bounded memory; the task behind `audiokit denoise`."""
    from audiokit.io.audio import Reader, Writer

    with Reader(job.source) as reader:
        stream = AutoDenoiser(
            channels=reader.channels,
            rate=reader.rate,
            engine=options.engine,
            content=options.content,
            strength=options.strength,
            noise=_read_noise(options.noise, rate=reader.rate),
            model=options.model,
            threshold_db=options.threshold_db,
            hard=options.hard,
            device=options.device,
        )
        length, before, after = 0, 0.0, 0.0
        writer = Writer(
            job.target,
            reader.rate,
            reader.channels,
            like=reader.info,
            subtype=options.subtype,
            history=job.history,
            clip=options.clip,
            force=job.force,
        )
        with writer:
            for block in reader.blocks():
                length += block.shape[1]
                before += float(np.sum(np.square(block, dtype=np.float64)))
                done = stream.push(block)
                after += float(np.sum(np.square(done, dtype=np.float64)))
                writer.write(done)
            done = stream.finish()
            after += float(np.sum(np.square(done, dtype=np.float64)))
            writer.write(done)
    choice = stream.choice
    assert choice is not None
    change = 10 * np.log10(after / before) if before > 0 and after > 0 else 0.0
    return {
        "seconds": length / reader.rate,
        "engine": choice.engine,
        "content": choice.content,
        "change_db": round(float(change), 2),
        "warnings": [*([choice.warning] if choice.warning else []), *writer.warnings],
    }


def _read_noise(path: str | None, *, rate: int) -> np.ndarray | None:
    if path is None:
        return None
    from audiokit.io.audio import read

    noise, info = read(path, rate=rate)
    if info.rate < rate * 0.9:
        raise InputError(
            f"{path}: {info.rate} Hz says nothing about the upper bands of audio at {rate} Hz",
            hint="record the noise at the rate of the audio",
        )
    if not np.any(noise):
        raise InputError(f"{path}: silent, so there is no noise profile in it", hint="give a recording of the noise")
    return noise
