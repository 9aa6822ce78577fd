#!/usr/bin/env bash
# Train something small, stop, go on to the same result, and use the model at once.   bash run.sh [FOLDER]
# The settings are far too small to sound good; examples/train-style/ has the recipe of the shipped model.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 8
mkdir -p trainA trainB
cp songs/pop/keys.wav trainA/ && cp songs/trio/keys.wav trainB/
tiny="--ngf 4 --blocks 1 --ndf 4 --frames 64 --validate-every 3 --device cpu --quiet"

audiokit train cyclegan trainA trainB -o run --steps 3 $tiny
audiokit train cyclegan trainA trainB -o run --steps 5 $tiny --resume

# The simplest GAN: sounds out of noise, which generate draws.
audiokit train gan songs/pop/keys.wav -o gan --width 16 --frames 32 --batch 4 --steps 5 --validate-every 5 --quiet
audiokit generate --model gan --count 2 -o drawn/ --quiet --force

audiokit info run --check
audiokit stylize songs/pop/keys.wav -o styled.wav --model run
audiokit page run -o training.html --title "A tiny run" --force

# A DCGAN of the same sounds, and a clip that lies between two of them in its latents.
audiokit train dcgan trainA trainB -o between --steps 3 --width 4 --frames 32 --device cpu --quiet
audiokit morph trainA/keys.wav songs/pop/bass.wav -o morphed.wav --engine latent --model between --curve 0,1 --force
