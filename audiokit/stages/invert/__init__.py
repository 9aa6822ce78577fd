"""`invert`: the declaration (stage), and arrays of other projects (bare)."""
