"""`chunk`: the declaration (stage), where to cut (places), and pieces put together again (join)."""
