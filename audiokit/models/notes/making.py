"""From wishes to sounds, from sounds to notes, from notes to a melody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiokit.dsp.effects.effects import fade_in
from audiokit.dsp.effects.long import Keep, drive_passing, in_memory, reverb_passing
from audiokit.errors import InputError, ParameterError
from audiokit.models.notes.notes import NoteModel, Sound, Wish, between

#: Notes leave the model about as loud as a mixed instrument; samples are wanted twice as loud.
GAIN = 2.0
_CEILING = 0.98
_AMOUNT_OF_QUALITY = 0.5


@dataclass(frozen=True)
class NoteSettings:
    """How notes are made of a sound.

    Attributes:
        seconds: how long a note lasts, its release included; a room's tail comes on top.
        attack_s: fade in this slowly; 0 keeps the sound's own attack.
        release_s: time to fall by 60 dB once let go; None keeps the sound's own release.
        distortion, reverb: 0..1, see `audiokit.dsp.effects.effects`.
        rate: sample rate in Hz.
        seed: source of everything random.
        nearest: play the nearest pitch the model has instead of refusing.
    """

    seconds: float = 4.0
    attack_s: float = 0.0
    release_s: float | None = None
    distortion: float = 0.0
    reverb: float = 0.0
    rate: int = 44100
    seed: int = 0
    nearest: bool = False

    def __post_init__(self) -> None:
        for name in ("distortion", "reverb"):
            if not 0 <= getattr(self, name) <= 1:
                raise ParameterError(f"{name} goes from 0 to 1, not {getattr(self, name):g}")
        if not 0.05 <= self.seconds <= 600:
            raise ParameterError(f"a note lasts 0.05 to 600 s, not {self.seconds:g}")
        if self.attack_s < 0 or (self.release_s is not None and self.release_s <= 0):
            raise ParameterError("attack and release are times in seconds, above zero")
        if self.attack_s >= self.seconds or self.tail_s >= self.seconds:
            raise ParameterError(
                f"attack and release do not fit into {self.seconds:g} s", hint="make the note longer with --seconds"
            )
        if not 8000 <= self.rate <= 192_000:
            raise ParameterError(f"notes are made at 8000 to 192000 Hz, not {self.rate}")

    @property
    def tail_s(self) -> float:
        """The part of a note after the key is let go."""
        return self.release_s if self.release_s is not None else min(1.0, self.seconds / 4)


@dataclass(frozen=True)
class Note:
    """One note to make.

    Attributes:
        name: file name without suffix.
        sound: index of the sound.
        pitch, velocity: MIDI; a pitch need not be whole.
        warnings: what was changed about the request.
    """

    name: str
    sound: int
    pitch: float
    velocity: int
    warnings: tuple[str, ...] = ()


def with_qualities(settings: NoteSettings, wish: Wish) -> tuple[NoteSettings, Wish]:
    """Turn the qualities that are effects into effects, unless their amounts are given already."""
    settings = replace(
        settings,
        distortion=settings.distortion or (_AMOUNT_OF_QUALITY if "distortion" in wish.qualities else 0.0),
        reverb=settings.reverb or (_AMOUNT_OF_QUALITY if "reverb" in wish.qualities else 0.0),
    )
    rest = tuple(q for q in wish.qualities if q not in ("distortion", "reverb"))
    return settings, replace(wish, qualities=rest)


def draw_sounds(model: NoteModel, wish: Wish, count: int, seed: int) -> list[Sound]:
    """Draw sounds that fit a wish; the n-th is the same whatever the count."""
    return [model.draw(wish, np.random.default_rng([seed, 1, n])) for n in range(count)]


def vary(model: NoteModel, sound: Sound, count: int, seed: int, variety: float) -> list[Sound]:
    """Make variations of a sound: the first is itself."""
    width = model.scatter
    out = [sound]
    for n in range(1, count):
        noise = np.random.default_rng([seed, 3, n]).standard_normal(model.latent_size)
        out.append(replace(sound, latent=(sound.latent + variety * width * noise).astype(np.float32)))
    return out


def path_between(a: Sound, b: Sound, steps: int) -> list[Sound]:
    """Go from one sound to another in equal steps, both included.

    Raises:
        ParameterError: fewer than two steps.
    """
    if steps < 2:
        raise ParameterError(f"an interpolation needs 2 steps or more, not {steps}")
    return [between(a, b, n / (steps - 1)) for n in range(steps)]


def read_sound(model: NoteModel, text: str, *, pitch: int | None, seed: int) -> tuple[Sound, int | None]:
    """Find the sound that a word means: a latent (.npy), a recorded note, an instrument or a family.

    Args:
        model: whose latent space it is placed in.
        text: path or name.
        pitch: MIDI number of a recording; None to take it from the file's name or the audio.
        seed: of the draw when it is a family.

    Returns:
        The sound, and the pitch of a recording.

    Raises:
        InputError: a file cannot be read, or has no pitch.
        ParameterError: it is no known word either.
        ModelError: the latent does not fit, or the model has no encoder.
    """
    path = Path(text)
    if path.suffix == ".npy":
        return Sound(model.check_latent(read_latents(path)[0], text)), None
    if path.suffix:
        return _encode(model, path, pitch)
    names = {one["name"] for one in model.instruments}
    wish = Wish(instrument=text, variety=0.0) if text in names else Wish(family=text)
    try:
        return model.draw(wish, np.random.default_rng([seed, 4])), None
    except ParameterError as error:
        raise ParameterError(
            f"{text!r}: not a .npy file, a recording, an instrument or a family", hint=error.hint
        ) from None


def read_latents(path: str | Path) -> np.ndarray:
    """Read latents (N, D) from a .npy file holding (D,) or (N, D).

    Raises:
        InputError: it is missing or no array of numbers.
    """
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, OSError, EOFError):  # NumPy takes what it does not know for a pickle, and tells how to load one
        raise InputError(
            f"{path}: not a .npy array of numbers", hint="--like takes a recording, and finds its latent"
        ) from None
    return as_latents(values, str(path))


def as_latents(values: np.ndarray, where: str) -> np.ndarray:
    """Check latents (D,) or (N, D), and give (N, D).

    Args:
        values: numbers.
        where: they come from, for the error.

    Raises:
        InputError: they are something else.

    >>> as_latents(np.zeros(3), "latent").shape
    (1, 3)
    """
    values = np.atleast_2d(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
        raise InputError(f"{where}: latents are numbers (D,) or (N, D), this is {values.dtype} {values.shape}")
    return values


def plan(
    model: NoteModel, sounds: Sequence[Sound], pitches: Sequence[float], velocities: Sequence[int], *, nearest: bool
) -> list[Note]:
    """List the notes to make: every sound at every pitch and velocity, named as NSynth names notes.

    Raises:
        ParameterError: a pitch or velocity is out of range, or the model follows no pitch.
    """
    out: dict[str, Note] = {}
    for velocity in velocities:
        check_velocity(velocity)
    for index, sound in enumerate(sounds):
        prefix = "_".join(part for part in (sound.family or "note", sound.source or "synthetic") if part)
        for wanted in pitches:
            pitch, warnings = check_pitch(model, wanted, nearest=nearest)
            for velocity in velocities:
                name = f"{prefix}_{index:03d}-{round(pitch):03d}-{velocity:03d}"
                out.setdefault(name, Note(name, index, pitch, velocity, warnings))
    return list(out.values())


def make_note(
    model: NoteModel, sound: Sound, pitch: float, velocity: int, settings: NoteSettings, *, key: int
) -> tuple[np.ndarray, list[str]]:
    """Make one note: audio (T,), float32, and warnings. `key` tells notes of the same pitch and velocity apart."""
    y = np.concatenate([*note_blocks(model, sound, pitch, velocity, settings, key=key)])
    gain, warnings = within_full_scale(_peak(y))
    return y * np.float32(gain), warnings


def note_blocks(
    model: NoteModel,
    sound: Sound,
    pitch: float,
    velocity: int,
    settings: NoteSettings,
    *,
    key: int,
    keep: Keep = in_memory,
) -> Iterator[np.ndarray]:
    """Make one note in blocks (n,), float32: no more of it is held, but where the model needs all of it.

    Nothing is turned down yet; see `within_full_scale`. What has to be heard twice is kept by `keep`.
    """
    if model.longest_s is not None and settings.seconds > model.longest_s:
        raise ParameterError(
            f"{model.name} makes notes of up to {model.longest_s:g} s, not {settings.seconds:g}",
            hint="shorten --seconds, or use --model notes",
        )
    rng = np.random.default_rng([settings.seed, 2, key, round(100 * pitch), velocity])
    blocks = model.render_blocks(
        sound, pitch, velocity, held_s=settings.seconds - settings.tail_s, release_s=settings.tail_s,
        decay_s=settings.release_s, rate=settings.rate, rng=rng,
    )  # fmt: skip
    amplified = faded_in((y * np.float32(GAIN) for y in blocks), settings.rate, settings.attack_s)
    return with_effects(amplified, settings, np.random.default_rng([settings.seed, 5, key]), keep=keep)


def faded_in(blocks: Iterator[np.ndarray], rate: int, attack_s: float) -> Iterator[np.ndarray]:
    """Raise a note from silence over the time of its attack; so much of it is held."""
    head, missing = [], round(attack_s * rate)
    while missing > 0:
        head.append(next(blocks))
        missing -= len(head[-1])
    if head:
        yield fade_in(np.concatenate(head), rate, attack_s)
    yield from blocks


def check_velocity(velocity: int) -> None:
    """Refuse what is no velocity."""
    if not 1 <= velocity <= 127:
        raise ParameterError(f"a velocity is 1 to 127, not {velocity}")


def _encode(model: NoteModel, path: Path, pitch: int | None) -> tuple[Sound, int]:
    from audiokit.dsp.notes.names import estimate_pitch
    from audiokit.io.audio import read
    from audiokit.io.nsynth import named_note

    y, info = read(path, mono=True)
    named = named_note(path)
    if pitch is None:
        pitch = named.pitch if named else round(estimate_pitch(y[0], info.rate))
    loud = np.flatnonzero(np.abs(y[0]) > 0.02 * max(float(np.abs(y[0]).max()), 1e-9))
    if not len(loud) or np.abs(y).max() < 1e-4:
        raise InputError(f"{path}: is silent, there is nothing to imitate")
    start = max(0, int(loud[0]) - round(0.002 * info.rate))
    sound = model.encode(np.ascontiguousarray(y[0, start:]) / GAIN, info.rate, pitch, 100)
    # A file's own name knows better what it is than the nearest instrument of the model does.
    return replace(sound, family=named.family) if named and named.family else sound, pitch


def check_pitch(
    model: NoteModel, pitch: float, *, nearest: bool, octaves: bool = False
) -> tuple[float, tuple[str, ...]]:
    """The pitch that a model plays for another, and what to say where it is moved (ParameterError: it must not be)."""
    if not model.has_pitch:
        return pitch, ("this model follows no pitch; notes come as they are drawn",)
    if model.low <= pitch <= model.high:
        return pitch, ()
    if not nearest:
        from audiokit.dsp.notes.names import pitch_name

        raise ParameterError(
            f"pitch {pitch:g} is outside what {model.name} plays:"
            f" {model.low} to {model.high} ({pitch_name(model.low)} to {pitch_name(model.high)})",
            hint="ask for a pitch in that range, or add --nearest",
        )
    if octaves:
        moved = pitch
        while moved < model.low:
            moved += 12
        while moved > model.high:
            moved -= 12
    else:
        moved = min(max(pitch, model.low), model.high)
    return moved, (f"pitch {pitch:g} played as {moved:g}, the nearest the model has",)


def with_effects(
    blocks: Iterator[np.ndarray], settings: NoteSettings, rng: np.random.Generator, *, keep: Keep = in_memory
) -> Iterator[np.ndarray]:
    """Send a sound that passes by through the amplifier and the room of the settings.

    Args:
        blocks: of the sound (n,), float32.
        settings: how strong both are.
        rng: source of the room.
        keep: where the amplifier keeps what it has to hear twice.
    """
    if settings.distortion:
        blocks = drive_passing(blocks, settings.distortion, keep=keep)
    return reverb_passing(blocks, settings.rate, settings.reverb, rng=rng) if settings.reverb else blocks


def within_full_scale(peak: float) -> tuple[float, list[str]]:
    """The gain that keeps a note of such a peak below full scale, and what to say about it.

    >>> within_full_scale(0.5), within_full_scale(1.96)
    ((1.0, []), (0.5, ['turned down by 6.0 dB']))
    """
    if peak <= _CEILING:
        return 1.0, []
    return _CEILING / peak, [f"turned down by {20 * np.log10(peak / _CEILING):.1f} dB"]


def _peak(y: np.ndarray) -> float:
    return float(max(y.max(), -y.min())) if len(y) else 0.0
