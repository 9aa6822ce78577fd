"""Random variations by audiomentations: drawn from a seed, recorded, repeatable, and nobody's random state touched."""

from __future__ import annotations

import hashlib
import inspect
import random
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from audiokit.errors import ParameterError

#: Neighbouring segments of a long recording are cross-faded over this long.
FADE_S = 0.02


@dataclass(frozen=True)
class Effect:
    """One audiomentations transform of a recipe.

    Attributes:
        use: its class, such as "Gain".
        settings: its arguments, `p` (the chance that it is applied) among them.
    """

    use: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draw:
    """What one effect did: enough to do the same again.

    Attributes:
        use, settings: the effect.
        seed: of its random numbers.
        parameters: what was drawn ("should_apply" among them).
    """

    use: str
    settings: dict[str, Any]
    seed: int
    parameters: dict[str, Any]

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Draw:
        """Read a draw back from a file's history."""
        try:
            return cls(str(fields["use"]), dict(fields["settings"]), int(fields["seed"]), dict(fields["parameters"]))
        except (KeyError, TypeError, ValueError):
            raise ParameterError("the recorded effects are incomplete") from None


def make_transform(effect: Effect) -> Any:
    """Build the audiomentations transform of an effect.

    Raises:
        ParameterError: audiomentations has no such transform, or it takes no such setting.

    >>> type(make_transform(Effect("Gain", {"p": 1.0}))).__name__
    'Gain'
    """
    kind = _kind(effect)
    if kind is None:
        raise ParameterError(
            f"audiomentations has no transform {effect.use!r}", hint="names are as in its documentation, such as Gain"
        )
    known = set(inspect.signature(kind).parameters) - {"self", "args", "kwargs"}
    unknown = sorted(set(effect.settings) - known)
    if unknown:
        raise ParameterError(
            f"{effect.use} takes no setting {unknown[0]!r}", hint=f"settings: {', '.join(sorted(known))}"
        )
    try:
        return kind(**effect.settings)
    except ImportError as error:
        raise ParameterError(f"{effect.use} cannot be used: {error}") from error
    except (ValueError, TypeError, AssertionError) as error:
        raise ParameterError(f"{effect.use}: {error}") from error


def _kind(effect: Effect) -> type | None:
    """The class of an effect: ours where there is one for its settings, else audiomentations' own."""
    from audiokit.dsp.effects import tone
    from audiokit.dsp.effects.transforms import find_transform

    beyond = effect.settings.get("zero_phase") or effect.settings.get("p_apply_a_weighting")
    if effect.use in tone.EFFECTS and not beyond:
        return getattr(tone, effect.use)
    return find_transform(effect.use)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators that audiomentations draws from, and put them back as they were.

    >>> before = random.getstate()
    >>> with seeded(1):
    ...     _ = random.random()
    >>> random.getstate() == before
    True
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % (1 << 32))  # noqa: NPY002
    # Its time stretcher has a generator of its own, which a strong stretch draws from and which nothing seeds.
    stretchers = getattr(sys.modules.get("python_stretch"), "Signalsmith", None)
    stretch = getattr(stretchers, "Stretch", None)
    if stretch is not None:
        stretchers.Stretch = partial(stretch, seed % (1 << 31))  # type: ignore[union-attr]
    try:
        yield
    finally:
        if stretch is not None:
            stretchers.Stretch = stretch  # type: ignore[union-attr]
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def derive_seed(*parts: object) -> int:
    """Make a seed of a seed, a name and numbers, the same on every machine.

    >>> derive_seed(0, "a.wav", 1) == derive_seed(0, "a.wav", 1) != derive_seed(0, "a.wav", 2)
    True
    """
    return int.from_bytes(hashlib.sha256("\\0".join(map(str, parts)).encode()).digest()[:6], "little")


def augment(y: np.ndarray, rate: int, effects: Sequence[Effect], *, seed: int) -> tuple[np.ndarray, list[Draw]]:
    """Vary audio by a chain of effects.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        effects: what may happen, in order.
        seed: same seed, same result.

    Returns:
        Audio (C, T'), float32 (T' is T unless an effect changes the length), and what was drawn.

    Raises:
        ParameterError: an effect is unknown or cannot treat this audio.

    References:
        audiomentations (MIT), Iver Jordal and contributors.

    >>> louder, draws = augment(np.ones((1, 100), np.float32), 8000, [Effect("PolarityInversion", {"p": 1.0})], seed=1)
    >>> float(louder[0, 0]), draws[0].parameters["should_apply"]
    (-1.0, True)
    """
    draws = []
    for index, effect in enumerate(effects):
        own = derive_seed(seed, index, effect.use)
        y, parameters = _apply(y, rate, effect, own)
        draws.append(Draw(effect.use, dict(effect.settings), own, parameters))
    return y, draws


def repeat(y: np.ndarray, rate: int, draws: Sequence[Draw]) -> np.ndarray:
    """Do again what was drawn before.

    >>> y = np.ones((1, 100), np.float32)
    >>> varied, draws = augment(y, 8000, [Effect("Gain", {"p": 1.0})], seed=3)
    >>> bool(np.array_equal(repeat(y, 8000, draws), varied))
    True
    """
    for draw in draws:
        y, parameters = _apply(y, rate, Effect(draw.use, draw.settings), draw.seed)
        if parameters != draw.parameters:
            raise ParameterError(
                f"{draw.use} draws other parameters here than were recorded",
                hint="the audio or the version of audiomentations differs",
            )
    return y


def _apply(y: np.ndarray, rate: int, effect: Effect, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    transform = make_transform(effect)
    if not y.shape[1]:
        return y, {"should_apply": False}
    with seeded(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Mono goes in flat: some transforms know no channels.
            result = transform(samples=y[0].copy() if len(y) == 1 else y.copy(), sample_rate=rate)
        except Exception as error:  # whatever audiomentations or its back-ends raise is about this audio
            raise ParameterError(f"{effect.use} cannot treat this audio: {error}") from error
    result = np.ascontiguousarray(np.atleast_2d(np.asarray(result, np.float32)))
    return result, _plain(transform.parameters)


def _plain(value: Any) -> Any:
    """Values that JSON keeps as they are."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist()) if value.size <= 64 else f"array of {value.shape}"
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def join_segments(left: np.ndarray, right: np.ndarray, fade: int) -> np.ndarray:
    """Cross-fade the end of one segment (C, a) into the beginning of the next (C, b): (C, a + b - fade).

    >>> join_segments(np.ones((1, 6)), np.ones((1, 6)), 2).shape
    (1, 10)
    """
    if not fade:
        return np.concatenate([left, right], axis=1)
    rise = ((np.arange(fade) + 0.5) / fade).astype(np.float32)
    mixed = left[:, -fade:] * (1 - rise) + right[:, :fade] * rise
    return np.concatenate([left[:, :-fade], mixed, right[:, fade:]], axis=1)
