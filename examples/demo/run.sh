#!/usr/bin/env bash
# The main job: a song through spectro, stylize, invert and normalize, as a pipe, in one process and by make, mixed with
# another, and then its vocals over that song's band.
#
#   bash run.sh [FOLDER [SONG [BACKING]]]
#
# Without songs it makes two of its own. Everything lands in FOLDER (default: demo), with FOLDER/index.html to listen.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-demo}
mkdir -p "$out"
out=$(cd "$out" && pwd)
song=${2:-}
backing=${3:-}
[ -z "$song" ] || song=$(realpath "$song")
[ -z "$backing" ] || backing=$(realpath "$backing")

if [ -z "$song" ]; then
  echo "== making two songs"
  python "$here/../songs/make_songs.py" "$out/songs" --seconds "${DEMO_SECONDS:-24}"
  song=$out/songs/pop/mixture.wav
  backing=$out/songs/trio/mixture.wav
fi
backing=${backing:-$song}

echo "== through pipes: four processes, no intermediate file"
mkdir -p "$out/pipes"
audiokit spectro "$song" -o - \
  | audiokit stylize - -o - \
  | audiokit invert - -o - \
  | audiokit normalize - --to -14 -o "$out/pipes/styled.wav" --force

echo "== the same in one process, to the byte"
audiokit run 'spectro | stylize | invert | normalize --to -14' "$song" -o "$out/one-process.wav" --force
cmp "$out/pipes/styled.wav" "$out/one-process.wav"
rm "$out/one-process.wav"

echo "== through make: what takes long is a file, nothing done twice"
make --no-print-directory -f "$here/chain.mk" OUT="$out/make" SONG="$song" BACKING="$backing"

echo "== the mash-up: the vocals of the song over the band of the other"
make --no-print-directory -f "$here/../mashup/Makefile" OUT="$out/mashup" VOICE="$song" BAND="$backing"

echo "== what came out"
audiokit info "$out/pipes/styled.wav" "$out/make/mix.wav" "$out/mashup/mashup.wav" --check
# The page tells what became of the songs; of the ones that were made here it leaves out the instruments one by one.
audiokit page "$out" -o "$out/index.html" --title "audiokit: a song through the whole chain" --force \
  --exclude 'songs/*/[!m]*.wav'

echo
echo "Listen: $out/index.html"
echo "        $out/pipes/styled.wav   the styled song, made through pipes"
echo "        $out/make/mix.wav       the styled song over the other one, made by make"
echo "        $out/mashup/mashup.wav  the song's vocals over the other's band"
