"""A network of audiokit in plain onnxruntime:  python denoise.py denoiser.onnx noisy.wav clean.wav  (mono, 16 kHz)."""

import json
import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it reports its use, and keeps a folder for that

import numpy as np
import onnxruntime
import soundfile

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["audiokit"])
n, hop = about["settings"]["n_fft"], about["settings"]["hop"]
y, rate = soundfile.read(sys.argv[2], dtype="float32")
assert rate == about["frontend"]["rate"] and y.ndim == 1, "mono at the network's rate is wanted"
window = np.sqrt(np.hanning(n + 1)[:-1]).astype(np.float32)
frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, n), n)[::hop]
X = np.fft.rfft(frames * window)  # (frames, bins)
sizes = {"batch": 1, "frames": len(X)}
feed = {
    port.name: np.zeros([sizes.get(axis, axis) for axis in port.shape], np.float32) for port in session.get_inputs()
}
feed["spectrum"] = np.stack([X.real, X.imag])[None].astype(np.float32)
mask = session.run(["mask"], feed)[0][0]
clean = np.zeros(len(y) + 2 * n + hop)
for k, frame in enumerate(np.fft.irfft(X * (mask[0] + 1j * mask[1])) * window):
    clean[k * hop : k * hop + n] += frame
soundfile.write(sys.argv[3], clean[n : n + len(y)], rate)
