"""Musical time and harmony: onsets, tempo, beats, metre, time-warping, key and chords."""
