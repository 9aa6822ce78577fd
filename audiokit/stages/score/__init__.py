"""`score`: the declaration (stage), files and folders (files), two sounds (compare), the measures (measures)."""
