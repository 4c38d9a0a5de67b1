"""Stage (iii): laboratory abnormalities from the same embedding."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ecgsk._leakage import SeenPatients, remember_patients, warn_of_seen_patients
from ecgsk._patients import find_patients, number_patients
from ecgsk.estimators._calibration import LabelCalibration
from ecgsk.estimators._findings import explain_records, tell_directions
from ecgsk.estimators._outputs import LogitsClassifierMixin
from ecgsk.estimators._probe import fit_linear_probe
from ecgsk.estimators._targets import read_targets
from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.estimators.pretrainer import JointEmbeddingPretrainer
from ecgsk.exceptions import ECGError
from ecgsk.explain import Explanations, LabEvidence, SimilarPatients
from ecgsk.preprocessing import LabAbnormality
from ecgsk.signals.columns import find_ecg_column


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
    coverage : float, default=0.9
        How often, at least, the prediction set of a diagnosis is to hold the truth,
        after ``calibrate``.
    keep_patients : bool, default=False
        Keep what ``explain(n_similar=...)`` shows: embedding, table and diagnoses of
        each training record, under a hash of the patient's name. The model then
        holds patients' data, and is to be guarded as such.
    group_column : str, default="subject_id"
        Column of X that names the patient.
    random_state : int, RandomState or None, default=None
        Seeds the tests of evidence, and a pretrainer that is fitted here and has no
        seed of its own.

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
    evidence_ : LabEvidence or None
        Links of findings and diagnoses; ``evidence_.links_`` has them as a table.
        None where ``fit`` was given no diagnoses.
    calibration_, diagnosis_calibration_ : LabelCalibration or None
        What ``calibrate`` learned of abnormalities and of diagnoses: calibrator,
        thresholds, prediction sets, sensitivity and specificity.
    thresholds_ : ndarray or None
        An abnormality is predicted above it.
    similar_patients_ : SimilarPatients or None
        With ``keep_patients``.

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

    __metadata_request__fit = {"groups": True, "diagnoses": True}

    evidence_: LabEvidence | None
    calibration_: LabelCalibration | None
    diagnosis_calibration_: LabelCalibration | None
    similar_patients_: SimilarPatients | None

    def __init__(
        self,
        encoder: Any = None,
        *,
        reference_ranges: Any = None,
        coverage: float = 0.9,
        keep_patients: bool = False,
        group_column: str = "subject_id",
        random_state: Any = None,
    ):
        self.encoder = encoder
        self.reference_ranges = reference_ranges
        self.coverage = coverage
        self.keep_patients = keep_patients
        self.group_column = group_column
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, diagnoses: Any = None, groups: Any = None
    ) -> "LabAbnormalityExplainer":
        """Fit one head per laboratory abnormality.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG.
        y : DataFrame of shape (n_records, n_laboratories or n_targets)
            Laboratory values in the reference ranges' units, or 0, 1 and NaN
            for targets named ``"... low"`` and ``"... high"``. NaN is "not
            measured", and takes no part in its target's fit.
        diagnoses : DataFrame of shape (n_records, n_labels) or None
            0, 1 or NaN, with the classifier's labels as columns: what the findings
            are set beside, as evidence.
        groups : array-like of shape (n_records,) or None
            The patients, where X has no ``group_column``.

        Returns
        -------
        self
        """
        self.calibration_ = self.diagnosis_calibration_ = None
        self.encoder_ = self._fit_encoder(X, groups)
        embedding = np.asarray(self.encoder_.transform(X))
        patients = self._patients(X, groups, len(embedding))
        targets = read_targets(self._abnormalities(y), len(embedding), type(self).__name__)
        self._store_targets(targets)
        values, rows = targets.as_matrix(), targets.labelled
        self.n_measured_ = (~np.isnan(values)).sum(axis=0)
        # A target nobody was measured for has no rate; NaN says so.
        with np.errstate(invalid="ignore"):
            self.base_rates_ = np.nansum(values, axis=0) / self.n_measured_
        self.coef_, self.intercept_ = fit_linear_probe(
            embedding[rows],
            values[rows],
            patients[rows],
            multinomial=not targets.is_multilabel and targets.n_outputs > 1,
        )
        self.n_features_in_ = self.encoder_.n_features_in_
        self.patients_seen_ = remember_patients(
            find_patients(X, groups, self.group_column),
            np.arange(len(embedding)),
            self.encoder_.patients_seen_,
        )
        self.evidence_ = self.similar_patients_ = None
        if diagnoses is not None:
            Y = self._known_diagnoses(diagnoses, len(embedding))
            labs = pd.DataFrame(values, columns=self.label_names_)
            weight = self.encoder_.net_.module_.head.weight.numpy(force=True)
            self.evidence_ = LabEvidence(random_state=self._seed()).fit(
                embedding, labs, Y, patients, weight=weight
            )
        if self.keep_patients:
            self.similar_patients_ = SimilarPatients().fit(
                embedding, patients, diagnoses, self._table(X, y)
            )
        return self

    def _logits(self, X: Any) -> np.ndarray:
        return self._logits_of(self.encoder_.transform(X))

    def _logits_of(self, embedding: np.ndarray) -> np.ndarray:
        return embedding.astype(np.float64) @ self.coef_.T + self.intercept_

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        p = super()._probabilities(logits)
        return p if self.calibration_ is None else self.calibration_.transform(p)

    def _frozen_patients(self) -> SeenPatients | None:
        fitted_here = isinstance(self.encoder, JointEmbeddingPretrainer) or self.encoder is None
        return None if fitted_here else self.encoder_.patients_seen_

    def calibrate(
        self, X: Any, y: Any, diagnoses: Any = None, *, groups: Any = None
    ) -> "LabAbnormalityExplainer":
        """Learn on patients that no stage has seen how far to trust what is said.

        Calibrates the probabilities of abnormalities and diagnoses, chooses
        thresholds (Youden's index for abnormalities, F1 for diagnoses), learns
        conformal prediction sets of the diagnoses, and finds out which links of
        findings and diagnoses hold. ``predict_proba`` and ``predict`` of this
        estimator take the calibration over; ``encoder_`` stays as it is.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG, of patients who were in no training.
        y : DataFrame of shape (n_records, n_laboratories or n_targets)
            As in ``fit``.
        diagnoses : DataFrame of shape (n_records, n_labels) or None
            0, 1 or NaN, with the classifier's labels as columns. None leaves what an
            earlier call learned of diagnoses and links as it is.
        groups : array-like of shape (n_records,) or None
            The patients, where X has no ``group_column``.

        Returns
        -------
        self

        Warns
        -----
        LeakageWarning
            Where encoder or ``fit`` has seen patients of X.
        CalibrationWarning
            Names what too few patients had to be calibrated.
        """
        check_is_fitted(self)
        warn_of_seen_patients(
            type(self).__name__,
            find_patients(X, groups, self.group_column),
            self.patients_seen_,
            use="calibrated",
        )
        embedding = np.asarray(self.encoder_.transform(X))
        labs = self._as_targets(y, len(embedding))
        patients = self._patients(X, groups, len(embedding))
        raw = super()._probabilities(self._logits_of(embedding))
        self.calibration_ = LabelCalibration("youden", self.coverage).fit(raw, labs, patients)
        self.thresholds_ = self.calibration_.thresholds_
        if diagnoses is not None:
            Y = self._known_diagnoses(diagnoses, len(embedding))
            calibration = LabelCalibration("f1", self.coverage)
            self.diagnosis_calibration_ = calibration.fit(
                self.encoder_._judge(embedding), Y, patients
            )
            if self.evidence_ is not None:
                self.evidence_.validate(embedding, labs, Y, patients)
        return self

    def explain(
        self,
        X: Any,
        *,
        prevalence: float | Mapping[str, float] | None = None,
        n_attributions: int = 0,
        n_similar: int = 0,
    ) -> Explanations:
        """Tell diagnoses and laboratory findings of each record, and what links them.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            The signal alone is enough.
        prevalence : float, mapping of target to float, or None
            How common abnormalities are where the model is used, for their
            predictive values; None takes the training's base rates.
        n_attributions : int, default=0
            Diagnoses per record, the most likely first, for which to show where in
            the signal the model looked.
        n_similar : int, default=0
            Training patients to show per record; needs ``keep_patients=True``.

        Returns
        -------
        Explanations
            One per record. Diagnoses are there where ``encoder`` was a
            classifier with many labels; sets, predictive values and evidence after
            ``calibrate``.
        """
        check_is_fitted(self)
        if not tell_directions(self.label_names_):
            raise ValueError(
                "LabAbnormalityExplainer was fitted on a y that does not name laboratories; "
                "explain needs a DataFrame of laboratory values, or of targets named '... low' and "
                "'... high'."
            )
        return explain_records(
            self, X, prevalence=prevalence, n_attributions=n_attributions, n_similar=n_similar
        )

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _as_targets(self, y: Any, n_records: int) -> pd.DataFrame:
        """Return y as 0, 1 and NaN, with fit's targets as columns."""
        targets = read_targets(self._abnormalities(y), n_records, type(self).__name__)
        if targets.label_names != self.label_names_:
            raise ECGError(
                f"{type(self).__name__}.calibrate expected the targets that fit saw, "
                f"{_some(self.label_names_)}; got {_some(targets.label_names)}. Give the same "
                "columns in the same order."
            )
        return pd.DataFrame(targets.as_matrix(), columns=targets.label_names)

    def _known_diagnoses(self, diagnoses: Any, n_records: int) -> pd.DataFrame:
        """Return diagnoses as 0, 1 and NaN, with the classifier's labels as columns."""
        if not isinstance(self.encoder_, ECGDiagnosisClassifier) or not self.encoder_.label_names_:
            raise ECGError(
                f"{type(self).__name__} was given diagnoses, but its encoder tells none. Give an "
                "ECGDiagnosisClassifier that was fitted with many labels as encoder."
            )
        known = read_targets(diagnoses, n_records, type(self).__name__)
        if known.label_names != self.encoder_.label_names_:
            raise ECGError(
                f"{type(self).__name__} expected diagnoses with the classifier's labels as "
                f"columns, {_some(self.encoder_.label_names_)}; got {_some(known.label_names)}."
            )
        return pd.DataFrame(known.as_matrix(), columns=known.label_names)

    def _table(self, X: Any, y: Any) -> pd.DataFrame:
        """Return what is known of each record beside its signal: clinical columns and results."""
        if isinstance(y, pd.DataFrame) and tell_directions(y.columns):
            # Beside a value, that it is low or high says nothing more.
            known = X.columns if isinstance(X, pd.DataFrame) else ()
            bare = [str(name).rpartition(" ")[0] not in known for name in y]
            y = y.loc[:, bare].astype("boolean")
        parts = [part.reset_index(drop=True) for part in (X, y) if isinstance(part, pd.DataFrame)]
        if not parts:
            return pd.DataFrame(index=range(len(X)))
        table = pd.concat(parts, axis=1)
        table = table.loc[:, ~table.columns.duplicated()]
        signal = find_ecg_column(table)
        return table.drop(columns=[signal, self.group_column], errors="ignore")

    def _fit_encoder(self, X: Any, groups: Any) -> Any:
        encoder = JointEmbeddingPretrainer() if self.encoder is None else self.encoder
        if isinstance(encoder, FrozenEstimator):
            encoder = encoder.estimator
        elif isinstance(encoder, JointEmbeddingPretrainer):
            encoder = clone(encoder)
            if encoder.random_state is None:
                encoder.set_params(random_state=self._seed())
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
        if tell_directions(y.columns):
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
        groups = find_patients(X, groups, self.group_column)
        if groups is None:
            return np.arange(n_records)
        return number_patients(type(self).__name__, groups, n_records)[0]


def _some(names: list[str] | None) -> str:
    """Return the first names of many."""
    if names is None:
        return "none"
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
