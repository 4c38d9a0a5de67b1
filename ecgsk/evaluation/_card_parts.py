"""Text and tables that all sections of a model card use."""

from collections.abc import Mapping

import pandas as pd

TO_FILL = "To be filled in by the authors."


def as_table(facts: Mapping[str, object]) -> pd.DataFrame:
    """Return facts as a table of two columns; authors fill in None and empty values."""
    rows = [(name, TO_FILL if value in (None, "") else str(value)) for name, value in facts.items()]
    return pd.DataFrame(rows, columns=["fact", "value"])
