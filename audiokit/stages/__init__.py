"""The stages: one file or folder each, named like its command; see `audiokit.engine.stage`."""
