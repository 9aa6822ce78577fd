"""Take the velocity layers out of an SFZ instrument, as velocity.py beside this reads them.

    python layers.py INSTRUMENT.sfz OUT NAME [--only TEXT]

Writes OUT/NAME/NAME_<midi>_<take>_vel<velocity>.flac (16 kHz, one channel, at most 2.5 s): up to three recordings of
every key and layer, at the middle of the velocities that the instrument gives it. TEXT must stand in the sample's path.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

from audiokit import read, write
from audiokit.errors import InputError

COMMAND = re.compile(r'(#define\s+\$\w+\s+\S+|#include\s+"[^"]+")')
HEADER = re.compile(r"<(\w+)>")
OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*<|$)")
KEY = re.compile(r"([a-g])([#b]?)(-?\d)$")
RATE, SECONDS, TAKES = 16000, 2.5, 3
#: The middle of all velocities: what sounds at any of them beside layers is a noise of the instrument.
ANY = 64
#: Regions that sound for other reasons than that a key goes down.
OTHER = ("release", "release_key", "legato")


def lines(path: Path, defined: dict[str, str], root: Path) -> list[str]:
    """Lines of an SFZ file and of what it includes; definitions are put in."""
    out = []
    text = re.sub("//.*", "", path.read_text(encoding="utf-8", errors="replace"))
    for line in map(str.strip, COMMAND.sub(r"\n\1\n", text).splitlines()):
        for name in sorted(defined, key=len, reverse=True) if not line.startswith("#define") else ():
            line = line.replace(name, defined[name])
        if found := re.match(r"#define\s+(\$\w+)\s+(\S+)", line):
            defined[found[1]] = found[2]
        elif found := re.match(r'#include\s+"(.+)"', line):
            inner = root / found[1].replace("\\", "/")
            out += lines(inner, defined, root) if inner.exists() else []
        elif line:
            out.append(line)
    return out


def regions(path: Path) -> list[dict[str, str]]:
    """Regions of an SFZ file with what they inherit."""
    levels = ("control", "global", "master", "group", "region")
    held: dict[str, dict[str, str]] = {level: {} for level in levels}
    found, now = [], "control"
    for line in lines(path, {}, path.parent):
        for part in re.split(r"(?=<\w+>)", line):
            if header := HEADER.match(part):
                now = header[1]
                for level in levels[levels.index(now) :] if now in levels else ():
                    held[level] = {}
                if now == "region":
                    found.append(dict(held))
                    found[-1]["region"] = held["region"]
            for name, value in OPCODE.findall(part):
                held.setdefault(now, {})[name] = value.strip()
    return [{name: value for level in levels for name, value in one[level].items()} for one in found]


def midi(name: str) -> int | None:
    """Tell a key's number from a number or a name."""
    if name.lstrip("-").isdigit():
        return int(name)
    found = KEY.match(name.lower())
    step = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
    return None if not found else step[found[1]] + {"": 0, "#": 1, "b": -1}[found[2]] + 12 * int(found[3]) + 12


def layers(path: Path, only: str) -> dict[tuple[int, int], list[Path]]:
    """Recordings by key and velocity."""
    takes: dict[tuple[int, int], list[Path]] = {}
    layered: set[int] = set()
    for one in regions(path):
        name = (one.get("default_path", "") + one.get("sample", "")).replace("\\", "/")
        key = midi(one.get("pitch_keycenter", one.get("key", "")))
        low, high = (midi(one.get(which, one.get("key", str(key)))) for which in ("lokey", "hikey"))
        sample = path.parent / name
        if key is None or low is None or not low <= key <= high or one.get("trigger") in OTHER or only not in name:
            continue
        if sample.is_file():
            where = key, round((int(one.get("lovel", 1)) + int(one.get("hivel", 127))) / 2)
            takes.setdefault(where, [])
            if sample not in takes[where]:
                takes[where].append(sample)
            layered |= {key} if {"lovel", "hivel"} & set(one) else set()
    return {(key, v): found for (key, v), found in takes.items() if v != ANY or key not in layered}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sfz", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("name")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    takes = layers(options.sfz, options.only)
    for (key, velocity), samples in takes.items():
        for take, sample in enumerate(samples[:TAKES]):
            try:
                y, _ = read(sample, rate=RATE, mono=True)
            except InputError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            start = max(0, int(np.argmax(np.abs(y[0]) > 0.01 * np.abs(y[0]).max())) - RATE // 50)
            path = options.out / options.name / f"{options.name}_{key:03d}_{take + 1}_vel{velocity:03d}.flac"
            write(path, y[:, start : start + int(SECONDS * RATE)], RATE, force=True)
    print(f"{options.name}: {len(takes)} notes, velocities {sorted({v for _, v in takes})}", flush=True)


if __name__ == "__main__":
    main()
