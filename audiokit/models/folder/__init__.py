"""The model folder, and how models come and go: saving, loading, importing, downloading."""
