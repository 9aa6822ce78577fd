#!/usr/bin/env bash
# A mash-up of two songs made here, through make.   bash run.sh [FOLDER [VOICE BAND]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
voice=${2:+$(realpath "$2")}
band=${3:+$(realpath "$3")}
mkdir -p "${1:-work}" && cd "${1:-work}"
if [ -z "$voice" ]; then
  python "$here/../songs/make_songs.py" songs --seconds 10
  voice=$PWD/songs/pop/mixture.wav band=$PWD/songs/trio/mixture.wav
fi
make --no-print-directory -f "$here/Makefile" VOICE="$voice" BAND="$band" OUT=mashup

# A second time nothing is left to do.
make --no-print-directory -q -f "$here/Makefile" VOICE="$voice" BAND="$band" OUT=mashup
audiokit info mashup/mashup.wav --check
