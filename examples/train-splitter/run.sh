#!/usr/bin/env bash
# A separator from songs with stems, in small: train, resume, separate with it.   bash run.sh [FOLDER]
#
# The shipped model was trained on much more. make_parts.py beside this file made most of it: speech sung on made-up
# melodies (`python make_parts.py sing sung/ SPEECH...`) and bands played from a soundfont (`python make_parts.py play
# bands/ SOUNDFONT.sf2 56`). Songs are songs with true stems, judge/ holds songs and mixes of other voices and players:
#
#   audiokit train splitter songs/ --judge judge/ --part vocals=singing --part vocals=speech --part vocals=sung \
#     --part accompaniment=bands --part accompaniment=instrumentals --part accompaniment=loops \
#     --setting 'widths=[32,64,96]' --setting memory=320 --seconds 12 --batch 2 --precision bfloat16 \
#     --judge-every 150 --minutes 49 --seed 1 -o run
#
# `novelty` in its model.json (how far the voice is held to what does not repeat) was then set to 0.5 by the judge's mixes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 8
small=(--setting bands=64 --setting single=32 --setting n_fft=1024 --setting hop=512 --setting 'widths=[4,8]' --batch 2 --seconds 1)

audiokit train splitter songs/pop --judge songs/trio -o toy "${small[@]}" --steps 4 --judge-every 4
audiokit train splitter songs/pop --judge songs/trio -o toy "${small[@]}" --steps 8 --judge-every 4 --resume
audiokit split songs/trio/mixture.wav -o stems/ --model toy --force
