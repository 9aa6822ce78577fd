#!/usr/bin/env bash
# Four ways back from a spectrogram to sound, and what each of them loses.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4
song=songs/pop/mixture.wav

# Magnitudes: the phase is found again; with the original at hand, its phase is the better start.
audiokit spectro "$song" -o magnitude.chunks --kind magnitude --force
audiokit invert magnitude.chunks -o found.wav --force
audiokit invert magnitude.chunks -o from-source.wav --source "$song" --iterations 4 --force

# 128 mel bands, as models make them: solved for linear bins first.
audiokit spectro "$song" -o mel.chunks --preset cyclegan-music --force
audiokit invert mel.chunks -o from-mel.wav --force

# An array of another project says nothing about itself, so it needs a name for what it is.
python -c "import numpy as np; np.save('generated.npy', np.load('mel.chunks/000000.npy')[:1])"
audiokit invert generated.npy --preset cyclegan-music -o generated.wav --force

python - "$song" <<'END'
import sys

import numpy as np

from audiokit import read, spectro

for name in ("found.wav", "from-source.wav", "from-mel.wav"):
    other, rate = read(name)
    reference, _ = read(sys.argv[1], rate=rate)
    truth, _ = spectro(reference, rate, kind="magnitude", scale="linear")
    found, _ = spectro(other, rate, kind="magnitude", scale="linear")
    frames = min(truth.shape[2], found.shape[2])
    difference = np.linalg.norm(found[..., :frames] - truth[..., :frames]) / np.linalg.norm(truth[..., :frames])
    print(f"{name:16s} spectral convergence {20 * np.log10(difference + 1e-6):6.1f} dB")
    assert difference < 0.5
END
