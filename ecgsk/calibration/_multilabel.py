"""Per-label calibration, thresholds and conformal sets from held-out patients."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, assert_all_finite, get_tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _is_fitted,
    _num_samples,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    indexable,
)

from ecgsk._alignment import check_row_order
from ecgsk._leakage import warn_of_seen_patients
from ecgsk._missing_rows import (
    check_some_records,
    not_predicted,
    warn_of_missing_records,
    with_missing_rows,
)
from ecgsk._patients import find_patients, number_patients
from ecgsk.calibration._conformal import ConformalSets, count_steps
from ecgsk.calibration._data import check_same_rows, read_calibration
from ecgsk.calibration._probability import ProbabilityCalibrator, check_method
from ecgsk.calibration._thresholds import choose_thresholds, rates_at, read_rule
from ecgsk.exceptions import ECGError
from ecgsk.model_selection import patient_split

# Threshold of a label that too few patients have: one chosen on a handful of positives
# is chance.
_DEFAULT_THRESHOLD = 0.5


class MultilabelCalibrator(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Calibrate the probabilities of a multi-label classifier on held-out patients.

    Each label gets a calibrated probability
    (:class:`~ecgsk.calibration.ProbabilityCalibrator`), a threshold
    (:func:`~ecgsk.calibration.choose_thresholds`) and a prediction set
    (:class:`~ecgsk.calibration.ConformalSets`). A label that fewer than 10 patients
    have, or that fewer than 10 lack, is not calibrated: its probability stays, its
    threshold is 0.5, its prediction sets hold both answers, and a
    `CalibrationWarning` names it.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : classifier or None, default=None
        With ``predict_proba`` for many labels: one of ecgsk's, a pipeline that ends
        in one, or scikit-learn's. If fitted, or in a ``FrozenEstimator``, it is used
        as it is, and X must hold patients that it was not fitted on. If unfitted, a
        clone is fitted on a share of the patients and calibrated on the others.
        With None, X holds the probabilities themselves, of shape
        (n_records, n_labels).
    method : {"sigmoid", "beta", "isotonic"}, default="sigmoid"
        Map of the probabilities.
    threshold : {"f1", "youden"}, float or ("ppv", float), default="f1"
        Rule that chooses each label's threshold.
    coverage : float, default=0.9
        Minimum probability that a prediction set holds the truth, for positives and
        for negatives of each label.
    calibration_size : float, default=0.25
        Share of the patients that calibrate an unfitted estimator.
    group_column : str, default="subject_id"
        Column of X that names the patient.
    random_state : int, RandomState or None, default=None
        Seed of the split into fitted and calibrating patients.

    Attributes
    ----------
    estimator_ : classifier or None
        The calibrated estimator.
    calibrator_ : ProbabilityCalibrator
        Map of the probabilities.
    conformal_ : ConformalSets
        Prediction sets, fitted on the calibrated probabilities.
    calibrated_ : ndarray of bool, shape (n_labels,)
        Labels that enough patients had to be calibrated.
    thresholds_ : ndarray of shape (n_labels,)
        A label is predicted above its threshold; 0.5 where it is not calibrated.
    sensitivity_, specificity_ : ndarray of shape (n_labels,)
        Of ``predict``, on the calibrating patients, who weigh equally; NaN where the
        label is not calibrated.
    label_names_ : list of str or None
        Names of the labels; None where y had one column.
    classes_ : ndarray
        The two classes; with many labels, their numbers.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.calibration import MultilabelCalibrator
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.encoders import ResNet1d
    >>> cohort = make_clinical_ecg(n_subjects=200, random_state=0)
    >>> X, Y = cohort.X, cohort.Y[["sepsis", "diabetes"]]
    >>> tiny = ResNet1d(10, width=4)
    >>> model = ECGDiagnosisClassifier(tiny, max_epochs=1, random_state=0, verbose=False)
    >>> calibrated = MultilabelCalibrator(model, calibration_size=0.4, random_state=0).fit(X, Y)
    >>> calibrated.predict_sets(X[["ecg"]].iloc[:3]).shape
    (3, 2, 2)

    On probabilities:

    >>> P = model.fit(X, Y).predict_proba(X)
    >>> calibrator = MultilabelCalibrator(threshold=0.5).fit(P, Y)
    >>> calibrator.predict_proba(P[:3]).shape
    (3, 2)
    """

    # Request `groups` by default, as scikit-learn's splitters do.
    __metadata_request__fit = {"groups": True}

    def __init__(
        self,
        estimator: Any = None,
        *,
        method: str = "sigmoid",
        threshold: str | float | tuple[str, float] = "f1",
        coverage: float = 0.9,
        calibration_size: float = 0.25,
        group_column: str = "subject_id",
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.method = method
        self.threshold = threshold
        self.coverage = coverage
        self.calibration_size = calibration_size
        self.group_column = group_column
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: ArrayLike | None = None) -> "MultilabelCalibrator":
        """Calibrate; fit an unfitted estimator first.

        Parameters
        ----------
        X : input of the estimator, or probabilities
            One row per ECG.
        y : DataFrame or array-like of shape (n_records, n_labels) or (n_records,)
            0, 1 or NaN where not measured. Columns of a DataFrame are found by name
            where the estimator has label names. One column: two classes.
        groups : array-like of shape (n_records,) or None
            Patient of each record, if X has no ``group_column``. Without either,
            each record counts as a patient.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For labels, patients or parameters that cannot be used.

        Warns
        -----
        CalibrationWarning
            Names the labels that are not calibrated or that no threshold fits.
        LeakageWarning
            If one of ecgsk's models was trained on calibrating patients.
        """
        owner = type(self).__name__
        check_method(owner, self.method)
        read_rule(owner, self.threshold)
        count_steps(owner, self.coverage)
        check_row_order(owner, X, y=y, groups=groups)
        groups = find_patients(X, groups, self.group_column)
        Y = _check_targets(y, owner)
        if self.estimator is None:
            check_same_rows(owner, y, X, "X")
        if self.estimator is None or _is_fitted(self.estimator):
            self.estimator_ = self.estimator
        else:
            X, Y, groups = self._fit_estimator(X, Y, groups)
        seen = getattr(_innermost(self.estimator_), "patients_seen_", None)
        warn_of_seen_patients(owner, groups, seen, use="calibrated")
        Y = self._name_labels(Y, groups.index if isinstance(groups, pd.Series) else None)
        P = self._uncalibrated(X, Y.shape[1])
        if self.estimator_ is not None and (missing := not_predicted(P)).any():
            check_some_records(owner, missing)
            warn_of_missing_records(owner, missing, "left out of the calibration")
            kept = np.flatnonzero(~missing)
            P, Y = P[kept], Y.iloc[kept]
            groups = None if groups is None else _safe_indexing(groups, kept)
        self.calibrator_ = ProbabilityCalibrator(self.method).fit(P, Y, groups)
        self.calibrated_ = self.calibrator_.calibrated_
        P = self.calibrator_.transform(P)
        # Conformal sets use the calibrated probabilities: equal probabilities then have equal
        # sets. A strictly rising map changes no set. A flat part of a map only enlarges sets,
        # so coverage holds, and a label that the model cannot rank becomes undecided.
        self.conformal_ = ConformalSets(self.coverage).fit(P, Y, groups)
        self._choose_thresholds(Y, P, groups)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _choose_thresholds(self, Y: pd.DataFrame, P: np.ndarray, groups: Any) -> None:
        """Choose thresholds of the calibrated labels; measure sensitivity and specificity."""
        chosen = self.calibrated_
        self.thresholds_ = np.full(len(chosen), _DEFAULT_THRESHOLD)
        self.sensitivity_, self.specificity_ = np.full((2, len(chosen)), np.nan)
        if chosen.any():
            Y, P = Y.loc[:, chosen], P[:, chosen]
            thresholds = choose_thresholds(Y, P, self.threshold, groups=groups)
            self.thresholds_[chosen] = thresholds
            self.sensitivity_[chosen], self.specificity_[chosen] = rates_at(
                thresholds, read_calibration(type(self).__name__, P, Y, groups)
            )

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : input of the estimator, or probabilities

        Returns
        -------
        ndarray of shape (n_records, n_labels), float64
            For two classes (n_records, 2).
        """
        check_is_fitted(self)
        p = self._calibrated(X)
        return p if self.label_names_ is not None else np.hstack([1 - p, p])

    def predict(self, X: Any) -> np.ndarray:
        """Return 0 or 1 for each label: 1 above its threshold.

        Parameters
        ----------
        X : input of the estimator, or probabilities

        Returns
        -------
        ndarray of shape (n_records, n_labels) or (n_records,)
        """
        p = self.predict_proba(X)
        if self.label_names_ is not None:
            predicted = (p > self.thresholds_).astype(int)
        else:
            predicted = self.classes_[(p[:, 1] > self.thresholds_).astype(int)]
        return with_missing_rows(predicted, not_predicted(p))

    def predict_sets(self, X: Any, coverage: float | None = None) -> np.ndarray:
        """Return conformal prediction sets.

        Parameters
        ----------
        X : input of the estimator, or probabilities
        coverage : float, optional
            Coverage to use instead of the parameter.

        Returns
        -------
        ndarray of bool, shape (n_records, n_labels, 2)
            Whether "absent" and whether "present" is in the set. Both: the model is
            undecided, the label is not calibrated, or the record is missing. Neither: the
            record fits neither class.
        """
        check_is_fitted(self)
        P = self._calibrated(X)
        missing = not_predicted(P)
        sets = self.conformal_.predict_sets(np.where(missing[:, None], 0.5, P), coverage)
        return sets | ~self.calibrated_[:, None] | missing[:, None, None]

    def _calibrated(self, X: Any) -> np.ndarray:
        """Return calibrated probabilities; NaN for missing records."""
        P = self._uncalibrated(X, len(self.thresholds_))
        missing = not_predicted(P)
        if missing.any():
            P = P.copy()
            P[~missing] = self.calibrator_.transform(P[~missing])
            return P
        return self.calibrator_.transform(P)

    def _fit_estimator(self, X: Any, Y: Any, groups: Any) -> tuple[Any, Any, Any]:
        """Fit a clone on most patients; return the rows of the others."""
        (X,), n_records = indexable(X), _num_samples(X)
        patients = np.arange(n_records) if groups is None else groups
        if len(number_patients(type(self).__name__, patients, n_records)[1]) < 2:
            raise ECGError(
                f"{type(self).__name__} expected at least two patients, to fit on some and "
                f"calibrate on the others; got one, with n_samples = {n_records}."
            )
        labels = Y if np.ndim(Y) == 2 else np.unique(Y, return_inverse=True)[1]
        kept, held_out = patient_split(
            patients, self.calibration_size, random_state=self.random_state, Y=labels
        )
        self.estimator_ = clone(self.estimator)
        routed = {}
        if groups is not None and has_fit_parameter(self.estimator_, "groups"):
            routed["groups"] = _safe_indexing(groups, kept)
        self.estimator_.fit(_safe_indexing(X, kept), _safe_indexing(Y, kept), **routed)
        held_out_groups = None if groups is None else _safe_indexing(groups, held_out)
        return _safe_indexing(X, held_out), _safe_indexing(Y, held_out), held_out_groups

    def _name_labels(self, Y: Any, index: Any) -> pd.DataFrame:
        """Return Y as a DataFrame in the estimator's label order; an array takes this index."""
        owner = type(self).__name__
        if np.ndim(Y) == 1:
            self.label_names_ = None
            self.classes_ = getattr(self.estimator_, "classes_", np.unique(Y))
            if not np.isin(Y, self.classes_).all():
                raise ECGError(
                    f"{owner} expected the classes that its estimator was fitted on, "
                    f"{self.classes_.tolist()}; got {np.unique(Y).tolist()}."
                )
            is_second = np.asarray(Y) == self.classes_[1]
            return pd.DataFrame({"0": is_second}, index, dtype=float)
        names = getattr(_innermost(self.estimator_), "label_names_", None)
        if not isinstance(Y, pd.DataFrame):
            fits = names is not None and len(names) == Y.shape[1]
            columns = names if fits else [f"label{i}" for i in range(Y.shape[1])]
            Y = pd.DataFrame(Y, index, columns, dtype=float)
        Y = Y.set_axis(Y.columns.map(str), axis=1)
        if names is not None and set(names) != set(Y.columns):
            raise ECGError(
                f"{owner} expected the {len(names)} labels that its estimator was "
                f"fitted on, {names[:5]}...; got {len(Y.columns)}, {list(Y.columns[:5])}... ."
            )
        self.label_names_, self.classes_ = list(names or Y.columns), np.arange(Y.shape[1])
        return Y[self.label_names_]

    def _uncalibrated(self, X: Any, n_labels: int) -> np.ndarray:
        P = self._given(X) if self.estimator_ is None else self.estimator_.predict_proba(X)
        if isinstance(P, list):  # forests and neighbours return one array per label
            classes = self.estimator_.classes_
            P = np.column_stack([p[:, -1] * c[-1] for p, c in zip(P, classes, strict=True)])
        P = np.asarray(P, dtype=np.float64)
        P = P[:, None] if P.ndim == 1 else P
        return P[:, 1:] if n_labels == 1 and P.shape[1] == 2 else P

    def _given(self, P: Any) -> Any:
        """Return probabilities, the columns of a DataFrame in the order of the labels."""
        if not isinstance(P, pd.DataFrame) or self.label_names_ is None:
            return P
        P = P.set_axis(P.columns.map(str), axis=1)
        if set(P.columns) != set(self.label_names_):
            raise ECGError(
                f"{type(self).__name__} expected a DataFrame of probabilities with the columns "
                f"{self.label_names_[:5]}...; got {list(P.columns[:5])}... . Give an array if "
                "the columns are in the order of the labels."
            )
        return P[self.label_names_]

    def __sklearn_tags__(self):
        """Return the estimator's input tags; multi-class targets are not supported."""
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.multi_class = False
        return tags


def _check_targets(Y: Any, owner: str) -> Any:
    """Return Y of shape (n_records, n_labels), or two classes of shape (n_records,)."""
    if Y is None:
        raise ECGError(f"{owner} requires y to be passed, but the target y is None.")
    if sparse.issparse(Y):
        Y = Y.toarray()
    if isinstance(Y, pd.DataFrame) or (np.asarray(Y).ndim == 2 and np.asarray(Y).shape[1] > 1):
        return Y if isinstance(Y, pd.DataFrame) else np.asarray(Y)
    y = column_or_1d(Y, warn=True)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    if len(classes := np.unique(y)) != 2:
        raise ECGError(
            f"Only binary classification is supported. The type of the target is "
            f"{type_of_target(y)}: {owner} expected two classes, or many labels; got "
            f"{len(classes)} class(es). CalibratedClassifierCV takes several."
        )
    return y


def _innermost(estimator: Any) -> Any:
    """Return the classifier in pipelines and frozen estimators."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            return estimator
