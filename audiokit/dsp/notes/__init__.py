"""Single notes: their description, rendering, names and releases."""
