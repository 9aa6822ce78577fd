"""Defaults of people's own: from `audiokit.toml` (or `[tool.audiokit]` in `pyproject.toml`) and the environment.

They are given to the command line's own parser as words before those that were typed, so they are checked like typed
ones and recorded like them, and what is typed comes last and wins. Python functions do not look at them.

    [defaults]            # every command that has the option
    jobs = 2

    [normalize]           # one command
    to = -16

`AUDIOKIT_JOBS=2` and `AUDIOKIT_NORMALIZE_TO=-16` say the same; the environment wins over the file, and what is said of
a command over what is said of all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from audiokit.engine.option import Argument, Declared
from audiokit.errors import UsageError

PREFIX = "AUDIOKIT_"
#: What may be said of all commands at once: options that mean the same wherever they are offered.
SHARED = (
    "bitrate", "clip", "cluster", "device", "fail-fast", "jobs", "mono", "quiet", "rate", "seed", "skip-existing",
    "subtype", "verbose",
)  # fmt: skip
#: Variables that are no options.
OTHERS = ("CONFIG", "HOME", "MIRROR", "RETRY_S", "RUNTIME", "SPLEETER")

#: Flag -> where it was set, of the command that runs; errors name the place.
places: ContextVar[Mapping[str, str] | None] = ContextVar("places", default=None)


class Setting(NamedTuple):
    """A value that somebody set.

    Attributes:
        command: such as "normalize" or "train gan"; "" for all.
        key: the option without its dashes, such as "skip-existing".
        value: as TOML or the environment has it.
        place: where it stands, for people.
    """

    command: str
    key: str
    value: Any
    place: str


def find_file(folder: str | os.PathLike[str] = ".") -> Path | None:
    """Find the file that counts: the one `AUDIOKIT_CONFIG` names ("" for none), or the nearest upward.

    Raises:
        UsageError: the variable names no file.

    >>> folder = getfixture("tmp_path") / "songs/new"
    >>> folder.mkdir(parents=True)
    >>> _ = (folder.parent.parent / "audiokit.toml").write_text("")
    >>> find_file(folder).parent == folder.parent.parent
    True
    """
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named is not None:
        if named and not os.path.isfile(named):
            raise UsageError(f"{PREFIX}CONFIG={named}: no such file")
        return Path(named) if named else None
    start = Path(folder).absolute()
    for place in (start, *start.parents):
        if (place / "audiokit.toml").is_file():
            return place / "audiokit.toml"
        project = place / "pyproject.toml"
        if project.is_file() and b"[tool.audiokit" in project.read_bytes():
            return project
    return None


def settings(file: Path | None, commands: Iterable[str] = ()) -> Iterator[Setting]:
    """Yield everything that is set, the weakest first.

    Args:
        file: see `find_file`.
        commands: whose variables are looked for in the environment.

    Raises:
        UsageError: the file cannot be read, or is built in another way.
    """
    found = [] if file is None else list(_flat(_read(file), str(file)))
    yield from sorted(found, key=lambda setting: bool(setting.command))
    yield from _environment(commands)


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: not readable as TOML ({error})") from None
    if file.name == "pyproject.toml":
        content = content.get("tool", {}).get("audiokit", {})
    return content


def _flat(table: dict[str, Any], place: str, command: str = "", *, top: bool = True) -> Iterator[Setting]:
    for key, value in table.items():
        if isinstance(value, dict):
            inside = key.replace("_", "-") if not command else f"{command} {key.replace('_', '-')}"
            yield from _flat(value, place, "" if inside == "defaults" else inside, top=False)
        elif top:
            raise UsageError(f"{place}: {key} stands outside of any table", hint="put it under [defaults] or [COMMAND]")
        else:
            yield Setting(command, key.replace("_", "-"), value, f"{place}: [{command or 'defaults'}] {key}")


def _environment(commands: Iterable[str]) -> Iterator[Setting]:
    """Options in the environment: shared ones first, then those of a command."""
    variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name, value in variables.items():
        key = name.removeprefix(PREFIX).lower().replace("_", "-")
        if key in SHARED:
            yield Setting("", key, value, name)
    for command in commands:
        start = PREFIX + command.upper().replace("-", "_").replace(" ", "_") + "_"
        for name, value in variables.items():
            if name.startswith(start):
                yield Setting(command, name.removeprefix(start).lower().replace("_", "-"), value, name)


def words_for(
    command: str, declared: Sequence[Declared], typed: Sequence[str], *, among: Sequence[Declared] | None = None
) -> list[str]:
    """Make the words that come before those that were typed, and remember where each came from.

    Args:
        command: such as "normalize" or "train gan".
        declared: the options that it offers.
        typed: the words of the command line or of a step of a chain.
        among: those of the options that words are made for, as in a step of a chain, which is no batch of its own.

    Raises:
        UsageError: a key that is no option of the command, or a value that it cannot have.
    """
    if {"-h", "--help", "--schema"} & set(typed):
        return []
    options = options_by_key(declared)
    wanted = {option.name for option in (declared if among is None else among)}
    said = {word.partition("=")[0] for word in typed}
    words: dict[str, list[str]] = {}
    where: dict[str, str] = {}
    for setting in settings(find_file(), [command]):
        check(setting, options if setting.command == command else None)
        option = options.get(setting.key) if setting.command in ("", command) else None
        if option is None or option.name not in wanted:
            continue
        flags = (getattr(option.about, "flag", None) or option.flag).split("/")
        # An option that may be given several times would be added to: what is typed stands alone.
        if said & {*flags, getattr(option.about, "short", None)}:
            continue
        words[setting.key] = _words(option, flags, setting)
        where[option.flag] = setting.place
    places.set({**(places.get() or {}), **where})
    return [word for made in words.values() for word in made]


def options_by_key(declared: Sequence[Declared]) -> dict[str, Declared]:
    """The options that may be set, by what they are called without dashes; where results go is always typed."""
    options = {option.flag.removeprefix("--"): option for option in declared if not isinstance(option.about, Argument)}
    options.pop("out", None)
    return options


def check(setting: Setting, options: Mapping[str, Declared] | None) -> None:
    """Refuse a setting that can never mean anything (UsageError).

    Args:
        setting: what was set.
        options: of its command; None where that is another one, of which only the name is looked at.
    """
    from audiokit.engine.table import COMMANDS, plugins
    from audiokit.engine.talk import meant

    first = setting.command.partition(" ")[0]
    if not first:
        if setting.key not in SHARED:
            near = meant(setting.key, SHARED)
            hint = f"did you mean {near}?" if near else f"shared are {', '.join(SHARED)}; all else is for [COMMAND]"
            raise UsageError(f"{setting.place}: not an option that commands share", hint=hint)
    elif first not in COMMANDS and all(plugin.name != first for plugin in plugins()):
        named = meant(first, COMMANDS)
        hint = f"did you mean {named}?" if named else "audiokit --help lists them"
        raise UsageError(f"{setting.place}: no such command {first!r}", hint=hint)
    elif options is not None and setting.key not in options:
        named = meant(setting.key, options)
        hint = f"did you mean {named}?" if named else f"audiokit {setting.command} --help lists them"
        raise UsageError(f"{setting.place}: {setting.command} has no option {setting.key!r} that can be set", hint=hint)


def _words(option: Declared, flags: list[str], setting: Setting) -> list[str]:
    value = setting.value
    if option.is_flag:
        words = {
            True: True,
            False: False,
            "1": True,
            "true": True,
            "yes": True,
            "0": False,
            "false": False,
            "no": False,
        }
        on = words.get(value.lower() if isinstance(value, str) else value)
        if on is None:
            raise UsageError(f"{setting.place}: {value!r} is neither true nor false")
        return [flags[0]] if on else flags[1:2]
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool | dict | list) for item in items) or (len(items) > 1 and not option.repeats):
        raise UsageError(f"{setting.place}: {value!r} is no value of {option.flag}")
    return [f"{option.flag}={item}" for item in items]


def hint_for(message: str, hint: str | None, typed: Sequence[str]) -> str | None:
    """Add to a hint where an option that an error names was set, if it was not typed."""
    found = [
        f"{flag} comes from {place}"
        for flag, place in (places.get() or {}).items()
        if flag in message and not any(word.partition("=")[0] == flag for word in typed)
    ]
    return "; ".join([*([hint] if hint else []), *found]) or None
