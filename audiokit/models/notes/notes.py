"""Note models of every architecture behind one face: draw a sound, render a note of it, encode a recording.

A sound is a latent with a label (which family, which instrument it is near); a note is a sound at a pitch and a
velocity. What a model cannot be asked for, it refuses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.notes.additive import note_blocks
from audiokit.dsp.notes.notes import analyse_note
from audiokit.dsp.notes.release import described, find_release
from audiokit.errors import ModelError, ParameterError
from audiokit.io.nsynth import FAMILIES, QUALITIES, SOURCES
from audiokit.models.notes.detail import Detail, detail_of, mixed, with_detail
from audiokit.models.notes.touch import NEUTRAL, mixture, with_loudness, with_touch

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.samples import Wave
    from audiokit.models.folder.runtime import Network

KIND = "generate"
DEFAULT = "notes"


@dataclass(frozen=True)
class Wish:
    """What a sound should be like; empty fields leave the choice to the model.

    Attributes:
        family, source: NSynth's words.
        qualities: NSynth's words, all of which the instrument must have.
        instrument: name of one of the model's instruments.
        variety: how far from the known instruments a sound may lie: 0 is one of them, 1 as far as their own
            notes scatter.
        span: lowest and highest pitch it will play; instruments that reach them are preferred.
    """

    family: str | None = None
    source: str | None = None
    qualities: tuple[str, ...] = ()
    instrument: str | None = None
    variety: float = 1.0
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Sound:
    """A latent and what it is near to.

    Attributes:
        latent: (D,), float32.
        family, source, qualities, instrument: label, "" where there is none.
        detail: what a recording has beside it, if the sound was made from one.
    """

    latent: np.ndarray
    family: str = ""
    source: str = ""
    qualities: tuple[str, ...] = ()
    instrument: str = ""
    detail: Detail | None = None


class NoteModel(ABC):
    """What every note model can do.

    Args:
        network: what runs it.
    """

    #: Longest note in seconds, or None for any length.
    longest_s: float | None = None
    #: Does the model follow a wanted pitch?
    has_pitch = True

    def __init__(self, network: Network) -> None:
        self.network, self.name = network, network.name
        labels = network.card.get("labels", {})
        self.instruments: list[dict[str, Any]] = labels.get("instruments", [])
        self.low, self.high = labels.get("pitch", (24, 96))

    @property
    def latent_size(self) -> int:
        """Length of a latent."""
        return int(next(iter(self.network.inputs().values()))[-1])

    @property
    def scatter(self) -> np.ndarray:
        """How far sounds of one kind lie apart in each direction of the latent space (D,)."""
        if self.network.card["architecture"] in ("note-decoder", "note-autoencoder"):
            return self.network.weight("scatter").mean(0)
        return np.ones(self.latent_size)

    def check_latent(self, latent: np.ndarray, name: str = "the latent") -> np.ndarray:
        """Take a latent (D,), or (1, D), of this model's size.

        Raises:
            ModelError: it is of another size, or not finite.
        """
        latent = np.asarray(latent)
        if latent.ndim == 2 and len(latent) == 1:
            latent = latent[0]
        if latent.shape != (self.latent_size,) or latent.dtype.kind not in "fiu":
            raise ModelError(
                f"{name}: shape {latent.shape}, but latents of {self.name} are ({self.latent_size},)",
                hint="latents fit only the model that wrote them",
            )
        if not np.isfinite(latent).all():
            raise ModelError(f"{name}: holds NaN or infinity")
        return latent.astype(np.float32)

    def candidates(self, wish: Wish) -> list[int]:
        """Find the instruments that fit a wish.

        Raises:
            ParameterError: a word is not known, or nothing fits.
        """
        known = {
            "family": sorted({i["family"] for i in self.instruments} or FAMILIES),
            "source": sorted({i["source"] for i in self.instruments} or SOURCES),
            "instrument": sorted(i["name"] for i in self.instruments),
        }
        for word, names in known.items():
            value = getattr(wish, word)
            if value is not None and value not in names:
                raise ParameterError(f"unknown {word} {value!r}", hint=f"{self.name} knows: {', '.join(names)}")
        for quality in wish.qualities:
            if quality not in QUALITIES:
                raise ParameterError(f"unknown quality {quality!r}", hint=f"known: {', '.join(QUALITIES)}")
        fitting = [
            index
            for index, one in enumerate(self.instruments)
            if wish.family in (None, one["family"])
            and wish.source in (None, one["source"])
            and wish.instrument in (None, one["name"])
            and set(wish.qualities) <= set(one["qualities"])
        ]
        if self.instruments and not fitting:
            of_family = [i for i in self.instruments if wish.family in (None, i["family"])]
            sources = sorted({i["source"] for i in of_family})
            qualities = sorted({q for i in of_family for q in i["qualities"]})
            raise ParameterError(
                f"{self.name} has no instrument that is {_spell(wish)}",
                hint=f"{wish.family or 'its instruments'}: sources {', '.join(sources)};"
                f" qualities {', '.join(qualities) or 'none'}",
            )
        if wish.span is not None:
            low, high = wish.span[0] + 3, wish.span[1] - 3  # what was heard a few keys away is known well enough
            reaching = [i for i in fitting if self.instruments[i]["low"] <= low and high <= self.instruments[i]["high"]]
            fitting = reaching or fitting
        return fitting

    @abstractmethod
    def draw(self, wish: Wish, rng: np.random.Generator) -> Sound:
        """Draw a sound that fits a wish."""

    @abstractmethod
    def render(
        self, sound: Sound, pitch: float, velocity: int, *, held_s: float, release_s: float, decay_s: float | None,
        rate: int, rng: np.random.Generator,
    ) -> np.ndarray:  # fmt: skip
        """Render one note of a sound: audio (T,), float32."""

    def render_blocks(
        self, sound: Sound, pitch: float, velocity: int, *, held_s: float, release_s: float, decay_s: float | None,
        rate: int, rng: np.random.Generator,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        """Render one note of a sound in blocks (n,), float32, where the model can; else as one."""
        yield self.render(
            sound, pitch, velocity, held_s=held_s, release_s=release_s, decay_s=decay_s, rate=rate, rng=rng
        )

    def encode(self, y: Wave, rate: int, pitch: float, velocity: int) -> Sound:
        """Place a recorded note (T,) in the latent space."""
        raise ModelError(f"{self.name}: has no encoder, so it cannot imitate a recording", hint="use --model notes")


class CombModel(NoteModel):
    """The comb-source decoder: exact pitch, any length, any sample rate."""

    def draw(self, wish: Wish, rng: np.random.Generator) -> Sound:
        """Choose an instrument, or with some chance a place between two of one family, and stray a little."""
        fitting = self.candidates(wish)
        first = int(rng.choice(fitting))
        family = self.instruments[first]["family"]
        relatives = [i for i in fitting if self.instruments[i]["family"] == family and i != first]
        centres, scatter = self.network.weight("centres"), self.network.weight("scatter")
        second = int(rng.choice(relatives)) if relatives else first
        share = 0.45 * wish.variety * float(rng.random() ** 2)
        latent = (1 - share) * centres[first] + share * centres[second]
        spread = (1 - share) * scatter[first] + share * scatter[second]
        latent = latent + wish.variety * 0.7 * spread * rng.standard_normal(len(latent))
        one = self.instruments[first]
        return Sound(latent.astype(np.float32), one["family"], one["source"], tuple(one["qualities"]), one["name"])

    def render(
        self, sound: Sound, pitch: float, velocity: int, *, held_s: float, release_s: float, decay_s: float | None,
        rate: int, rng: np.random.Generator,
    ) -> np.ndarray:  # fmt: skip
        """Render one note of a sound: audio (T,), float32."""
        blocks = self.render_blocks(
            sound, pitch, velocity, held_s=held_s, release_s=release_s, decay_s=decay_s, rate=rate, rng=rng
        )
        return np.concatenate([*blocks])

    def render_blocks(
        self, sound: Sound, pitch: float, velocity: int, *, held_s: float, release_s: float, decay_s: float | None,
        rate: int, rng: np.random.Generator,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        """Render one note of a sound in blocks (n,), float32, of seconds."""
        from audiokit.models.notes.scale import unscale

        levels, constants = self._describe(sound.latent, pitch, velocity)
        if sound.detail is not None:
            levels, constants = with_detail(levels, constants, sound.detail, pitch)
        return note_blocks(
            unscale(levels, constants), pitch, held_s=held_s, release_s=release_s, decay_s=decay_s, rate=rate, rng=rng
        )

    def encode(self, y: Wave, rate: int, pitch: float, velocity: int) -> Sound:
        """Place a recorded note (T,) in the latent space, labelled by the nearest instrument, and keep its detail."""
        from audiokit.models.notes.scale import scale

        part, held_s = described(y, rate, find_release(y, rate))
        shape = analyse_note(part, rate, pitch, held_s=held_s)
        levels, constants = scale(shape)
        seen = np.array([[min(shape.seen_s / 3, 1.0), shape.top_hz / 16000]])
        note = np.array([pitch]), np.array([velocity])
        latent = self.network.run(levels[None], constants[None], *note, seen, graph="encode")[0][0]
        nearest = int(np.square(self.network.weight("centres") - latent).sum(1).argmin())
        one = self.instruments[nearest]
        detail = detail_of(shape, *self._describe(latent, pitch, velocity), pitch, released=held_s is not None)
        return Sound(latent, one["family"], one["source"], tuple(one["qualities"]), one["name"], detail)

    def _describe(self, latent: np.ndarray, pitch: float, velocity: int) -> tuple[np.ndarray, np.ndarray]:
        levels, constants = self.network.run(latent[None], np.array([pitch]), np.array([velocity]))
        if velocity == NEUTRAL or not self.network.card["settings"].get("touch"):
            return levels[0], constants[0]
        neutral, constants = self.network.run(latent[None], np.array([pitch]), np.array([NEUTRAL]))
        rows = self.network.card.get("touch")  # models that were made before it was kept there have it in their weights
        rows = self.network.weight("touch") if rows is None else np.asarray(rows)
        row = mixture(latent, self.network.weight("centres")) @ rows
        return with_touch(with_loudness(neutral[0], levels[0], pitch), row, pitch, velocity), constants[0]


class PictureModel(NoteModel):
    """The GAN, the conditional GAN and the autoencoder: 4 s log-magnitude pictures, inverted by phase retrieval."""

    longest_s = 4.0

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.has_pitch = network.card["architecture"] != "note-gan"

    def draw(self, wish: Wish, rng: np.random.Generator) -> Sound:
        """Draw a latent; the family is part of the note's condition, not of the latent."""
        from audiokit.models.notes.cgan import FAMILIES as COUNT

        self.candidates(wish)
        family = wish.family or ("" if not self.has_pitch else FAMILIES[int(rng.integers(COUNT))])
        latent = rng.standard_normal(self.latent_size).astype(np.float32)
        return Sound(latent, family, wish.source or "", wish.qualities, "")

    def render(
        self, sound: Sound, pitch: float, velocity: int, *, held_s: float, release_s: float, decay_s: float | None,
        rate: int, rng: np.random.Generator,
    ) -> np.ndarray:  # fmt: skip
        """Render one note of a sound: audio (T,), float32; at most `longest_s`."""
        import torch

        from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
        from audiokit.dsp.spectrum.phase import retrieve_phase
        from audiokit.dsp.spectrum.stft import istft
        from audiokit.models.notes import cgan as note_cgan
        from audiokit.models.notes import layers as note_layers

        inputs = [sound.latent[None]]
        if self.has_pitch:
            wanted = note_cgan.condition(
                torch.tensor([round(pitch)]), torch.tensor([FAMILIES.index(sound.family or FAMILIES[0])]),
                torch.tensor([velocity]), torch.tensor([[float(q in sound.qualities) for q in QUALITIES]]),
            )  # fmt: skip
            inputs.append(wanted.numpy())
        (magnitude,) = self.network.run(*inputs)
        settings = PhaseSettings(note_layers.N_FFT, note_layers.HOP)
        S = retrieve_phase(magnitude, settings, rng=rng)
        length = (note_layers.FRAMES - 1) * note_layers.HOP
        y = istft(S, n_fft=note_layers.N_FFT, hop=note_layers.HOP, length=length)[0]
        return _fit(y, note_layers.RATE, rate, held_s, release_s)


