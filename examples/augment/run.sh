#!/usr/bin/env bash
# Three variations of every stem, a recipe of one's own, and one variation made again.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4

audiokit augment songs/pop/keys.wav songs/pop/drums.wav --recipe music --copies 3 --seed 7 -o varied/ --force

cat > telephone.toml <<'TOML'
[[effect]]
use = "BandPassFilter"
p = 1.0
min_center_freq = 1000.0
max_center_freq = 1400.0
min_bandwidth_fraction = 1.4
max_bandwidth_fraction = 1.9

[[effect]]
use = "AddGaussianSNR"
p = 1.0
min_snr_db = 20.0
max_snr_db = 30.0
TOML
audiokit augment songs/pop/vocals.wav --recipe telephone.toml -o phone.wav --force

# What was drawn is recorded: the same can be done again, to this file or another.
audiokit augment songs/pop/vocals.wav --like phone.wav -o again.wav --force
python - <<'PYTHON'
from audiokit import read
assert (read("phone.wav")[0] == read("again.wav")[0]).all()
PYTHON
