#!/usr/bin/env bash
# The Makefile beside this, small enough to see it work in seconds.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
soundfont=${SOUNDFONT:-/usr/share/sounds/sf2/FluidR3_GM.sf2}
if ! command -v fluidsynth > /dev/null || [ ! -e "$soundfont" ]; then
  echo "fluidsynth or $soundfont is not installed: apt install fluidsynth fluid-soundfont-gm" >&2
  exit 0
fi
mkdir -p "${1:-work}" && cd "${1:-work}"
make -f "$here/Makefile" WORK=try SOUNDFONT="$soundfont" PITCHES=48:72:12 VELOCITIES=100 PROGRAMS=0,40,73 \
  MINUTES=0.2 STEPS=40 SIZE="--width 32 --latent 4 --batch 8 --validate-every 20 --device cpu"
