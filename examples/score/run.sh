#!/usr/bin/env bash
# Score a changed song against the original, and stop a pipeline where it is too bad. Usage: run.sh [WORK_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-score-example}
mkdir -p "$work"
python "$here/../songs/make_songs.py" "$work" --seconds 6
cd "$work"

audiokit normalize pop/mixture.wav -o quieter.wav --to -24 --force
audiokit score quieter.wav --ref pop/mixture.wav
audiokit score quieter.wav --ref pop/mixture.wav --json > score.json

# A folder against a folder: one line of JSON for each file, and one page that shows them as a table beside the sounds.
audiokit mix pop/drums.wav pop/bass.wav -o truth/rhythm.wav --force
audiokit mix pop/keys.wav pop/vocals.wav -o truth/melody.wav --force
audiokit denoise truth/ -o made/ --force
audiokit score made/ --ref truth/ --json > made/score.json
audiokit page made/ --title "Denoised, and how much it changed" --force

# Without a reference a file is checked for clipping, DC, silence, clicks and its bandwidth.
audiokit score pop/mixture.wav

# In a Makefile: status 7, and the rule fails, when the result is worse than it may be.
audiokit score quieter.wav --ref pop/mixture.wav --metrics si_sdr,lag --fail-under si_sdr_db=60 --fail-over lag_ms=1
