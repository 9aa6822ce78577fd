#!/usr/bin/env bash
# A folder of songs becomes WebDataset shards; make does only what is missing.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}/songs" && cd "${1:-work}"
python "$here/../songs/make_songs.py" made --seconds 4
cp made/pop/keys.wav songs/pop.wav
cp made/trio/keys.wav songs/trio.wav
make --no-print-directory -f "$here/Makefile" SONGS=songs OUT=dataset
make --no-print-directory -f "$here/Makefile" SONGS=songs OUT=dataset | tee again.log
