"""The command line ``ecgsk``."""

from ecgsk.cli._app import app, main

__all__ = ["app", "main"]
