"""Masks that part a mix: sources from each other, and sound from noise."""
