#!/usr/bin/env bash
# A stage of another package: in help, in a pipe, in a folder, and from Python. Usage: run.sh [WORK_FOLDER]
# The package is installed with: pip install examples/plugin. Here it is only put on the path, with its metadata.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-plugin-example}
mkdir -p "$work"
python "$here/../songs/make_songs.py" "$work" --seconds 4
cd "$work"

# What pip would leave in site-packages.
mkdir -p site/audiokit_bitcrush-0.1.0.dist-info
cp -r "$here/audiokit_bitcrush" site/
printf '[audiokit.stages]\nbitcrush = audiokit_bitcrush:bitcrush\n' > site/audiokit_bitcrush-0.1.0.dist-info/entry_points.txt
export PYTHONPATH="$PWD/site${PYTHONPATH:+:$PYTHONPATH}"

audiokit --help | grep bitcrush
audiokit bitcrush pop/mixture.wav -o crushed.wav --bits 6 --hold 4 --force
audiokit bitcrush pop/mixture.wav -o - --bits 4 | audiokit normalize - --to -16 -o louder.wav --force
audiokit bitcrush pop -o folder/ --bits 5 --jobs 2 --force
python - << 'PYTHON'
import audiokit
from audiokit_bitcrush import bitcrush

bitcrush("pop/mixture.wav", bits=3).save("from-python.flac", force=True)
y, rate = audiokit.read("pop/mixture.wav")
print(bitcrush(y, rate, bits=3).shape)
PYTHON
