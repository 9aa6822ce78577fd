"""Networks, one per file, and the model folders they live in."""
