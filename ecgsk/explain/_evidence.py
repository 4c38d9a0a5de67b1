"""Laboratory evidence: links of findings and diagnoses, and contributions per record."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ecgsk._alignment import check_row_order
from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.explain._association import lab_associations, read_labels
from ecgsk.explain._concepts import ConceptSpace, adjust, p_values

_MEASURES = ("odds_ratio", "low", "high", "n_patients", "sensitivity", "p_value")


class LabEvidence(BaseEstimator):
    """Link laboratory abnormalities to diagnoses, in patients and in a model's embedding.

    A *link* of a finding and a diagnosis has two measures. In the patients it is their odds
    ratio. In the model it is the sensitivity: the change of the diagnosis' log odds when the
    embedding moves by one standard deviation along the finding's direction [1]_. The head is
    linear, so this is one number for all records. A link *holds* if both measures are
    significant in training patients and again in held-out patients.

    A link is an association, not a cause in either direction: age and severity of illness
    raise many findings and diagnoses together.

    Parameters
    ----------
    level : float, default=0.05
        Significance level of the adjusted p-values; intervals have level ``1 - level``.
    n_resamples : int, default=1000
        Bootstrap samples of patients for intervals of odds ratios.
    n_random : int, default=1000
        Random concepts per test of the sensitivities.
    random_state : int, RandomState or None, default=None
        Seed of bootstrap samples and random concepts.

    Attributes
    ----------
    links_ : DataFrame
        One row per pair, by diagnosis and descending sensitivity: ``diagnosis``,
        ``finding``; ``odds_ratio``, ``low``, ``high`` and ``n_patients`` as of
        :func:`lab_associations`; ``sensitivity`` in log odds per standard deviation of the
        finding's score; its two-sided ``p_value`` by permuting laboratory labels between
        patients, adjusted for the number of pairs [2]_. After `validate`, the same measures
        as ``held_out_...``, and ``holds``.
    findings_, diagnoses_ : list of str
        Column names.
    filters_, patterns_ : ndarray of shape (n_findings, n_features)
        A record's score is ``(embedding - mean_) @ filter``, with standard deviation one in
        training; deleting the finding subtracts ``score * pattern`` from its embedding. NaN
        for a finding of a single class.
    mean_ : ndarray of shape (n_features,)
        Mean embedding in training, where contributions are zero.
    weight_ : ndarray of shape (n_diagnoses, n_features)
        Weights of the diagnoses' head.
    basis_, back_, variance_ : ndarray
        Uncorrelated axes of the embedding in training.

    References
    ----------
    .. [1] Kim et al., "Interpretability beyond feature attribution: quantitative testing with
       concept activation vectors", ICML 2018.
    .. [2] Benjamini & Hochberg, "Controlling the false discovery rate", J R Stat Soc B 57, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.explain import LabEvidence
    >>> rng = np.random.default_rng(0)
    >>> embedding = rng.normal(size=(2000, 8))
    >>> labs = pd.DataFrame({"potassium high": embedding[:, 0] + rng.normal(size=2000) > 1})
    >>> diagnoses = pd.DataFrame({"hyperkalaemia": embedding[:, 0] + rng.normal(size=2000) > 1})
    >>> patients = np.repeat(np.arange(1000), 2)
    >>> train, test = patients < 600, patients >= 600
    >>> evidence = LabEvidence(n_resamples=100, n_random=100, random_state=0)
    >>> evidence.fit(
    ...     embedding[train], labs[train], diagnoses[train], patients[train], weight=np.eye(1, 8)
    ... ).validate(embedding[test], labs[test], diagnoses[test], patients[test])
    LabEvidence(n_random=100, n_resamples=100, random_state=0)
    >>> evidence.held_links_[["diagnosis", "finding"]]
           diagnosis         finding
    0  hyperkalaemia  potassium high
    """

    def __init__(
        self,
        *,
        level: float = 0.05,
        n_resamples: int = 1000,
        n_random: int = 1000,
        random_state: Any = None,
    ):
        self.level = level
        self.n_resamples = n_resamples
        self.n_random = n_random
        self.random_state = random_state

    def fit(self, embedding: Any, labs: Any, diagnoses: Any, patients: Any, *, weight: Any) -> Self:
        """Measure all pairs in the training patients.

        Parameters
        ----------
        embedding : array-like of shape (n_records, n_features)
            Input of the diagnoses' head.
        labs : DataFrame of shape (n_records, n_findings)
            Laboratory abnormalities, such as ``"potassium high"``: 1, 0, or NaN where not
            measured.
        diagnoses : DataFrame of shape (n_records, n_diagnoses)
            1, 0, or NaN where not known.
        patients : array-like of shape (n_records,)
            Patient of each record.
        weight : array-like of shape (n_diagnoses, n_features)
            Log odds of the diagnoses are ``embedding @ weight.T`` plus a constant.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For shapes that differ or values other than 0, 1 or NaN.
        """
        embedding, weight = np.asarray(embedding), np.asarray(weight, dtype=np.float64)
        _, self.findings_ = read_labels("LabEvidence", labs, "labs")
        _, self.diagnoses_ = read_labels("LabEvidence", diagnoses, "diagnoses")
        if embedding.ndim != 2 or weight.shape != (len(self.diagnoses_), embedding.shape[1]):
            raise ECGError(
                f"LabEvidence expected weight of shape (n_diagnoses, n_features) for "
                f"{len(self.diagnoses_)} diagnoses and an embedding of shape {embedding.shape}; "
                f"got {weight.shape}."
            )
        self.weight_ = weight
        space = ConceptSpace.fit(embedding)
        self.mean_, self.basis_ = space.mean, space.basis
        self.back_, self.variance_ = space.back, space.variance
        concepts = space.concepts(space.coordinates(embedding), np.asarray(labs, dtype=np.float64))
        self.filters_ = concepts.filters @ space.basis.T
        self.patterns_ = concepts.patterns @ space.back
        links = self._measure(embedding, labs, diagnoses, patients)
        links["p_value"] = adjust(links["p_value"].to_numpy())
        number = links["diagnosis"].map({name: i for i, name in enumerate(self.diagnoses_)})
        order = np.lexsort([-links["sensitivity"], number])
        self.links_ = links.iloc[order].reset_index(drop=True)
        return self

    def validate(self, embedding: Any, labs: Any, diagnoses: Any, patients: Any) -> Self:
        """Test which links hold in held-out patients.

        A link holds if, in training and in these patients, the interval of the odds ratio
        excludes 1, the sensitivity is significant, and all have the same sign.

        Parameters
        ----------
        embedding, labs, diagnoses, patients
            As for `fit`, with the same columns, of patients in no training.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        columns = (self.findings_, labs, "labs"), (self.diagnoses_, diagnoses, "diagnoses")
        for names, given, what in columns:
            if read_labels("LabEvidence", given, what)[1] != names:
                raise ECGError(f"LabEvidence expected {what} with the columns of fit, {names}.")
        links = self.links_[["diagnosis", "finding", *_MEASURES]]
        here = self._measure(embedding, labs, diagnoses, patients).rename(
            columns={name: f"held_out_{name}" for name in _MEASURES}
        )
        links = links.merge(here, how="left", on=["diagnosis", "finding"])
        side = _common_sign(links, "", self.level)
        # Test only the pairs that are significant in training.
        p = links["held_out_p_value"].where(side != 0)
        links["held_out_p_value"] = adjust(p.to_numpy())
        links["holds"] = (side != 0) & (side == _common_sign(links, "held_out_", self.level))
        self.links_ = links
        return self

    @property
    def held_links_(self) -> pd.DataFrame:
        """Rows of ``links_`` that hold, with a new index."""
        if "holds" not in self.links_:
            raise ECGError("LabEvidence.held_links_ needs held-out patients. Call validate first.")
        return self.links_[self.links_["holds"]].reset_index(drop=True)

    def contributions(self, embedding: Any) -> np.ndarray:
        """Return the contribution of each held link to the log odds of each record.

        A contribution is sensitivity times the finding's score: the loss of log odds when the
        record moves along the direction to the training mean. With an odds ratio above 1, a
        positive contribution supports the diagnosis and a negative one contradicts it.
        Directions overlap, so contributions do not add up.

        Parameters
        ----------
        embedding : array-like of shape (n_records, n_features)

        Returns
        -------
        ndarray of shape (n_records, n_held_links)
            In the order of ``held_links_``.
        """
        check_is_fitted(self)
        links = self.held_links_
        finding = [self.findings_.index(name) for name in links["finding"]]
        scores = (np.asarray(embedding, dtype=np.float64) - self.mean_) @ self.filters_[finding].T
        return scores * links["sensitivity"].to_numpy()

    def space(self) -> ConceptSpace:
        """Return the axes of the embedding in training."""
        check_is_fitted(self)
        return ConceptSpace(self.mean_, self.basis_, self.back_, self.variance_)

    def _measure(self, embedding: Any, labs: Any, diagnoses: Any, patients: Any) -> pd.DataFrame:
        """Measure all pairs in these records; p-values are not adjusted."""
        check_row_order("LabEvidence", embedding, "embedding", labs=labs, diagnoses=diagnoses)
        rng = check_random_state(self.random_state)
        links = lab_associations(
            labs,
            diagnoses,
            patients,
            n_resamples=self.n_resamples,
            confidence_level=1 - self.level,
            random_state=rng,
        )
        space, labels = self.space(), np.asarray(labs, dtype=np.float64)
        coordinates = space.coordinates(embedding).astype(np.float32)
        weight = self.weight_ @ space.back.T

        def sensitivity(labels: np.ndarray) -> np.ndarray:
            return weight @ space.concepts(coordinates, labels).patterns.T

        links["sensitivity"] = sensitivity(labels).ravel()
        numbers, _ = number_patients("LabEvidence", patients, len(labels))
        links["p_value"] = p_values(sensitivity, labels, numbers, self.n_random, rng).ravel()
        return links


def _common_sign(links: pd.DataFrame, where: str, level: float) -> pd.Series:
    """Return the common sign of odds ratio and sensitivity, 0 if not significant."""
    odds = (links[f"{where}low"] > 1).astype(int) - (links[f"{where}high"] < 1)
    passed = links[f"{where}p_value"] <= level
    agree = np.sign(links[f"{where}sensitivity"]) == odds
    return odds.where(passed & agree, 0)
