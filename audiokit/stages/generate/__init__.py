"""`generate`: the declaration (stage), what is wanted (request), and where it goes (output)."""
