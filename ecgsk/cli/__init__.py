"""Command line ``ecgsk``: no Python interface, so it exports no public names."""

from ecgsk.cli._app import app as app
from ecgsk.cli._app import main as main
