#!/usr/bin/env bash
# Whole chains in one process: the same bytes as the shell's pipe, over folders too. Usage: run.sh [WORK_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-run-example}
mkdir -p "$work"
python "$here/../songs/make_songs.py" "$work" --seconds 4
cp "$here/prepare.chain" "$work/"
cd "$work"

# What flows where, which models are loaded, what is read twice.
audiokit run --explain @prepare.chain

# One chain, one process; a pipe of three programs gives the same file, to the byte.
audiokit run @prepare.chain pop/mixture.wav -o vocals.wav --force
audiokit split pop/mixture.wav --stem vocals --quality fast -o - | audiokit denoise - -o - \
  | audiokit normalize - --to -20 --peak -1 -o piped.wav --force
cmp vocals.wav piped.wav

# A folder in one pass, two jobs at a time; what is done already is skipped.
mkdir -p songs
cp pop/mixture.wav songs/pop.wav
cp trio/mixture.wav songs/trio.wav
audiokit run 'normalize --to -18 | spectro --preset cyclegan-music' songs -o sets/ --jobs 2 --force
audiokit run 'normalize --to -18 | spectro --preset cyclegan-music' songs -o sets/ --jobs 2 --skip-existing

# Several stems go through the rest of the chain one by one; further inputs are templates.
audiokit run 'split --quality fast | normalize --to -20' songs -o stems/ --force
mkdir -p beds
cp pop/keys.wav beds/pop.wav
cp trio/keys.wav beds/trio.wav
audiokit run 'normalize --to -20 | mix beds/{stem}.wav' songs -o mixed/ --force
