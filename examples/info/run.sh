#!/usr/bin/env bash
# What is this file, who made it, and is it whole?   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4

audiokit info songs/pop/mixture.wav --check
audiokit spectro songs/pop/mixture.wav -o song.chunks --force
audiokit info song.chunks --check --json > facts.json

# A flipped byte is found, and the status says "damaged data" (4).
cp -r song.chunks damaged.chunks
printf 'x' | dd of=damaged.chunks/000000.npy bs=1 seek=2000 conv=notrunc 2> /dev/null
status=0
audiokit info damaged.chunks --check || status=$?
test "$status" -eq 4
