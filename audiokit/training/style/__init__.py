"""Recipes for style networks and picture GANs, with their data and losses."""
