"""`augment`: the declaration (stage), and recipes by name or from a file (read, recipes/)."""
