#!/usr/bin/env bash
# Pictures, chunk sets for models, and a round trip that loses nothing.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4

# Look at it: linear frequencies, and the 128 mel bands that a CycleGAN for music sees.
audiokit spectro songs/pop/mixture.wav -o linear.png --force
audiokit spectro songs/pop/mixture.wav -o mel.png --preset cyclegan-music --force

# A data set: every stem becomes a chunk set, two files at a time; what is done already is skipped.
audiokit spectro songs/pop -o sets/ --preset cyclegan-music --jobs 2 --skip-existing --json > made.json
audiokit info sets/*.chunks --check

# The complex spectrum, cut into chunks that overlap, gives the very samples back.
audiokit spectro songs/pop/mixture.wav -o - --chunk 1s --overlap 0.25s | audiokit invert - -o same.wav --force
python - <<'END'
import numpy as np
from audiokit import read

before, _ = read("songs/pop/mixture.wav")
after, _ = read("same.wav")
print("largest difference:", np.abs(before - after).max())
assert np.abs(before - after).max() < 1e-6
END
