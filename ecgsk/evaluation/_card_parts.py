"""What the parts of a model card are made of."""

from collections.abc import Mapping

import pandas as pd

TO_FILL = "To be filled in by the authors."


def as_table(facts: Mapping[str, object]) -> pd.DataFrame:
    """Return facts as a table of two columns; what is None or empty is left to the authors."""
    rows = [(name, TO_FILL if value in (None, "") else str(value)) for name, value in facts.items()]
    return pd.DataFrame(rows, columns=["fact", "value"])
