"""`generate`: the declaration (stage), what is wanted (request), what is made of it (made), and its picture (sheet)."""
