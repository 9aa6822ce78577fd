#!/usr/bin/env bash
# Notes, a sampler kit, a melody, and the way from one instrument to another.   bash run.sh [FOLDER]
set -euo pipefail
mkdir -p "${1:-work}" && cd "${1:-work}"

# A small data set in NSynth's own layout, with pictures of all its notes.
audiokit generate --pitch C3:C4:4 --family keyboard --velocity 50,110 --count 2 --nsynth -o set/ --sheet set.png --force

# A kit that a sampler loads: three keys, two velocities, a little drive.
audiokit generate --kit --family guitar --pitch C3,C4,C5 --velocity 60,120 --distortion 0.3 -o kit/ --seconds 2 --force

# From a marimba to a cello in four steps, one key.
audiokit generate --pitch C4 --interpolate marimba cello --steps 4 --seconds 2 -o morph/ --force

# A sound like the second of those, on other keys, in a room.
audiokit generate --like morph/*_001-*.wav --pitch A3,E4 --seconds 1.5 --reverb 0.5 -o like/ --force

# A melody.
python - <<'PY'
from audiokit.io.midi import Note, Score, write_midi
notes = [Note(0.3 * n, 0.3 * n + 0.28, pitch) for n, pitch in enumerate((60, 62, 64, 67, 64, 62, 60))]
write_midi("song.mid", Score(notes), force=True)
PY
audiokit generate --midi song.mid --instrument clarinet -o song.wav --force
