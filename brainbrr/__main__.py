"""`python -m brainbrr`, the same as the console script."""

from brainbrr.cli.main import main

if __name__ == "__main__":
    main()
