"""Signal processing on arrays: pure functions, arrays in, new arrays out."""
