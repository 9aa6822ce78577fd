#!/usr/bin/env bash
# The vocals of one song over the band of another, mostly through pipes.   bash mashup.sh VOICE BAND OUT.wav [BALANCE]
set -euo pipefail
voice=$1
band=$2
out=$3
balance=${4:-2dB}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

audiokit split "$band" --stem accompaniment -o "$folder/band.wav"
audiokit split "$voice" --stem vocals -o - \
  | audiokit align-beats - --beats-from "$voice" --to "$band" -o - \
  | audiokit denoise - --engine wiener --strength 0.4 -o - \
  | audiokit normalize - --mode match --reference "$folder/band.wav" -o "$folder/vocals.wav"
audiokit mix "$folder/vocals.wav" "$folder/band.wav" --balance "$balance" --length shortest -o - \
  | audiokit normalize - --to -14 --peak -1 -o "$out" --force
