"""Run the saved calls in two versions of the program and say what differs.

    python -m tests.calls.compare OLD NEW                  run both and compare
    python -m tests.calls.compare --record FOLDER OLD      run one and keep what it did
    python -m tests.calls.compare --old FOLDER NEW         compare with what was kept

OLD and NEW are source folders (what goes on PYTHONPATH). Every call runs in an empty folder of its own, with one
thread. Exit statuses, standard output, standard error and every file are compared; the verdict is

    same          all equal
    history only  what was made is equal, the record inside of how it was made is not
    DIFFERS       anything else

The exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tests.calls.calls import CALLS
from tests.calls.contents import Contents, differences, distance, take_apart
from tests.calls.inputs import make_inputs
from tests.calls.runs import Done, check_source, run_call, stages, steps

_COUNTER = re.compile(r"^\[\d+/\d+\] ")


@dataclass
class Verdict:
    """What comparing one call found.

    Attributes:
        body: differences that count.
        history: differences in the record of how something was made.
        seconds: how long the call took, old and new.
    """

    body: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    seconds: tuple[float, float] = (0.0, 0.0)

    def __str__(self) -> str:
        return "DIFFERS" if self.body else "history only" if self.history else "same"


def compare(old: Done, new: Done) -> Verdict:
    """Compare everything that two versions did with the same call."""
    verdict = Verdict(seconds=(old.seconds, new.seconds))
    if old.text != new.text:
        verdict.body.append("the old results are those of another call: record them again")
        return verdict
    for number, (a, b) in enumerate(zip(old.steps, new.steps, strict=True)):
        where = f"step {number + 1}" if len(old.steps) > 1 else "it"
        verdict.body += differences(a["status"], b["status"], f"{where}: status")
        together = " --jobs " in a["line"]
        said = [[_lines(done.clean(text), together) for text in step["stderr"]] for done, step in ((old, a), (new, b))]
        verdict.body += differences(said[0], said[1], f"{where}: stderr")
        outputs = [_in_order(take_apart("", done.stdout(number), done.clean), together) for done in (old, new)]
        _compare_contents(verdict, f"{where}: stdout", outputs, (old.stdout(number), new.stdout(number)))
    files = old.files(), new.files()
    for name in sorted({*files[0], *files[1]}):
        if name not in files[0] or name not in files[1]:
            verdict.body.append(f"{name}: made only by the {'old' if name in files[0] else 'new'} version")
        elif files[0][name] != files[1][name]:
            parts = [take_apart(name, made[name], done.clean) for made, done in zip(files, (old, new), strict=True)]
            _compare_contents(verdict, name, parts, (files[0][name], files[1][name]))
    return verdict


def _compare_contents(verdict: Verdict, where: str, parts: list[Contents], data: tuple[bytes, bytes]) -> None:
    found = list(differences(parts[0].body, parts[1].body, where))
    far = distance(parts[0].kind, *data) if found else ""
    verdict.body += [f"{line} ({far})" if far else line for line in found]
    verdict.history += differences(parts[0].history, parts[1].history, where)


def _lines(text: str, together: bool) -> list[str]:
    """Take messages apart; those of processes that work together come in any order."""
    return sorted(_COUNTER.sub("", line) for line in text.splitlines()) if together else text.splitlines()


def _in_order(contents: Contents, together: bool) -> Contents:
    if together and isinstance(contents.body, list):
        contents.body = sorted(contents.body, key=str)
    return contents


def chosen(patterns: list[str]) -> list[str]:
    """Names of the calls that --only chooses: by name, by pattern, or by command."""
    if not patterns:
        return list(CALLS)
    names = [
        name
        for name, text in CALLS.items()
        if any(fnmatch(name, pattern) or pattern in commands(text) for pattern in patterns)
    ]
    return names or sys.exit(f"no call is named {' or '.join(patterns)}")


def commands(text: str) -> set[str]:
    """Every command that a call runs."""
    return {
        stage.arguments[0]
        for line in steps(text)
        for stage in stages(line)
        if stage.arguments and not stage.arguments[0].startswith("-")
    }


def results(names: list[str], options: argparse.Namespace, temporary: Path) -> Iterator[tuple[str, Done, Done | None]]:
    """Run what is to be run, two calls at a time, and yield what each did in the old and in the new version."""
    sources = [Path(source).resolve() for source in options.sources]
    new = None if options.record and len(sources) == 1 else sources[-1]
    kept = options.old or options.record or temporary / "old"
    inputs = kept / "inputs"
    for source in sources:
        check_source(source)
    if not inputs.exists():
        if options.old:
            sys.exit(f"{kept}: holds no recorded results")
        make_inputs(inputs)

    def one(name: str) -> tuple[str, Done, Done | None]:
        if not options.old:
            run_call(CALLS[name], sources[0], inputs, kept / name)
        if new:
            run_call(CALLS[name], new, inputs, (options.keep or temporary / "new") / name)
        if not (kept / name / "steps.json").exists():
            sys.exit(f"{kept}: holds no results of {name}: record them")
        return name, Done(kept / name), Done((options.keep or temporary / "new") / name) if new else None

    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            yield from pool.map(one, names)
        finally:
            pool.shutdown(cancel_futures=True)


def main() -> None:
    """Run, compare, print a table, and leave with 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="source folders: OLD NEW, or the one to run")
    parser.add_argument("--old", type=Path, metavar="FOLDER", help="recorded results instead of running OLD")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="keep what OLD did here")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what NEW did here")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a call, pattern or command")
    parser.add_argument("--jobs", type=int, default=2, help="calls at a time (default: 2)")
    parser.add_argument("--lines", type=int, default=6, help="differences shown for each call (default: 6)")
    options = parser.parse_args()
    if len(options.sources) != (1 if options.old else 2) and not (options.record and len(options.sources) == 1):
        parser.error("give OLD and NEW, or --old FOLDER and NEW, or --record FOLDER and OLD")
    if options.old and options.record:
        parser.error("--old and --record exclude each other")
    for name in ("old", "record", "keep"):
        if getattr(options, name):
            setattr(options, name, getattr(options, name).resolve())
    names = chosen(options.only)
    with tempfile.TemporaryDirectory(prefix="audiokit-calls-") as folder:
        sys.exit(_report(names, results(names, options, Path(folder)), options.lines))


def _report(names: list[str], found: Iterator[tuple[str, Done, Done | None]], limit: int) -> int:
    width = max(map(len, names))
    count = {"same": 0, "history only": 0, "DIFFERS": 0, "recorded": 0}
    statuses: set[str] = set()
    for name, old, new in found:
        statuses |= {str(status) for step in old.steps for status in step["status"]}
        verdict = compare(old, new) if new else None
        says = str(verdict or "recorded")
        count[says] += 1
        seconds = f"{old.seconds:6.1f} s" + (f" -> {new.seconds:6.1f} s" if new else "")
        print(f"{name:{width}}  {says:12}  {seconds}", flush=True)
        if verdict:
            for title, lines in (("", verdict.body), ("history: ", verdict.history)):
                print("".join(f"    {title}{line}\n" for line in lines[:limit]), end="")
                if len(lines) > limit:
                    print(f"    {title}... and {len(lines) - limit} more")
    used = set().union(*(commands(CALLS[name]) for name in names))
    print(f"\n{len(names)} calls: " + ", ".join(f"{number} {what}" for what, number in count.items() if number))
    print(f"commands: {' '.join(sorted(used))}\nstatuses of the old version: {' '.join(sorted(statuses))}")
    return 1 if count["DIFFERS"] else 0


if __name__ == "__main__":
    main()
