"""`sing`: the declaration (stage), one vocal (vocal, settings), given melodies (melody), levels, and the network."""
