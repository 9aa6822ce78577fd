"""Recipes for note networks, with their pictures and descriptions."""
