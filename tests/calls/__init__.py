"""Saved calls: the same command lines in two versions of the program, and everything they make compared."""
