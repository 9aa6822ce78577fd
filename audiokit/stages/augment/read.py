"""Recipes of effects: the shipped ones by name, others from TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from audiokit.errors import InputError, ParameterError

if TYPE_CHECKING:
    from audiokit.dsp.effects.augment import Effect

RECIPES = Path(__file__).parent / "recipes"
#: Settings that name files; inside a recipe they are relative to it.
_PATHS = ("sounds_path", "ir_path", "impulse_path")


def recipe_names() -> list[str]:
    """Names of the shipped recipes.

    >>> recipe_names()
    ['music', 'notes', 'speech']
    """
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(spec: str) -> list[Effect]:
    """Read a recipe by name or from a TOML file.

    Raises:
        InputError: there is no such recipe, or the file is no TOML.
        ParameterError: an effect is unknown or a setting wrong.

    >>> [effect.use for effect in read_recipe("notes")][-1]
    'Gain'
    """
    from audiokit.dsp.effects.augment import Effect, make_transform

    path = RECIPES / f"{spec}.toml" if spec in recipe_names() else Path(spec)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        names = ", ".join(recipe_names())
        raise InputError(f"{spec}: no such recipe", hint=f"shipped recipes: {names}; or give a .toml file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{spec}: not a recipe ({error})") from None
    rows = data.get("effect")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "use" in row for row in rows):
        raise ParameterError(
            f"{spec}: a recipe has at least one [[effect]] with a line: use = ...", hint='such as use = "Gain"'
        )
    effects = []
    for row in rows:
        settings = {key: value for key, value in row.items() if key != "use"}
        for key in _PATHS:
            if isinstance(settings.get(key), str):
                settings[key] = str(path.parent / settings[key])
        effect = Effect(str(row["use"]), settings)
        try:
            make_transform(effect)
        except ParameterError as error:
            raise ParameterError(f"{spec}: {error}", hint=error.hint) from None
        effects.append(effect)
    return effects
