#!/usr/bin/env bash
# Speech and a backing become a vocal, a mix, an edited plan, and pictures of the pitch before and after.
#
#   bash run.sh [FOLDER [SPEECH [BACKING]]]
#
# Without speech, espeak-ng speaks (or a small formant talker, where it is not installed); without a backing one is made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-work}
speech=${2:-}
backing=${3:-}
[ -z "$speech" ] || speech=$(realpath "$speech")
[ -z "$backing" ] || backing=$(realpath "$backing")
mkdir -p "$out" && cd "$out"

lyrics="hello my friend, we will sing together until the morning light comes again"
if [ -z "$speech" ]; then
  speech=speech.wav
  if command -v espeak-ng > /dev/null; then
    espeak-ng -v en+f3 -s 150 -w speech.wav "$lyrics"
  else
    lyrics=""
    python "$here/talk.py" speech.wav
  fi
else
  lyrics=""
fi
if [ -z "$backing" ]; then
  python "$here/../songs/make_songs.py" songs --seconds 14
  backing=songs/trio/mixture.wav
fi

# A vocal, the song, and what was decided, as a score that any music program opens.
audiokit sing "$speech" --over "$backing" -o vocal.wav --mix song.wav --plan plan.json --lyrics "$lyrics" --force
# The same plan, one more voice, less of it: edit plan.json by hand instead of this.
python "$here/raise_plan.py" plan.json higher.json 2
audiokit sing "$speech" --over "$backing" -o higher.wav --plan higher.json --harmony third --balance -2 --force
# Half way between speech and song.
audiokit sing "$speech" --over "$backing" -o half.wav --plan plan.json --pitch-correction 0.5 --vibrato 0 --force

python "$here/draw.py" "$speech" vocal.wav plan.json pitch.png
