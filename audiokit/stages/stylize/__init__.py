"""`stylize`: the declaration and audio (stage), chunk sets (chunks), a style without a model (optimize)."""
