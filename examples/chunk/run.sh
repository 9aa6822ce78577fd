#!/usr/bin/env bash
# Pieces of one length, of four beats, and between silences; and back to the sample.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 8

audiokit chunk songs/ --every 3s --overlap 50% --tail pad -o pieces/ --force --quiet
audiokit chunk songs/pop/mixture.wav --at beats --beats 4 -o bars/ --force
audiokit chunk songs/pop/vocals.wav --at silence --min 0.5s --max 4s -o phrases/ --force

# Joined again, the samples are the same.
audiokit chunk --join bars/mixture -o same.wav --force
python - <<'PYTHON'
from audiokit import read
assert (read("same.wav")[0] == read("songs/pop/mixture.wav")[0]).all()
PYTHON
