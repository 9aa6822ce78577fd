#!/usr/bin/env bash
# The voice of one song on the beats of another, at the tempo of the other.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 12

# Vocals alone have no beats: they are found in the mix. Both stems move together.
audiokit align-beats songs/pop/vocals.wav songs/pop/keys.wav --beats-from songs/pop/mixture.wav \
  --to songs/trio/mixture.wav -o aligned/ --beats-out aligned/beats.txt --picture aligned/grids.png --force

# Only the beats: time and place in the bar; and clicks to hear them.
audiokit align-beats songs/trio/mixture.wav --click clicks.wav --force > trio-beats.txt

# A steady 120 BPM.
audiokit align-beats songs/pop/mixture.wav --bpm 120 -o steady.wav --force
