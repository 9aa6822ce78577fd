#!/usr/bin/env bash
# A separator from songs with stems, in small: train, resume, separate with it.   bash run.sh [FOLDER]
#
# The shipped model was trained on much more, made by the programs beside this file:
#
#   python speak.py spoken/ 120                            made-up speakers (needs a package, see there)
#   python make_parts.py sing sung/ spoken/*.flac SPEECH   each recording sung three times by changed voices
#   python make_parts.py play bands/ SOUNDFONT.sf2 180     instrumentals, with effects, limiters and coders
#   python synthesise.py synths/ 30                        the same with synthesisers and a drum machine
#   python drums_apart.py songs/ SOUNDFONT.sf2 300         songs in layers, for `--stems drums,other`
#   python taught.py taught/ spleeter-2stems-16kHz 900 \   mixes of all of these by what a large separator finds in them
#     vocals=sung vocals=speech ... accompaniment=bands ...
#
# A song is a folder of stems in layers (vocals.flac, vocals_back.flac, drums.flac, bass.flac ...), which are mixed
# anew each time; song_vocals/ holds the voices of these songs once more, to be met by any accompaniment. judge/ holds
# songs and mixes of other voices and players. `--start` goes on from the shipped weights, where the sizes are theirs;
# without it training begins at random. `--minutes` is the total, `--resume` goes on after any stop.
#
#   audiokit train splitter taught/ songs/ --judge judge/ --part vocals=singing --part vocals=speech --part vocals=sung \
#     --part vocals=song_vocals --part accompaniment=bands --part accompaniment=synths --part accompaniment=recorded \
#     --part accompaniment=instrumentals --part accompaniment=loops --start splitter-2stems \
#     --setting 'widths=[32,64,96,224]' --setting memory=320 --from-songs 0.6 --faint 0.35 --in-key 0.6 --seconds 12 \
#     --batch 2 --precision bfloat16 --optimizer muon --learning-rate 0.0007 --average 0.995 --steps 6400 -o run
#
# The card of the model that ships says which songs and voices were held out, and what was reached.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 8
small=(--setting bands=64 --setting single=32 --setting n_fft=1024 --setting hop=512 --setting 'widths=[4,8]' --batch 2 --seconds 1)

audiokit train splitter songs/pop --judge songs/trio -o toy "${small[@]}" --steps 4 --judge-every 4
audiokit train splitter songs/pop --judge songs/trio -o toy "${small[@]}" --steps 8 --judge-every 4 --resume
audiokit split songs/trio/mixture.wav -o stems/ --model toy --force

# A smaller one learns what the first one answers.
python "$here/taught.py" taught toy 2 vocals=songs/pop/vocals.wav accompaniment=songs/pop/bass.wav song=songs/trio/mixture.wav
audiokit train splitter taught/ -o pupil "${small[@]}" --from-songs 1 --steps 2
