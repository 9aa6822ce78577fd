#!/usr/bin/env bash
# A melody on strings becomes one on bars: as a file, by half, and between pipes.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"

# A tune, and a synthesiser for struck strings and for bars (so that nothing has to be installed).
python "$here/../train-style/compose.py" tune --tunes --seed 3
python "$here/../train-style/synth.py" tune/a/000.mid string.wav --voice string --seconds 6

audiokit stylize string.wav -o bars.wav --force --json
audiokit stylize string.wav -o half.wav --strength 0.5 --force
# Without any model: a style from one recording.
python "$here/../train-style/synth.py" tune/b/001.mid other.wav --voice bar --seconds 6
audiokit stylize string.wav --engine optimize --style other.wav --iterations 30 -o restyled.wav --force

audiokit spectro string.wav -o before.png --preset cyclegan-music --force
audiokit spectro bars.wav -o after.png --preset cyclegan-music --force

# The same between pipes: spectra keep their phases, so nothing is lost on the way.
audiokit spectro string.wav -o - | audiokit stylize - -o - | audiokit invert - -o piped.wav --force
python - <<'END'
import numpy as np
from audiokit import read

bars, piped = read("bars.wav")[0], read("piped.wav")[0]
print("largest difference between both ways:", np.abs(bars - piped).max())
assert np.abs(bars - piped).max() < 1e-3
END
