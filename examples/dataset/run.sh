#!/usr/bin/env bash
# A folder of songs becomes WebDataset shards; make does only what is missing.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}/songs/live takes" && cd "${1:-work}"
python "$here/../songs/make_songs.py" made --seconds 4
cp made/pop/keys.wav songs/pop.wav
audiokit normalize made/trio/keys.wav -o "songs/live takes/the trio.mp3" --force

# In one line: every song of a folder through the whole chain.
audiokit run @"$here/prepare.chain" songs -o one-line/ --name '{stem}/{part}.{ext}' --jobs 2 --force

# The same as a rule: twice does nothing, a new song makes one song, another chain makes all.
make --no-print-directory -f "$here/Makefile" SONGS=songs OUT=dataset JOBS=2
make --no-print-directory -f "$here/Makefile" SONGS=songs OUT=dataset | tee again.log
