"""Short-time spectra: transforms and back, mel bands, presets, phase retrieval, spectral measures."""
