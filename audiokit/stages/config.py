"""`config`: defaults of people's own, and where each of them comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiokit.engine.command import command
from audiokit.engine.settings import Json

if TYPE_CHECKING:
    from audiokit.engine.option import Declared


@command()
def config(*, json: Json = False) -> None:
    """Show the defaults that a file and the environment set.

    The file is the nearest `audiokit.toml` upward from here (or a `pyproject.toml` with `[tool.audiokit]`), unless
    AUDIOKIT_CONFIG names another one. Everything in it is checked. What is typed wins over all of it.

    Examples:
        audiokit config
        AUDIOKIT_JOBS=2 AUDIOKIT_NORMALIZE_TO=-16 audiokit config
    """
    import os

    from audiokit.engine.command import Group
    from audiokit.engine.config import OTHERS, PREFIX, check, find_file, options_by_key, settings
    from audiokit.engine.shell import declared_by
    from audiokit.engine.table import COMMANDS, find, plugins

    def options_of(name: str) -> dict[str, Declared]:
        first, _, rest = name.partition(" ")
        found = find(first)
        if isinstance(found, Group):
            found = found.find(rest)
        return options_by_key(declared_by(found)) if hasattr(found, "schema") else {}

    names = [*COMMANDS, *(plugin.name for plugin in plugins())]
    inner = {name: list(find(name).table) for name in ("train", "models")}
    names = [full for name in names for full in ([f"{name} {n}" for n in inner[name]] if name in inner else [name])]
    file, found = find_file(), []
    for setting in settings(file, names):
        check(setting, None)
        if setting.command:
            check(setting, options_of(setting.command))
        found.append(setting)
    used = {setting.place for setting in found} | {PREFIX + name for name in OTHERS}
    idle = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in used)
    if json:
        import json as text

        rows = [dict(zip(("command", "option", "value", "place"), setting, strict=True)) for setting in found]
        print(text.dumps({"file": str(file) if file else None, "settings": rows, "unused": idle}))
        return
    print(f"file: {file or 'none'}")
    for setting in found:
        print(f"  {setting.command or 'every command'}: --{setting.key} {setting.value}    ({setting.place})")
    for name in idle:
        print(f"  {name}: sets nothing")
