#!/usr/bin/env bash
# The style recipes at toy size, on notes of our own synthesiser.   bash run.sh [FOLDER]
# The recipe of the shipped model is the Makefile beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

python "$here/compose.py" midi --pieces 2 --seconds 7 --seed 1
mkdir -p string bar
python "$here/synth.py" midi/a string --voice string --seconds 7
python "$here/synth.py" midi/b bar --voice bar --seconds 7
toy="--generator resnet --ngf 4 --blocks 1 --norm batch --output residual --position --frames 64 --learning-rate 5e-3"

# Paired: the same pieces on both sides. Ended after 5 steps, and gone on with later.
audiokit train pix2pix string bar -o paired $toy --adversarial 0 --steps 5 --validate-every 20
audiokit train pix2pix string bar -o paired $toy --adversarial 0 --steps 20 --validate-every 20 --resume

# Unpaired: any sounds on either side; the way back comes with it.
audiokit train cyclegan string bar -o unpaired $toy --ndf 4 --steps 4 --validate-every 4

# One way only, on slices of the linear spectrum, what a piece is held by a siamese network.
audiokit train travel string bar -o one-way --ngf 4 --blocks 1 --ndf 4 --batch 1 --steps 3 --validate-every 3

# A band and a trio that play the same songs, in a room, the band mastered: how pop-to-jazz was trained.
python "$here/arrange.py" songs --pieces 1 --seconds 7 --seed 1
for side in a b; do python "$here/synth.py" songs/$side dry/$side --seconds 7; done
python "$here/produce.py" dry/a dry/b band trio
audiokit train pix2pix band trio -o jazz $toy --adversarial 0 --steps 5 --validate-every 5

audiokit stylize string/000.wav -o there.wav --model paired --force
audiokit stylize string/000.wav -o linear.wav --model one-way --phase retrieve --force
audiokit stylize bar/000.wav -o back.wav --model unpaired --direction ba --force
tail -n 1 paired/metrics.jsonl
ls paired/samples unpaired/G_B
