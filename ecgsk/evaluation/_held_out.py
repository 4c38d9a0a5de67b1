"""The test records of a comparison: what every arm is scored on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ecgsk.metrics import BootstrapResult, compare_labels, patient_bootstrap, subgroup_scores
from ecgsk.metrics._compare import Correction

# Columns of X by which a model's scores are looked at apart, where a cohort has them.
WHO = ("age", "sex", "race", "ethnicity")
_AGE_EDGES = (40, 65)  # years


@dataclass(frozen=True)
class HeldOut:
    """Labels and patients of the test records, and how they are resampled.

    Attributes
    ----------
    Y : DataFrame of shape (n_records, n_labels)
        0, 1 or NaN.
    patients : ndarray of shape (n_records,)
        Patient of each record.
    who : DataFrame of shape (n_records, n_columns)
        Age, sex and race, as far as X has them.
    n_resamples : int
        Of the patient bootstrap.
    seed : int
        Of its resamples, which all scores of a comparison share.
    """

    Y: pd.DataFrame = field(repr=False)
    patients: np.ndarray = field(repr=False)
    who: pd.DataFrame = field(repr=False)
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
        """Take these rows of a cohort's tables."""
        who = X[[name for name in WHO if name in X]].iloc[rows]
        return cls(Y.iloc[rows], patients[rows], who, n_resamples, seed)

    def bootstrap(self, P: np.ndarray, statistic: str) -> BootstrapResult:
        """Score probabilities of these records, with intervals by patient."""
        return patient_bootstrap(
            self.Y,
            pd.DataFrame(P, index=self.Y.index, columns=self.Y.columns),
            self.patients,
            statistic=statistic,
            n_resamples=self.n_resamples,
            random_state=self.seed,
        )

    def compare(
        self, P_a: np.ndarray, P_b: np.ndarray, statistic: str, correction: Correction
    ) -> pd.DataFrame:
        """Compare two arms label by label."""
        table = compare_labels(
            self.Y.reset_index(drop=True),
            P_a,
            P_b,
            self.patients,
            statistic=statistic,
            correction=correction,
            n_resamples=self.n_resamples,
            random_state=self.seed,
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
        """Score subgroups; age has edges of its own."""
        return subgroup_scores(
            self.Y.reset_index(drop=True),
            P,
            self.patients,
            by.reset_index(drop=True),
            edges=age_edges(by) if edges is None else edges,
            statistic=statistic,
            n_resamples=self.n_resamples,
            random_state=self.seed,
        )

    def counts(self) -> pd.DataFrame:
        """Return, for each label, the records and patients it was measured in and is present in.

        Returns
        -------
        DataFrame
            Indexed by label: ``n_records``, ``n_positive``, ``n_patients`` and
            ``n_positive_patients``.
        """
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

    def _count_patients(self, chosen: np.ndarray) -> list[int]:
        return [len(np.unique(self.patients[rows])) for rows in chosen.T]


def age_edges(by: pd.DataFrame) -> dict[str, Sequence[float]]:
    """Return where a column of ages in years is cut; nothing where there is none."""
    if "age" in by and pd.api.types.is_numeric_dtype(by["age"]):
        return {"age": _AGE_EDGES}
    return {}
