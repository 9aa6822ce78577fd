"""The commands of the shell, one thin file each."""
