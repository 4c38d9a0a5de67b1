"""``python -m ecgsk`` is the command ``ecgsk``."""

from ecgsk.cli import main

if __name__ == "__main__":
    main()
