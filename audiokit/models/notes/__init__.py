"""Networks that make single notes, and how notes are scaled and drawn for them."""
