#!/usr/bin/env bash
# Defaults of one's own, in a file and in the environment.   bash run.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4
cat > audiokit.toml <<'END'
[defaults]
subtype = "PCM_24"

[normalize]
to = -16
END
audiokit config
audiokit normalize songs/pop/mixture.wav -o file.wav --force
AUDIOKIT_NORMALIZE_TO=-20 audiokit normalize songs/pop/mixture.wav -o environment.wav --force
AUDIOKIT_NORMALIZE_TO=-20 audiokit normalize songs/pop/mixture.wav --to -24 -o typed.wav --force
audiokit info file.wav environment.wav typed.wav
