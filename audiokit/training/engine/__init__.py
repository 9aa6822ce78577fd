"""The one loop that runs every recipe: options, sources, processes, progress and export."""
