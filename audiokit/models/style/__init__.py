"""Networks that change the style of a sound by its pictures, and how they are applied."""
