"""``python -m recform``."""

from recform.cli import main

if __name__ == "__main__":
    main()
