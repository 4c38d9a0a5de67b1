"""Stage (iii): laboratory abnormalities from the same embedding."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ecgsk._patients import number_patients
from ecgsk.estimators._leakage import SeenPatients
from ecgsk.estimators._outputs import LogitsClassifierMixin
from ecgsk.estimators._probe import fit_linear_probe
from ecgsk.estimators._targets import read_targets
from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.estimators.pretrainer import JointEmbeddingPretrainer
from ecgsk.explain import Diagnosis, Explanation, Explanations, LabFinding
from ecgsk.preprocessing import LabAbnormality
from ecgsk.preprocessing._abnormality import read_ranges
from ecgsk.signals import ECGArray, ECGDtype, find_ecg_column

_DIRECTIONS = ("low", "high")
# Lower bound, upper bound and unit.
_Range = tuple[float | None, float | None, str]


class LabAbnormalityExplainer(LogitsClassifierMixin, BaseEstimator):
    """Predict which laboratory values are abnormal, from an encoder's embedding.

    Stage (iii) of Fernandes et al. [1]_: the embedding that tells the
    diagnosis also tells, through one linear head per laboratory test and
    direction, whether a value is likely below or above its reference range.
    The findings stand beside the diagnoses; they do not cause them.

    Parameters
    ----------
    encoder : JointEmbeddingPretrainer, ECGDiagnosisClassifier or FrozenEstimator, default=None
        Where the embedding comes from. A fitted classifier is used as it is,
        and ``explain`` tells its diagnoses too. A bare pretrainer is fitted
        inside ``fit``; None is ``JointEmbeddingPretrainer()``.
    reference_ranges : DataFrame, mapping, pair or None, default=None
        As in :class:`~ecgsk.preprocessing.LabAbnormality`; a column ``unit`` is
        shown with the findings. Needed where ``y`` holds values.
    group_column : str, default="subject_id"
        Column of X that names the patient.
    random_state : int, RandomState or None, default=None
        Seeds a pretrainer that is fitted here and has no seed of its own.

    Attributes
    ----------
    encoder_ : JointEmbeddingPretrainer or ECGDiagnosisClassifier
        The fitted encoder.
    label_names_ : list of str or None
        Targets, such as ``"potassium high"``; None where y had one column.
    coef_ : ndarray of shape (n_targets, n_features)
        Heads, in the embedding's units.
    intercept_ : ndarray of shape (n_targets,)
        Their intercepts.
    base_rates_ : ndarray of shape (n_targets,)
        Share abnormal among the records measured in training.
    n_measured_ : ndarray of shape (n_targets,)
        How many those were.
    classes_ : ndarray of shape (n_targets,)
        Numbers of the targets, as scikit-learn has it for many labels.

    References
    ----------
    .. [1] Fernandes et al., "Transferring clinical knowledge into ECGs
       representation", arXiv 2512.07021.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> cohort = make_clinical_ecg(n_subjects=30, random_state=0)
    >>> model = ECGDiagnosisClassifier(max_epochs=1, random_state=0, verbose=False)
    >>> explainer = LabAbnormalityExplainer(
    ...     model.fit(cohort.X, cohort.Y), reference_ranges=cohort.reference_ranges
    ... ).fit(cohort.X, cohort.labs)
    >>> len(explainer.explain(cohort.X[["ecg"]].iloc[:2]))
    2
    """

    __metadata_request__fit = {"groups": True}

    def __init__(
        self,
        encoder: Any = None,
        *,
        reference_ranges: Any = None,
        group_column: str = "subject_id",
        random_state: Any = None,
    ):
        self.encoder = encoder
        self.reference_ranges = reference_ranges
        self.group_column = group_column
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> "LabAbnormalityExplainer":
        """Fit one head per laboratory abnormality.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG.
        y : DataFrame of shape (n_records, n_laboratories or n_targets)
            Laboratory values in the reference ranges' units, or 0, 1 and NaN
            for targets named ``"... low"`` and ``"... high"``. NaN is "not
            measured", and takes no part in its target's fit.
        groups : array-like of shape (n_records,) or None
            The patients, where X has no ``group_column``.

        Returns
        -------
        self
        """
        self.encoder_ = self._fit_encoder(X, groups)
        embedding = np.asarray(self.encoder_.transform(X))
        targets = read_targets(self._abnormalities(y), len(embedding), type(self).__name__)
        self._remember_targets(targets)
        values, rows = targets.as_matrix(), targets.labelled
        self.n_measured_ = (~np.isnan(values)).sum(axis=0)
        # A target nobody was measured for has no rate; NaN says so.
        with np.errstate(invalid="ignore"):
            self.base_rates_ = np.nansum(values, axis=0) / self.n_measured_
        self.coef_, self.intercept_ = fit_linear_probe(
            embedding[rows],
            values[rows],
            self._patients(X, groups, len(embedding))[rows],
            multinomial=not targets.is_multilabel and targets.n_outputs > 1,
        )
        self.n_features_in_ = self.encoder_.n_features_in_
        return self

    def _logits(self, X: Any) -> np.ndarray:
        return self.encoder_.transform(X).astype(np.float64) @ self.coef_.T + self.intercept_

    def _patients_before(self) -> SeenPatients | None:
        fitted_here = isinstance(self.encoder, JointEmbeddingPretrainer) or self.encoder is None
        return None if fitted_here else self.encoder_.patients_seen_

    def explain(self, X: Any) -> Explanations:
        """Tell diagnoses and laboratory findings of each record.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            The signal alone is enough.

        Returns
        -------
        Explanations
            One per record. Diagnoses are there where ``encoder`` was a
            classifier with many labels.
        """
        check_is_fitted(self)
        if not _tell_directions(self.label_names_):
            raise ValueError(
                "LabAbnormalityExplainer was fitted on a y that does not name laboratories; "
                "explain needs a DataFrame of laboratory values, or of targets named '... low' and "
                "'... high'."
            )
        lab_probabilities = self.predict_proba(X)
        diagnoses: list[tuple[Diagnosis, ...]] = [()] * len(lab_probabilities)
        if isinstance(self.encoder_, ECGDiagnosisClassifier) and self.encoder_.label_names_:
            diagnoses = self._diagnoses(X)
        (records, ecgs), ranges = _records(X), self._ranges()
        return Explanations(
            [
                Explanation(record, diagnosis, self._findings(p, ranges), ecg)
                for record, diagnosis, p, ecg in zip(
                    records, diagnoses, lab_probabilities, ecgs, strict=True
                )
            ]
        )

    def _fit_encoder(self, X: Any, groups: Any) -> Any:
        encoder = JointEmbeddingPretrainer() if self.encoder is None else self.encoder
        if isinstance(encoder, FrozenEstimator):
            encoder = encoder.estimator
        elif isinstance(encoder, JointEmbeddingPretrainer):
            encoder = clone(encoder)
            if encoder.random_state is None:
                seed = int(check_random_state(self.random_state).randint(2**31 - 1))
                encoder.set_params(random_state=seed)
            return encoder.fit(X, groups=groups)
        if not isinstance(encoder, (JointEmbeddingPretrainer, ECGDiagnosisClassifier)):
            raise TypeError(
                f"{type(self).__name__}: encoder must be a JointEmbeddingPretrainer or a fitted "
                f"ECGDiagnosisClassifier, got {encoder!r}."
            )
        check_is_fitted(
            encoder,
            msg="LabAbnormalityExplainer needs a fitted %(name)s. Fit it first; inside a "
            "cross-validation, which clones, give FrozenEstimator(classifier).",
        )
        return encoder

    def _abnormalities(self, y: Any) -> Any:
        if not isinstance(y, pd.DataFrame):
            return y
        if _tell_directions(y.columns):
            return y
        if self.reference_ranges is None:
            some = ", ".join(map(str, y.columns[:3]))
            raise ValueError(
                f"{type(self).__name__}: y holds laboratory values ({some}, ...); give "
                "reference_ranges= to judge them, or pass 0/1/NaN targets named "
                "'... low' and '... high'."
            )
        return LabAbnormality(self.reference_ranges).fit_transform(y)

    def __sklearn_tags__(self):
        """Say what X may be: plain arrays of two or three dimensions, with NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def _patients(self, X: Any, groups: Any, n_records: int) -> np.ndarray:
        if groups is None and isinstance(X, pd.DataFrame) and self.group_column in X:
            groups = X[self.group_column]
        if groups is None:
            return np.arange(n_records)
        return number_patients(type(self).__name__, groups, n_records)[0]

    def _diagnoses(self, X: Any) -> list[tuple[Diagnosis, ...]]:
        model = self.encoder_
        names, thresholds = model.label_names_, model.thresholds_
        return [
            tuple(
                Diagnosis(name, float(p), float(threshold))
                for name, p, threshold in zip(names, row, thresholds, strict=True)
            )
            for row in model.predict_proba(X)
        ]

    def _findings(
        self, probabilities: np.ndarray, ranges: dict[str, _Range]
    ) -> tuple[LabFinding, ...]:
        findings = []
        for name, p, base_rate in zip(
            self.label_names_ or [], probabilities, self.base_rates_, strict=True
        ):
            laboratory, _, direction = name.rpartition(" ")
            low, high, unit = ranges.get(laboratory, (None, None, ""))
            findings.append(
                LabFinding(laboratory, direction, float(p), float(base_rate), low, high, unit)
            )
        return tuple(findings)

    def _ranges(self) -> dict[str, _Range]:
        """Return low, high and unit of the laboratories that have a range."""
        if self.reference_ranges is None:
            return {}
        laboratories = dict.fromkeys(name.rpartition(" ")[0] for name in self.label_names_ or [])
        ranges = read_ranges(self.reference_ranges, list(laboratories))
        if "unit" not in ranges:
            ranges = ranges.assign(unit="")
        return {
            str(name): (_or_none(low), _or_none(high), "" if pd.isna(unit) else str(unit))
            for name, low, high, unit in zip(
                ranges.index, ranges["low"], ranges["high"], ranges["unit"], strict=True
            )
        }


def _or_none(bound: Any) -> float | None:
    return None if pd.isna(bound) else float(bound)


def _tell_directions(names: Any) -> bool:
    return names is not None and all(str(name).rsplit(" ", 1)[-1] in _DIRECTIONS for name in names)


def _records(X: Any) -> tuple[list, list]:
    """Return each record's name and its signal, where X has names and signals."""
    if isinstance(X, pd.DataFrame) and (column := find_ecg_column(X)) is not None:
        return X.index.tolist(), list(X[column].array)
    if isinstance(X, pd.Series) and isinstance(X.dtype, ECGDtype):
        return X.index.tolist(), list(X.array)
    if isinstance(X, ECGArray):
        return list(range(len(X))), list(X)
    return list(range(len(X))), [None] * len(X)
