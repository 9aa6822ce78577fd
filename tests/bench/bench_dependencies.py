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
from tests.bench.measure import publish

GROUPS = ("spectrum", "rhythm", "notes", "separation", "loudness", "scores", "formats")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, "packages", []], help="only these (default: all)")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("AUDIOKIT_SOUNDS", "../shared")))
    parser.add_argument("--soundfont", type=Path, default=Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"))
    parser.add_argument("--limit", type=int, default=100, help="of many files, measure so many")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    inputs = Inputs(given.shared, given.soundfont, given.limit)
    rows: list[Row] = []
    for group in given.groups or GROUPS:
        if group in GROUPS:
            for row in import_module(f"tests.bench.dependencies.{group}").compare(inputs):
                print(row.piece, "|", row.library, "|", row.ours, "|", row.theirs, row.seconds or "", flush=True)
                rows.append(row)
    parts = [render(rows)] if rows else []
    if not given.groups or "packages" in given.groups:
        parts.append(required_table())
    text = "\n\n".join(parts)
    if given.groups:
        print("\n" + text)
    else:
        publish("dependencies", text)


if __name__ == "__main__":
    main()