def load(spec: str, *, device: str = "cpu") -> NoteModel:
    """Load a note model by name or folder.

    Raises:
        ModelError: it is unknown, or a model for something else.
    """
    from audiokit.models.folder.runtime import open_network

    network = open_network(spec, kind=KIND, device=device)
    architecture = network.card["architecture"]
    if architecture == "note-decoder":
        return CombModel(network)
    if architecture in ("note-gan", "note-cgan", "note-autoencoder"):
        return PictureModel(network)
    raise ModelError(f"{spec}: {architecture} does not make notes")


def between(a: Sound, b: Sound, share: float) -> Sound:
    """Find the sound that lies a share of the way from one to another; its label is the nearer one's.

    >>> halfway = between(Sound(np.zeros(2, np.float32)), Sound(np.ones(2, np.float32), "organ"), 0.75)
    >>> halfway.latent.tolist(), halfway.family
    ([0.75, 0.75], 'organ')
    """
    near = a if share < 0.5 else b
    latent = ((1 - share) * a.latent + share * b.latent).astype(np.float32)
    detail = mixed(a.detail, b.detail, share)
    return Sound(latent, near.family, near.source, near.qualities, near.instrument, detail)


def _fit(y: np.ndarray, own_rate: int, rate: int, held_s: float, release_s: float) -> np.ndarray:
    """Resample, cut to length and fade out."""
    if rate != own_rate:
        import soxr

        y = soxr.resample(y, own_rate, rate, quality="VHQ")
    n = round((held_s + release_s) * rate)
    y = np.pad(y, (0, max(0, n - len(y))))[:n].astype(np.float32)
    fade = min(n, round(min(0.25, release_s) * rate))
    y[n - fade :] *= (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))).astype(np.float32)
    return y


def _spell(wish: Wish) -> str:
    parts: Sequence[str | None] = (wish.source, wish.family, *wish.qualities, wish.instrument)
    return " and ".join(part for part in parts if part)
