#!/usr/bin/env bash
# Morph two notes, and turn one song into another along time. Usage: run.sh [WORK_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-morph-example}
mkdir -p "$work"
python "$here/../songs/make_songs.py" "$work" --seconds 6
cd "$work"

# Two notes of the built-in note model, and the three quarters between them.
audiokit generate --pitch C4 --family brass --seconds 1 --seed 1 -o low.wav --force
audiokit generate --pitch G4 --family organ --seconds 1 --seed 2 -o high.wav --force
for amount in 0.25 0.5 0.75; do
  audiokit morph low.wav high.wav -o "between-$amount.wav" --amount "$amount" --force
done

# A note that neither recording holds: painted at the point between both in the note model.
audiokit morph low.wav high.wav -o imagined.wav --engine latent --force

# One song stays itself for a third of the time and has become the other one at the end.
audiokit morph pop/mixture.wav trio/mixture.wav -o turning.wav --curve 0:0,33%:0,1:1 --engine transport --force
audiokit info turning.wav
