"""Networks for voices: singing, speech denoising and time-series features."""
