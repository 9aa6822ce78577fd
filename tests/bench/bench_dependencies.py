"""Every piece written here beside the library that does it too: accuracy, processor time and start-up, in one run.

    python -m tests.bench.bench_dependencies --shared FOLDER --soundfont FILE.sf2 [GROUP ...]

Real sounds are taken from the folder where it is there (AUDIOKIT_SOUNDS, or --shared); what needs them is left out
where it is not, and so is mido where it is not installed. docs/contributing/dependencies.md says what was decided.
"""

from __future__ import annotations

import argparse
import os
import warnings
from importlib import import_module
from pathlib import Path

from tests.bench.dependencies.measuring import Inputs, Row, render
from tests.bench.dependencies.packages import required_table
from tests.bench.measure import RESULTS

#: Not beside the other results, which all go into the page of benchmarks.
FOLDER = RESULTS / "dependencies"
GROUPS = ("spectrum", "rhythm", "notes", "separation", "loudness", "scores", "formats")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="only these (default: all)")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("AUDIOKIT_SOUNDS", "../shared")))
    parser.add_argument("--soundfont", type=Path, default=Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"))
    parser.add_argument("--limit", type=int, default=100, help="of many files, measure so many")
    given = parser.parse_args()
    if unknown := set(given.groups) - {*GROUPS, "packages"}:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)} and packages")
    warnings.simplefilter("ignore")
    inputs = Inputs(given.shared, given.soundfont, given.limit)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for group in given.groups or (*GROUPS, "packages"):
        text = required_table() if group == "packages" else render(_measured(group, inputs))
        (FOLDER / f"{group}.md").write_text(text + "\n", encoding="utf-8")
        print(f"\n{text}")


def _measured(group: str, inputs: Inputs) -> list[Row]:
    rows = []
    for row in import_module(f"tests.bench.dependencies.{group}").compare(inputs):
        print(row.piece, "|", row.library, "|", row.ours, "|", row.theirs, row.seconds or "", flush=True)
        rows.append(row)
    return rows


def pieces() -> str:
    """All groups that were measured as one table, for the manual."""
    tables = [(FOLDER / f"{group}.md").read_text(encoding="utf-8").splitlines() for group in GROUPS]
    return "\n".join([*tables[0][:2], *(line for lines in tables for line in lines[2:])])


if __name__ == "__main__":
    main()
