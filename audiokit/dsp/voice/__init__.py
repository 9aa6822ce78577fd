"""Speech and song: analysis of voices, syllables, plans, melodies and the sung result."""
