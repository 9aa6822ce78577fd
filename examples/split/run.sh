#!/usr/bin/env bash
# Vocals and accompaniment of a song, the voice alone on a pipe, and other ways to separate.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 6

# Vocals and accompaniment with the built-in model: together they are the mix.
audiokit split songs/pop/mixture.wav -o stems/ --force

# One stem, straight into the next command.
audiokit split songs/pop/mixture.wav --stem vocals -o - | audiokit normalize - --to -16 -o vocals.wav --force

# What left and right have in common, and what is left of the mix.
audiokit split songs/pop/mixture.wav -o centre/ --engine center --force

# Better models, where a download is possible:
#   audiokit models pull spleeter-4stems
#   audiokit split songs/pop/mixture.wav -o four/ --model spleeter-4stems
