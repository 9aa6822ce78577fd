#!/usr/bin/env bash
# A page to compare stems and mix at the same position.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4
audiokit page songs/pop -o stems.html --title "Stems of a small song" --force
