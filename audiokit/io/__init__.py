"""Reading and writing: audio, chunk sets, tar streams, pictures, whole files or none."""
