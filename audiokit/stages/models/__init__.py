"""`models`: the table of its commands (group), their declarations (commands), what they do (catalogue)."""
