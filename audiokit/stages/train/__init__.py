"""The recipes of `audiokit train`, one file each; what they do is in `audiokit.training`."""
