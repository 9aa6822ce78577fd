#!/usr/bin/env bash
# Put one song's voice over another song's band. Usage: run.sh [WORK_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-mix-example}
mkdir -p "$work"
python "$here/../songs/make_songs.py" "$work" --seconds 6
cd "$work"

# A plain sum with gains; the mix is as long as the first track.
audiokit mix pop/mixture.wav trio/mixture.wav -o both.wav --gain -6dB --gain -9dB --length first --force

# The first track 2 dB louder than everything else together, whatever their levels are, straight into a master.
audiokit mix pop/mixture.wav trio/mixture.wav -o - --balance 2dB --length shortest | audiokit normalize - -o master.wav --to -14 --force
audiokit info both.wav master.wav --check
