"""Edit a plan: raise every note.

python raise_plan.py PLAN.json NEW.json SEMITONES
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
for note in plan["notes"]:
    note["pitch"] += float(sys.argv[3])
Path(sys.argv[2]).write_text(json.dumps(plan), encoding="utf-8")
