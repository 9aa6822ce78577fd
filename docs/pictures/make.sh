#!/usr/bin/env bash
# Make the pictures of the manual again: bash docs/pictures/make.sh   (chain.svg is drawn by chain.py)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python "$here/chain.py"
python "$here/../../examples/songs/make_songs.py" "$work" --seconds 20
cd "$work"
audiokit spectro pop/mixture.wav -o spectro.png --kind mel --mono
audiokit align-beats pop/mixture.wav --to trio/mixture.wav -o aligned.wav --picture beats.png
audiokit generate --pitch C3:C4:4 --family keyboard --velocity 60,110 --seed 1 -o notes/ --sheet notes.png
audiokit stylize pop/keys.wav -o vibes.wav
audiokit spectro pop/keys.wav -o style-before.png --kind mel --mono
audiokit spectro vibes.wav -o style-after.png --kind mel --mono
# 64 colours and 720 pixels are enough to see what is meant.
python - "$here" << 'PYTHON'
import sys
from pathlib import Path

from PIL import Image

for name in ("spectro.png", "beats.png", "notes.png", "style-before.png", "style-after.png"):
    picture = Image.open(name).convert("RGB")
    picture.thumbnail((720, 720), Image.LANCZOS)
    picture.quantize(64).save(Path(sys.argv[1]) / name, optimize=True)
PYTHON
