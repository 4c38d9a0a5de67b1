"""Test records of a comparison, on which all arms are scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ecgsk._privacy import pool_rare_levels
from ecgsk.metrics import BootstrapResult, compare_labels, patient_bootstrap, subgroup_scores

# Columns of X that define subgroups by default.
DEMOGRAPHIC_COLUMNS = ("age", "sex", "race", "ethnicity")
_AGE_EDGES_YEARS = (40, 65)


@dataclass(frozen=True)
class HeldOut:
    """Labels and patients of the test records, and the seed of their resamples.

    `demographics` has the columns age, sex, race and ethnicity of X, without those that X lacks.
    All scores of a comparison share the seed.
    """

    Y: pd.DataFrame = field(repr=False)
    patients: np.ndarray = field(repr=False)
    demographics: pd.DataFrame = field(repr=False)
    n_resamples: int = 1000
    seed: int = 0

    @classmethod
    def of_records(
        cls,
        X: pd.DataFrame,
        Y: pd.DataFrame,
        patients: np.ndarray,
        rows: np.ndarray,
        n_resamples: int,
        seed: int,
    ) -> "HeldOut":
        """Select these rows of X and Y; demographic levels of few patients are pooled."""
        demographics = {
            name: pool_rare_levels(X[name].iloc[rows], patients[rows])
            for name in DEMOGRAPHIC_COLUMNS
            if name in X
        }
        frame = pd.DataFrame(demographics, index=X.index[rows])
        return cls(Y.iloc[rows], patients[rows], frame, n_resamples, seed)

    def bootstrap(self, P: np.ndarray, statistic: str) -> BootstrapResult:
        """Score probabilities of these records, with patient-bootstrap intervals."""
        return patient_bootstrap(
            self.Y,
            pd.DataFrame(P, index=self.Y.index, columns=self.Y.columns),
            statistic=statistic,
            **self._resampling(),
        )

    def compare(
        self, P_a: np.ndarray, P_b: np.ndarray, statistic: str, correction: str
    ) -> pd.DataFrame:
        """Compare two arms per label."""
        table = compare_labels(
            self.Y.reset_index(drop=True),
            P_a,
            P_b,
            statistic=statistic,
            correction=correction,
            **self._resampling(),
        )
        counts = self.counts()
        return table.drop(columns=["n_positive", "n_patients"]).set_axis(counts.index).join(counts)

    def subgroups(
        self,
        P: np.ndarray,
        by: pd.DataFrame,
        edges: Mapping[str, Sequence[float]] | None,
        statistic: str,
    ) -> pd.DataFrame:
        """Score subgroups; age has default edges."""
        return subgroup_scores(
            self.Y.reset_index(drop=True),
            P,
            by.reset_index(drop=True),
            edges=age_edges(by) if edges is None else edges,
            statistic=statistic,
            **self._resampling(),
        )

    def counts(self) -> pd.DataFrame:
        """Count measured and positive records and patients of each label."""
        Y = self.Y.to_numpy(dtype=float, na_value=np.nan)
        measured, positive = ~np.isnan(Y), Y == 1
        return pd.DataFrame(
            {
                "n_records": measured.sum(axis=0),
                "n_positive": positive.sum(axis=0),
                "n_patients": self._count_patients(measured),
                "n_positive_patients": self._count_patients(positive),
            },
            index=self.Y.columns.rename("label"),
        )

    def _resampling(self) -> dict[str, Any]:
        """Return the parameters that make all scores share their resamples."""
        return {
            "groups": self.patients,
            "n_resamples": self.n_resamples,
            "random_state": self.seed,
        }

    def _count_patients(self, chosen: np.ndarray) -> list[int]:
        return [len(np.unique(self.patients[rows])) for rows in chosen.T]


def age_edges(by: pd.DataFrame) -> dict[str, Sequence[float]]:
    """Return edges for a numeric column ``age`` in years, if there is one."""
    if "age" in by and pd.api.types.is_numeric_dtype(by["age"]):
        return {"age": _AGE_EDGES_YEARS}
    return {}
