"""Input of the checks: a table, its roles, and labels, patients and times beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.checks._facts import Column
from ecgsk.checks.findings import Finding


@dataclass(frozen=True, eq=False)
class Table:
    """A frame with roles.

    `clinical` are labels of the columns that a model would learn from, and `meant` those that
    the user named as such. `patients` are the patients' numbers, None if they are not known.
    `labels` are 0, 1 and NaN, `times` are those of the ECGs, and `digests` stand for their
    samples, None if these were not read.
    """

    X: pd.DataFrame
    clinical: tuple[Any, ...]
    meant: tuple[Any, ...] = ()
    group_column: str = "subject_id"
    patients: np.ndarray | None = None
    labels: pd.DataFrame | None = None
    labs: pd.DataFrame | None = None
    reference_ranges: Any = None
    times: pd.Series | None = None
    digests: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    @cached_property
    def columns(self) -> list[Column]:
        """The clinical columns; of several of one name, none."""
        names = self.X.columns
        once = set(names[~names.duplicated(keep=False)])
        return [Column(name, _dense(self.X[name])) for name in self.clinical if name in once]


def _dense(values: pd.Series) -> pd.Series:
    is_sparse = isinstance(values.dtype, pd.SparseDtype)
    return pd.Series(np.asarray(values), values.index) if is_sparse else values


Check = Callable[[Table], Iterator[Finding]]
