"""`align-beats`: the declaration (stage), what goes where (plan), who finds beats (trackers), what shows it (show)."""
