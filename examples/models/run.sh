#!/usr/bin/env bash
# What models are here, whether they are whole, and one of them for other programs.   bash run.sh [FOLDER]
set -euo pipefail
mkdir -p "${1:-work}" && cd "${1:-work}"
audiokit models list
audiokit models info splitter-2stems
audiokit models verify splitter-2stems
audiokit models export splitter-2stems -o splitter.safetensors --force
audiokit models import list

# Official checkpoints, where they lie on this machine:
#   audiokit models import spleeter pretrained_models/2stems -o my-spleeter
