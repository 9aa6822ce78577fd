#!/usr/bin/env bash
# A denoiser for your own voices and noises, in small: lay out, train, resume, use.   bash run.sh [FOLDER]
#
# On real material: a folder per speaker, noises, and the shipped weights to go on from.
#
#   python lay_out.py speech speech/ lj=LJ001-0001.wav lj=LJ001-0002.wav p226=p226_003.wav ...
#   python lay_out.py noise noise/demand CLEAN NOISY       pairs of VoiceBank+DEMAND: the noise is the difference
#   python ../train-splitter/speak.py speech/made-up 120   made-up speakers (needs a package, see there)
#
#   audiokit train denoiser speech/ --noise noise/ --music music/ --from denoiser --alone --perceptual 3 \
#     --intelligibility 10 --ratio 3 --batch 6 --seconds 3 --learning-rate 0.001 --average 0.995 --validate-every 400 \
#     --minutes 41 -o run
#
# and last with --perceptual 5 --intelligibility 80 --ratio 2 --learning-rate 0.0008. Take what is below 70 Hz and long
# silences out of clean speech first: rumble of a room otherwise decides what counts as speech (seen on VCTK).
#
# --alone trains the network without the Wiener engine before it; "first_db" and "easing" of "frontend" in the card let
# that join in again, and say how gently masks are applied. The same command with --resume and more --minutes goes on. Compare on voices and noises that are in
# none of the folders:
#
#   python -m tests.bench.bench_denoise --model run --before OLDER --pairs VOICEBANK
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../sing/talk.py" talk.wav
mkdir -p clean noisy && cp talk.wav clean/
python - << 'EOF'
import numpy as np
import audiokit
y, rate = audiokit.read("clean/talk.wav")
hiss = 0.01 * np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
audiokit.write("noisy/talk.wav", y + hiss, rate, force=True)
EOF
for take in 1 2 3 4; do cp talk.wav "take$take.wav"; done
python "$here/lay_out.py" speech speech one=take1.wav one=take2.wav two=take3.wav two=take4.wav
python "$here/lay_out.py" noise noise/pairs clean noisy
small=(--noise noise --from denoiser --alone --batch 2 --seconds 1 --quiet)

audiokit train denoiser speech/ -o run "${small[@]}" --steps 3
audiokit train denoiser speech/ -o run "${small[@]}" --steps 6 --resume
audiokit denoise noisy/talk.wav -o cleaner.wav --model run --content speech --force
