"""A multi-label classifier with calibrated probabilities, thresholds and prediction sets."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, assert_all_finite, get_tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _num_samples,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    indexable,
)

from ecgsk._leakage import warn_of_seen_patients
from ecgsk._patients import find_patients, number_patients
from ecgsk.calibration._conformal import ConformalSets, count_steps
from ecgsk.calibration._probability import ProbabilityCalibrator, check_method
from ecgsk.calibration._thresholds import choose_thresholds, read_rule
from ecgsk.exceptions import ECGError
from ecgsk.model_selection import patient_split


class MultilabelCalibrator(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Calibrate a multi-label classifier on patients it has not seen.

    Gives each label a calibrated probability, a threshold and a prediction set:
    :class:`~ecgsk.calibration.ProbabilityCalibrator`,
    :func:`~ecgsk.calibration.choose_thresholds` and
    :class:`~ecgsk.calibration.ConformalSets` say how.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba`` for many labels: one of ecgsk's, a pipeline that ends
        in one, or scikit-learn's. Fitted, or in a ``FrozenEstimator``, it is used as
        it is, and X is to hold other patients than those it was fitted on. Unfitted,
        it is cloned and fitted on a share of the patients; the others calibrate it.
    method : {"sigmoid", "beta", "isotonic"}, default="sigmoid"
        Map of the probabilities.
    threshold : {"f1", "youden"}, float or ("ppv", float), default="f1"
        Rule by which each label's threshold is chosen.
    coverage : float, default=0.9
        How often a prediction set is to hold the truth, for positives and for
        negatives of each label.
    calibration_size : float, default=0.25
        Share of the patients that calibrate an unfitted estimator.
    group_column : str, default="subject_id"
        Column of X that names the patient.
    random_state : int, RandomState or None, default=None
        Draws the patients that calibrate an unfitted estimator.

    Attributes
    ----------
    estimator_ : classifier
        The one that is calibrated.
    calibrator_ : ProbabilityCalibrator
        Its ``calibrated_`` tells which labels were.
    conformal_ : ConformalSets
        On the probabilities as they were, which gives the same sets.
    thresholds_ : ndarray of shape (n_labels,)
        A label is predicted above its threshold.
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
    """

    # Under metadata routing patients go wherever they are of use, as in a splitter.
    __metadata_request__fit = {"groups": True}

    def __init__(
        self,
        estimator: Any,
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
        """Calibrate, after fitting an estimator that is not.

        Parameters
        ----------
        X : what the estimator takes
            One row per ECG.
        y : DataFrame or array-like of shape (n_records, n_labels) or (n_records,)
            0, 1 or NaN where not measured; a frame's columns are found by name,
            where the estimator was fitted on names. One column: two classes.
        groups : array-like of shape (n_records,) or None
            The patients, where X has no ``group_column``; without either, each
            record is a patient.

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
            Names labels that are not calibrated, or have no threshold of their own.
        LeakageWarning
            Where one of ecgsk's models has seen patients that calibrate it.
        """
        owner = type(self).__name__  # what is wrong is told before an hour of training, not after
        check_method(owner, self.method)
        read_rule(owner, self.threshold)
        count_steps(owner, self.coverage)
        groups = find_patients(X, groups, self.group_column)
        Y = _check_targets(y, owner)
        if _is_fitted(self.estimator):
            self.estimator_ = self.estimator
        else:
            X, Y, groups = self._fit_estimator(X, Y, groups)
        seen = getattr(_innermost(self.estimator_), "patients_seen_", None)
        warn_of_seen_patients(owner, groups, seen, use="calibrated")
        Y = self._name_labels(Y, groups.index if isinstance(groups, pd.Series) else None)
        P = self._uncalibrated(X, Y.shape[1])
        self.calibrator_ = ProbabilityCalibrator(self.method).fit(P, Y, groups)
        self.conformal_ = ConformalSets(self.coverage).fit(P, Y, groups)
        calibrated = self.calibrator_.transform(P)
        self.thresholds_ = choose_thresholds(Y, calibrated, self.threshold, groups=groups)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : what the estimator takes

        Returns
        -------
        ndarray of shape (n_records, n_labels), float64
            Of two classes (n_records, 2).
        """
        check_is_fitted(self)
        p = self.calibrator_.transform(self._uncalibrated(X, len(self.thresholds_)))
        return p if self.label_names_ is not None else np.hstack([1 - p, p])

    def predict(self, X: Any) -> np.ndarray:
        """Return 0 and 1 for each label, by ``thresholds_``.

        Parameters
        ----------
        X : what the estimator takes

        Returns
        -------
        ndarray of shape (n_records, n_labels) or (n_records,)
        """
        p = self.predict_proba(X)
        if self.label_names_ is not None:
            return (p > self.thresholds_).astype(int)
        return self.classes_[(p[:, 1] > self.thresholds_).astype(int)]

    def predict_sets(self, X: Any, coverage: float | None = None) -> np.ndarray:
        """Return which answers are in each record's prediction set.

        Parameters
        ----------
        X : what the estimator takes
        coverage : float, optional
            Another coverage than the parameter.

        Returns
        -------
        ndarray of bool, shape (n_records, n_labels, 2)
            Whether "absent" and whether "present" is in the set. Both: the model
            does not tell; none: the record fits neither.
        """
        check_is_fitted(self)
        return self.conformal_.predict_sets(self._uncalibrated(X, len(self.thresholds_)), coverage)

    def _fit_estimator(self, X: Any, Y: Any, groups: Any) -> tuple[Any, Any, Any]:
        """Fit a clone on most patients, and return the rows of the others."""
        (X,), n_records = indexable(X), _num_samples(X)
        patients = np.arange(n_records) if groups is None else groups
        if len(number_patients(type(self).__name__, patients, n_records)[1]) < 2:
            raise ECGError(
                f"{type(self).__name__} expected two patients or more, to fit on some and "
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
        """Return Y as a frame with the columns of the estimator's probabilities.

        An array has no index of its own and takes that of the patients.
        """
        if np.ndim(Y) == 1:
            self.label_names_, self.classes_ = None, self.estimator_.classes_
            if not np.isin(Y, self.classes_).all():
                raise ECGError(
                    f"{type(self).__name__} expected the classes that its estimator was fitted on, "
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
                f"{type(self).__name__} expected the {len(names)} labels that its estimator was "
                f"fitted on, {names[:5]}...; got {len(Y.columns)}, {list(Y.columns[:5])}... ."
            )
        self.label_names_, self.classes_ = list(names or Y.columns), np.arange(Y.shape[1])
        return Y[self.label_names_]

    def _uncalibrated(self, X: Any, n_labels: int) -> np.ndarray:
        P = self.estimator_.predict_proba(X)
        if isinstance(P, list):  # forests and neighbours: an array a label, of the classes seen
            classes = self.estimator_.classes_
            P = np.column_stack([p[:, -1] * c[-1] for p, c in zip(P, classes, strict=True)])
        P = np.asarray(P, dtype=np.float64)
        return P[:, 1:] if n_labels == 1 and P.shape[1] == 2 else P

    def __sklearn_tags__(self):
        """Take what the estimator takes, but no one class of several."""
        tags = super().__sklearn_tags__()
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


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _innermost(estimator: Any) -> Any:
    """Return the classifier in pipelines and frozen estimators."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            return estimator
