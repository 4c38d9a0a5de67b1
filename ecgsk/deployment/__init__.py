"""Use of a fitted model: predictions for many records, and its export to other runtimes."""

__all__: list[str] = []
