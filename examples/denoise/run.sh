#!/usr/bin/env bash
# One noisy recording, cleaned by every engine, side by side on one page.   bash run.sh [FOLDER [NOISY.wav]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}/results" && cd "${1:-work}"
if [ $# -ge 2 ]; then noisy=$2; else python "$here/make_noisy.py" . && noisy=noisy.wav; fi

# The default: a small network for speech, a gentle plain engine for music.
audiokit denoise "$noisy" -o results/auto.wav --force
# Half of it, when some room should stay.
audiokit denoise "$noisy" -o results/half.wav --strength 0.5 --force
# Without a network, and told what the noise is.
audiokit denoise "$noisy" -o results/wiener.wav --engine wiener --force
if [ -e roomtone.wav ]; then
  audiokit denoise "$noisy" -o results/profile.wav --engine gate --noise roomtone.wav --force
fi
# A threshold mask, gently, and the way it is usually done.
audiokit denoise "$noisy" -o results/mask.wav --engine mask --threshold -50 --force
audiokit denoise "$noisy" -o results/mask-hard.wav --engine mask --threshold -50 --hard --force
# Between two pipes.
audiokit denoise - -o - < "$noisy" | audiokit info - --json
