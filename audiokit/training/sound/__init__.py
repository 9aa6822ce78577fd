"""Recipes for networks on sound: vocoders, denoising, splitting, singing."""
