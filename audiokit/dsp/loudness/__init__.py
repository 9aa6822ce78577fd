"""Level: loudness and true peaks, limiting, mastering, matching and mixing."""
