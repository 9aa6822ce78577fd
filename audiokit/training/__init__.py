"""Training recipes and the one loop that runs them."""
