"""How stages run over many files: batches, processes, clusters, remote files, progress and memory."""
