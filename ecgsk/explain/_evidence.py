"""Laboratory evidence: links of findings and diagnoses, and contributions per record."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ecgsk._alignment import check_row_order
from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.explain._concepts import ConceptSpace
from ecgsk.explain._conditional import Design, associate, associate_single, carried
from ecgsk.explain._definitions import is_definition
from ecgsk.explain._labels import read_labels

_NAME = "LabEvidence"
_SIDES = {"low": -1, "high": 1}


class LabEvidence(BaseEstimator):
    """Link laboratory abnormalities to diagnoses: conditionally in patients, and in a model.

    In patients, a *link* is the odds ratio of the diagnosis per standard deviation of the
    laboratory's value, given all other values, which of them were measured, and covariates such
    as age, sex and vital signs: one logistic regression per diagnosis, with intervals that are
    robust to several records of a patient [1]_. A link *holds* if its interval in training
    patients is above 1, its estimate is at least the smallest effect, and the estimate in
    held-out patients is on the same side.

    In the model, it is the sensitivity: the change of the diagnosis' log odds when the
    embedding moves by one standard deviation along the finding's direction [2]_. The head is
    linear, so this is one number for all records.

    A link is an association, not a cause in either direction: what was not measured is not
    adjusted for.

    .. versionadded:: 0.1

    Parameters
    ----------
    level : float, default=0.05
        Intervals have level ``1 - level``.
    smallest_effect : float, default=1.15
        Smallest odds ratio per standard deviation of a link that holds.

    Attributes
    ----------
    links_ : DataFrame
        One row per pair, by diagnosis and descending odds ratio: ``diagnosis``, ``finding``;
        ``n_with`` and ``n_without``, patients with the laboratory measured who have and lack the
        diagnosis; ``odds_ratio`` per standard deviation of the value towards the finding, given
        all others, with its interval ``low`` to ``high`` and its logarithm ``effect``, NaN
        with fewer than ten patients of either kind; ``crude_odds_ratio`` of the value alone and
        ``adjusted_odds_ratio`` given the covariates alone, where the first two conditions of a
        link are met; ``sensitivity`` in log odds per standard deviation of the finding's score;
        ``is_definition`` where the finding defines the diagnosis, as potassium does
        hyperkalaemia, by their names or the ICD-10 code.
        After `validate`, ``held_out_effect``; ``holds``; and of held-out patients
        ``ecg_odds_ratio``, ``ecg_low`` and ``ecg_high`` of the finding per standard deviation
        of its score, given covariates and the other laboratories, with ``carried_by_ecg``, 1 if
        that interval is above 1, 0 if not, NaN with fewer than ten patients of either kind.
    findings_, diagnoses_, covariates_ : list of str
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
    held_links_ : DataFrame
        Rows of ``links_`` that hold, with a new index; after `validate`.

    References
    ----------
    .. [1] Liang & Zeger, "Longitudinal data analysis using generalized linear models",
       Biometrika 73, 1986.
    .. [2] Kim et al., "Interpretability beyond feature attribution: quantitative testing with
       concept activation vectors", ICML 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.explain import LabEvidence
    >>> rng = np.random.default_rng(0)
    >>> embedding = rng.normal(size=(2000, 8))
    >>> values = pd.DataFrame({"potassium": embedding[:, 0] + rng.normal(size=2000)})
    >>> labs = pd.DataFrame({"potassium high": values["potassium"] > 1})
    >>> diagnoses = pd.DataFrame({"hyperkalaemia": embedding[:, 0] + rng.normal(size=2000) > 1})
    >>> patients = np.repeat(np.arange(1000), 2)
    >>> train, test = patients < 600, patients >= 600
    >>> evidence = LabEvidence().fit(
    ...     embedding[train],
    ...     labs[train],
    ...     diagnoses[train],
    ...     patients[train],
    ...     weight=np.eye(1, 8),
    ...     values=values[train],
    ... )
    >>> evidence = evidence.validate(
    ...     embedding[test], labs[test], diagnoses[test], patients[test], values=values[test]
    ... )
    >>> evidence.held_links_[["diagnosis", "finding", "carried_by_ecg"]]
           diagnosis         finding  carried_by_ecg
    0  hyperkalaemia  potassium high             1.0
    """

    def __init__(self, *, level: float = 0.05, smallest_effect: float = 1.15):
        self.level = level
        self.smallest_effect = smallest_effect

    def fit(
        self,
        embedding: Any,
        labs: Any,
        diagnoses: Any,
        patients: Any,
        *,
        weight: Any,
        values: Any = None,
        covariates: Any = None,
    ) -> Self:
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
        values : DataFrame of shape (n_records, n_laboratories) or None
            Laboratory values, with laboratories such as ``"potassium"`` as columns, NaN where
            not measured. None takes the findings instead: -1 for low, 1 for high.
        covariates : DataFrame of shape (n_records, n_covariates) or None
            Numbers to adjust for, such as age, male sex and vital signs; NaN where not known.
            None adjusts for laboratories alone.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For shapes that differ, values other than 0, 1 or NaN, a finding without its
            laboratory in ``values``, or covariates that are no numbers.
        """
        _, self.findings_ = read_labels(_NAME, labs, "labs")
        _, self.diagnoses_ = read_labels(_NAME, diagnoses, "diagnoses")
        design, known = self._design(embedding, labs, diagnoses, patients, values, covariates)
        embedding, weight = np.asarray(embedding), np.asarray(weight, dtype=np.float64)
        if embedding.ndim != 2 or weight.shape != (len(self.diagnoses_), embedding.shape[1]):
            raise ECGError(
                f"LabEvidence expected weight of shape (n_diagnoses, n_features) for "
                f"{len(self.diagnoses_)} diagnoses and an embedding of shape {embedding.shape}; "
                f"got {weight.shape}."
            )
        self.weight_ = weight
        self.covariates_ = [] if covariates is None else [str(name) for name in covariates]
        space = ConceptSpace.fit(embedding)
        self.mean_, self.basis_ = space.mean, space.basis
        self.back_, self.variance_ = space.back, space.variance
        concepts = space.concepts(space.coordinates(embedding), np.asarray(labs, dtype=np.float64))
        self.filters_ = concepts.filters @ space.basis.T
        self.patterns_ = concepts.patterns @ space.back
        links = self._associate(design, known)
        self._compare(links, design, known)
        links["sensitivity"] = (weight @ self.patterns_.T).ravel()
        links["is_definition"] = [
            is_definition(*pair) for pair in zip(links["diagnosis"], links["finding"], strict=True)
        ]
        number = links["diagnosis"].map({name: i for i, name in enumerate(self.diagnoses_)})
        order = np.lexsort([-links["effect"], number])
        self.links_ = links.drop(columns="value").iloc[order].reset_index(drop=True)
        return self

    def validate(
        self,
        embedding: Any,
        labs: Any,
        diagnoses: Any,
        patients: Any,
        *,
        values: Any = None,
        covariates: Any = None,
    ) -> Self:
        """Find which links hold in held-out patients, and which findings the ECG carries.

        Parameters
        ----------
        embedding, labs, diagnoses, patients, values, covariates
            As for `fit`, with the same columns, of patients in no training.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        columns = (self.findings_, labs, "labs"), (self.diagnoses_, diagnoses, "diagnoses")
        for names, given, what in columns:
            if read_labels(_NAME, given, what)[1] != names:
                raise ECGError(f"LabEvidence expected {what} with the columns of fit, {names}.")
        given = [] if covariates is None else [str(name) for name in covariates]
        if given != self.covariates_:
            raise ECGError(
                f"LabEvidence expected covariates with the columns of fit, {self.covariates_}; "
                f"got {given}."
            )
        design, known = self._design(embedding, labs, diagnoses, patients, values, covariates)
        here = self._associate(design, known)[["diagnosis", "finding", "effect"]]
        new = ["held_out_effect", "holds", "ecg_odds_ratio", "ecg_low", "ecg_high"]
        links = self.links_.drop(columns=[*new, "carried_by_ecg"], errors="ignore")
        links = links.merge(
            here.rename(columns={"effect": "held_out_effect"}),
            how="left",
            on=["diagnosis", "finding"],
        )
        links["holds"] = self._shown(links) & (links["held_out_effect"] > 0)
        ecg = self._carried(design, embedding, np.asarray(labs, dtype=np.float64))
        self.links_ = links.merge(ecg, how="left", on="finding")
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

    def _design(
        self,
        embedding: Any,
        labs: Any,
        diagnoses: Any,
        patients: Any,
        values: Any,
        covariates: Any,
    ) -> tuple[Design, np.ndarray]:
        """Return the regressions' columns, and diagnoses in the same order of rows."""
        tables = {"diagnoses": diagnoses, "values": values, "covariates": covariates}
        check_row_order(_NAME, labs, "labs", embedding=embedding, patients=patients, **tables)
        findings = pd.DataFrame(np.asarray(labs, dtype=np.float64), columns=self.findings_)
        table = _values_of_findings(findings) if values is None else _read_values(values, findings)
        numbers, _ = number_patients(_NAME, patients, len(findings))
        if len({len(part) for part in (embedding, findings, diagnoses, table)}) > 1:
            raise ECGError(
                f"LabEvidence expected embedding, labs, diagnoses and values of the same records; "
                f"got {len(embedding)}, {len(findings)}, {len(diagnoses)} and {len(table)} rows."
            )
        others = None if covariates is None else _numbers(covariates, "covariates")
        design = Design.of(table, others, numbers)
        return design, np.asarray(diagnoses, dtype=np.float64)[design.order]

    def _associate(self, design: Design, diagnoses: np.ndarray) -> pd.DataFrame:
        """Measure all pairs; ``value`` is the column of the laboratory."""
        laboratories, sides = zip(*map(_split, self.findings_), strict=True)
        value, side = _positions(laboratories), np.array(sides)
        margin = norm.ppf(1 - self.level / 2)
        frames = []
        for name, label in zip(self.diagnoses_, diagnoses.T, strict=True):
            found = associate(design, label)
            effect, error = side * found["effect"][value], found["error"][value]
            frames.append(
                pd.DataFrame(
                    {
                        "diagnosis": name,
                        "finding": self.findings_,
                        "value": value,
                        "n_with": found["n_with"][value],
                        "n_without": found["n_without"][value],
                        "effect": effect,
                        "odds_ratio": np.exp(effect),
                        "low": np.exp(effect - margin * error),
                        "high": np.exp(effect + margin * error),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def _shown(self, links: pd.DataFrame) -> pd.Series:
        """Return whether training patients show a link."""
        return (links["low"] > 1) & (links["odds_ratio"] > self.smallest_effect)

    def _compare(self, links: pd.DataFrame, design: Design, diagnoses: np.ndarray) -> None:
        """Add odds ratios of the value alone, and with covariates alone, of links shown."""
        names = {"crude_odds_ratio": False, "adjusted_odds_ratio": True}
        links[list(names)] = np.nan
        for row, link in links[self._shown(links)].iterrows():
            label = diagnoses[:, self.diagnoses_.index(str(link["diagnosis"]))]
            side = _split(str(link["finding"]))[1]
            for name, adjusted in names.items():
                effect = associate_single(design, int(link["value"]), label, adjusted=adjusted)
                links.loc[row, name] = np.exp(side * effect)

    def _carried(self, design: Design, embedding: Any, labs: np.ndarray) -> pd.DataFrame:
        """Return the association of each finding with its score in the ECG, given the rest."""
        scores = (np.asarray(embedding, dtype=np.float64) - self.mean_) @ self.filters_.T
        value = _positions([_split(name)[0] for name in self.findings_])
        effect, error = np.array(
            [
                carried(design, v, score, finding)
                for v, score, finding in zip(
                    value, scores[design.order].T, labs[design.order].T, strict=True
                )
            ]
        ).T
        margin = norm.ppf(1 - self.level / 2) * error
        return pd.DataFrame(
            {
                "finding": self.findings_,
                "ecg_odds_ratio": np.exp(effect),
                "ecg_low": np.exp(effect - margin),
                "ecg_high": np.exp(effect + margin),
                "carried_by_ecg": np.where(np.isnan(effect), np.nan, effect > margin),
            }
        )


def _split(finding: str) -> tuple[str, int]:
    """Return laboratory and side: 1 for high and for a name without side, -1 for low."""
    laboratory, _, side = finding.rpartition(" ")
    return (laboratory, _SIDES[side]) if side in _SIDES else (finding, 1)


def _positions(laboratories: Any) -> np.ndarray:
    """Return the column of each finding's laboratory, in the order of first appearance."""
    return pd.factorize(np.array(laboratories, dtype=object))[0]


def _values_of_findings(findings: pd.DataFrame) -> pd.DataFrame:
    """Return -1, 0 or 1 per laboratory, NaN where neither side is known."""
    values: dict[str, pd.Series] = {}
    for name in findings:
        laboratory, side = _split(str(name))
        column = side * findings[name]
        values[laboratory] = (
            values[laboratory].add(column, fill_value=0) if (laboratory in values) else column
        )
    return pd.DataFrame(values)


def _read_values(values: Any, findings: pd.DataFrame) -> pd.DataFrame:
    """Return the values of the findings' laboratories."""
    laboratories = list(dict.fromkeys(_split(str(name))[0] for name in findings))
    if missing := [name for name in laboratories if name not in getattr(values, "columns", ())]:
        raise ECGError(
            f"LabEvidence expected values with a column for each laboratory of labs; got none for "
            f"{missing[:3]}. Pass the laboratory values that the findings were made from."
        )
    return _numbers(values[laboratories], "values")


def _numbers(table: Any, what: str) -> pd.DataFrame:
    try:
        return pd.DataFrame(table).reset_index(drop=True).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ECGError(
            f"LabEvidence expected {what} to be numbers or NaN; got {error}. Code text as numbers."
        ) from error
