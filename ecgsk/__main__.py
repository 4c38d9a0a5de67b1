"""Run the command line with ``python -m ecgsk``."""

from ecgsk.cli import main

if __name__ == "__main__":
    main()
