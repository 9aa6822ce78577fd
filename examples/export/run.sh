#!/usr/bin/env bash
# Networks as ONNX files, and one of them at work without audiokit or PyTorch.   bash run.sh [FOLDER]
# Exporting needs the extra: python -m pip install 'audiokit[export]'
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
for model in denoiser splitter-2stems mel2linear-80 piano-to-vibraphone; do
  audiokit models export "$model" --onnx -o "$model.onnx" --force
done
python "$here/../denoise/make_noisy.py" .
audiokit run 'spectro --rate 16000 --mono | invert' noisy.wav -o noisy16.wav --force
python "$here/denoise.py" denoiser.onnx noisy16.wav clean.wav
audiokit info noisy16.wav clean.wav
