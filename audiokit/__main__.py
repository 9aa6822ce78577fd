"""`python -m audiokit` is `audiokit`."""

from audiokit.cli import main

if __name__ == "__main__":
    main()
