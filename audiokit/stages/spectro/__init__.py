"""`spectro`: the declaration (stage), and data sets of spectra (dataset)."""
