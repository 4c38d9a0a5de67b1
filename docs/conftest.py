"""Modules that build the documentation are not tests."""

collect_ignore_glob = ["*.py", "_build", "_generated", "auto_examples", "_templates"]
