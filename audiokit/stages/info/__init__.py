"""`info`: the declaration (stage), and what is known of each kind of file (describe)."""
