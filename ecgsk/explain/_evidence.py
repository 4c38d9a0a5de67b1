"""Laboratory evidence: which findings go with which diagnosis, and in which record."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.explain._association import lab_associations, read_labels
from ecgsk.explain._concepts import ConceptSpace, adjust, p_values

_MEASURES = ("odds_ratio", "low", "high", "n_patients", "sensitivity", "p_value")


class LabEvidence(BaseEstimator):
    """Link laboratory abnormalities to diagnoses, in patients and in a model's embedding.

    A *link* of a finding and a diagnosis has two sides. In the patients it is the odds ratio of
    the two. In the model it is the sensitivity: by how much the log odds of the diagnosis
    change, where the embedding moves by one standard deviation along the finding's direction
    [1]_. The head is linear, so that this is one number for all records. A link *holds* where
    both are found in training patients, and found again in patients the model hasn't seen.

    It is an association. A link does not say that the finding causes the diagnosis, nor the
    reverse: age and severity of illness raise many findings and diagnoses together.

    Parameters
    ----------
    level : float, default=0.05
        Of all tests: intervals are of ``1 - level``, adjusted p-values below it.
    n_resamples : int, default=1000
        Resamples of patients for intervals of odds ratios.
    n_random : int, default=1000
        Random concepts a sensitivity is tested against.
    random_state : int, RandomState or None, default=None
        Seeds resamples and random concepts.

    Attributes
    ----------
    links_ : DataFrame
        One row per pair, diagnoses in their order and each one's findings by sensitivity,
        largest first: ``diagnosis``, ``finding``; ``odds_ratio``, ``low``, ``high`` and
        ``n_patients`` as of :func:`lab_associations`; ``sensitivity``, the log odds per
        standard deviation of the finding's score; ``p_value``, two-sided against concepts of
        laboratory labels permuted between patients, adjusted for the number of pairs [2]_.
        After `validate` the same again as ``held_out_...``, and ``holds``.
    findings_, diagnoses_ : list of str
        Names, in the order of the columns.
    filters_, patterns_ : ndarray of shape (n_findings, n_features)
        A record's score is ``(embedding - mean_) @ filter``, of standard deviation one in
        training; ``score * pattern`` is what is taken from its embedding where the finding is
        deleted. NaN for a finding that was never seen, or always.
    mean_ : ndarray of shape (n_features,)
        The embedding's in training, where nothing contributes.
    weight_ : ndarray of shape (n_diagnoses, n_features)
        The diagnoses' head.
    basis_, back_, variance_ : ndarray
        Uncorrelated axes of the embedding in training, in which directions are found.

    References
    ----------
    .. [1] Kim et al., "Interpretability beyond feature attribution: quantitative testing with
       concept activation vectors", ICML 2018.
    .. [2] Benjamini & Hochberg, "Controlling the false discovery rate", J R Stat Soc B 57, 1995.
    .. [3] Haufe et al., "On the interpretation of weight vectors of linear models in
       multivariate neuroimaging", NeuroImage 87, 2014.
    .. [4] Belrose et al., "LEACE: perfect linear concept erasure in closed form", NeurIPS 2023.

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
        """Measure every pair in the training patients.

        Parameters
        ----------
        embedding : array-like of shape (n_records, n_features)
            What the diagnoses' head sees.
        labs : DataFrame of shape (n_records, n_findings)
            Laboratory abnormalities, such as ``"potassium high"``: 1, 0, or NaN where not
            measured.
        diagnoses : DataFrame of shape (n_records, n_diagnoses)
            1, 0, or NaN where not known.
        patients : array-like of shape (n_records,)
            Patient of each record.
        weight : array-like of shape (n_diagnoses, n_features)
            The head: log odds of the diagnoses are ``embedding @ weight.T`` and a constant.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            Where shapes don't match or values are not 0, 1 or NaN.
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
        self.links_ = _in_order(links)
        return self

    def validate(self, embedding: Any, labs: Any, diagnoses: Any, patients: Any) -> Self:
        """Find out which links hold in patients that neither the model nor `fit` has seen.

        A link holds where in training as in these patients the interval of the odds ratio
        excludes 1 and the test of the sensitivity is passed, and all four are on one side.

        Parameters
        ----------
        embedding, labs, diagnoses, patients
            As for `fit`, with the same columns; of other patients.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        for names, given, what in (
            (self.findings_, labs, "labs"),
            (self.diagnoses_, diagnoses, "diagnoses"),
        ):
            if read_labels("LabEvidence", given, what)[1] != names:
                raise ECGError(f"LabEvidence expected {what} with the columns that fit saw.")
        links = self.links_[["diagnosis", "finding", *_MEASURES]]
        here = self._measure(embedding, labs, diagnoses, patients).rename(
            columns={name: f"held_out_{name}" for name in _MEASURES}
        )
        links = links.merge(here, how="left", on=["diagnosis", "finding"])
        side = _side(links, "", self.level)
        # Only what training found is tested here.
        p = links["held_out_p_value"].where(side != 0)
        links["held_out_p_value"] = adjust(p.to_numpy())
        links["holds"] = (side != 0) & (side == _side(links, "held_out_", self.level))
        self.links_ = links
        return self

    @property
    def held_links_(self) -> pd.DataFrame:
        """The rows of ``links_`` that hold, numbered anew."""
        if "holds" not in self.links_:
            raise ECGError("LabEvidence does not know which links hold. Call validate first.")
        return self.links_[self.links_["holds"]].reset_index(drop=True)

    def contributions(self, embedding: Any) -> np.ndarray:
        """Return the log odds that a finding's direction adds to a diagnosis in each record.

        It is what the diagnosis' log odds lose where the record moves along the direction to
        the training mean: sensitivity times the finding's score. Above zero with an odds ratio
        above 1, the ECG looks like one of an abnormal value, and that supports the diagnosis;
        below zero it contradicts it. Contributions of several findings overlap, as their
        directions do, and don't add up.

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
        """Return the embedding's axes in training."""
        check_is_fitted(self)
        return ConceptSpace(self.mean_, self.basis_, self.back_, self.variance_)

    def _measure(self, embedding: Any, labs: Any, diagnoses: Any, patients: Any) -> pd.DataFrame:
        """Measure every pair in these records; p-values are not adjusted yet."""
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


def _in_order(links: pd.DataFrame) -> pd.DataFrame:
    """Sort each diagnosis' findings by sensitivity, largest first."""
    number = links["diagnosis"].map({d: i for i, d in enumerate(links["diagnosis"].unique())})
    order = np.lexsort([-links["sensitivity"], number])
    return links.iloc[order].reset_index(drop=True)


def _side(links: pd.DataFrame, where: str, level: float) -> pd.Series:
    """Return 1 or -1 where odds ratio and sensitivity both clearly point there, else 0."""
    odds = (links[f"{where}low"] > 1).astype(int) - (links[f"{where}high"] < 1)
    passed = links[f"{where}p_value"] <= level
    agree = np.sign(links[f"{where}sensitivity"]) == odds
    return odds.where(passed & agree, 0)
