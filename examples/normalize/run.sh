#!/usr/bin/env bash
# Measure two songs, bring each to -16 LUFS, then both as one album. Usage: run.sh [WORK_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-normalize-example}
mkdir -p "$work"
python "$here/../songs/make_songs.py" "$work" --seconds 6
cd "$work"

audiokit normalize pop/mixture.wav trio/mixture.wav --measure

# Each by itself: a limiter holds the peaks at -1 dBTP, the loudness lands within 0.1 LU.
audiokit normalize pop/mixture.wav -o pop-16.wav --to -16 --peak -1 --force
audiokit normalize trio/mixture.wav -o trio-16.wav --to -16 --peak -1 --force

# As an album: one gain, so the quieter song stays the quieter one.
mkdir -p album
cp pop/mixture.wav album/pop.wav
cp trio/mixture.wav album/trio.wav
audiokit normalize album -o mastered/ --album --to -16 --force

# One song takes over the loudness and the tonal balance of the other, through a pipe.
audiokit normalize pop/mixture.wav -o - --reference trio/mixture.wav --spectrum | audiokit normalize - --measure
