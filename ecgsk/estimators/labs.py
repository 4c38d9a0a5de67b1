"""Stage (iii): laboratory abnormalities from the embedding of the ECG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _num_samples, check_is_fitted

import ecgsk.estimators._engine as engine
import ecgsk.estimators._lab_explanations as parts
import ecgsk.estimators._lab_targets as lab_targets
from ecgsk import calibration, explain
from ecgsk._alignment import check_row_order
from ecgsk._leakage import remember_patients, warn_of_seen_patients
from ecgsk._patients import find_patients
from ecgsk.estimators._base import unchanged_on_failure
from ecgsk.estimators._lab_encoder import fit_pretrainer, unwrap_frozen
from ecgsk.estimators._outputs import LinearHead, LogitsClassifierMixin, digest_records
from ecgsk.signals.missing_records import leave_out_missing


class LabAbnormalityExplainer(LogitsClassifierMixin, BaseEstimator):
    """Predict laboratory abnormalities from an encoder's embedding, and explain ECGs.

    Stage (iii) of Fernandes et al., arXiv 2512.07021: one linear head per laboratory and
    direction, low or high. Findings are associated with diagnoses; they do not cause them.

    .. versionadded:: 0.1

    Parameters
    ----------
    encoder : JointEmbeddingPretrainer, FrozenEstimator or None, default=None
        A bare pretrainer is cloned and fitted inside ``fit``; None is
        ``JointEmbeddingPretrainer()``. A fitted ECGDiagnosisClassifier or pretrainer in
        a ``FrozenEstimator`` is used as it is; only a classifier gives diagnoses.
    reference_ranges : DataFrame, mapping, pair or None, default=None
        As in :class:`~ecgsk.preprocessing.LabAbnormality`; required if ``y`` holds
        values. Explanations show its ``unit``.
    coverage : float, default=0.9
        Minimum probability that a diagnosis' prediction set holds the truth.
    keep_patients : bool, default=False
        Keep embedding, table and diagnoses of each training record for
        ``explain(n_similar=...)``. The model then holds patients' data.
    group_column : str, default="subject_id"
        Column of X that names the patient.
    device : str or None, default=None
        Device of a pretrainer fitted here that names none.
    random_state : int, RandomState or None, default=None
        Seed of a pretrainer that has no seed.
    verbose : int or None, default=None
        Progress of a pretrainer fitted here that does not set it.

    Attributes
    ----------
    encoder_ : JointEmbeddingPretrainer or ECGDiagnosisClassifier
        The fitted encoder.
    label_names_, classes_ : list of str or None, and ndarray of shape (n_targets,)
        Targets, such as ``"potassium high"`` (None if y had one column), and their numbers.
    coef_, intercept_ : ndarray of shape (n_targets, n_features) and (n_targets,)
        Of the heads.
    base_rates_, n_measured_ : ndarray of shape (n_targets,)
        Share of abnormal values among the measured training records, and their number.
    evidence_ : LabEvidence or None
        Links of findings and diagnoses; None if ``fit`` got no diagnoses.
    calibrator_, diagnosis_calibrator_ : MultilabelCalibrator or None
        Calibration of abnormalities and of diagnoses, after ``calibrate``.
    thresholds_ : ndarray or None
        A target is predicted above its threshold.
    similar_patients_ : SimilarPatients or None
        With ``keep_patients``.
    n_outputs_ : int
        Number of targets.
    patients_seen_ : SeenPatients or None
        Number and filter of the patients of ``fit`` and of the encoder's training.
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> from ecgsk import JointEmbeddingPretrainer, LabAbnormalityExplainer
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> cohort = make_clinical_ecg(n_subjects=30, random_state=0)
    >>> pretrainer = JointEmbeddingPretrainer(max_epochs=1, random_state=0, verbose=0)
    >>> explainer = LabAbnormalityExplainer(pretrainer, reference_ranges=cohort.reference_ranges)
    >>> len(explainer.fit(cohort.X, cohort.labs).explain(cohort.X[["ecg"]].iloc[:2]))
    2
    """

    __metadata_request__fit = {"groups": True, "diagnoses": True}

    calibrator_: calibration.MultilabelCalibrator | None
    diagnosis_calibrator_: calibration.MultilabelCalibrator | None
    evidence_: explain.LabEvidence | None
    similar_patients_: explain.SimilarPatients | None

    def __init__(
        self,
        encoder: Any = None,
        *,
        reference_ranges: Any = None,
        coverage: float = 0.9,
        keep_patients: bool = False,
        group_column: str = "subject_id",
        device: str | None = None,
        random_state: Any = None,
        verbose: int | None = None,
    ):
        self.encoder = encoder
        self.reference_ranges = reference_ranges
        self.coverage = coverage
        self.keep_patients = keep_patients
        self.group_column = group_column
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, *, diagnoses: Any = None, groups: Any = None) -> Self:
        """Fit one linear head per laboratory abnormality.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray, one row per ECG
        y : DataFrame of shape (n_records, n_laboratories or n_targets)
            Laboratory values in the units of the reference ranges, or 0, 1 and NaN for
            targets named ``"... low"`` and ``"... high"``. NaN is "not measured".
        diagnoses : DataFrame of shape (n_records, n_labels) or None
            0, 1 or NaN, with the classifier's labels as columns, for ``evidence_``. Links are
            adjusted for the other laboratories of y and for the clinical columns of X that
            are none, such as age, sex and vital signs.
        groups : array-like of shape (n_records,) or None
            Patient of each record, if X has no ``group_column``.

        Returns
        -------
        self

        Warns
        -----
        TableWarning
            For a target that no record has, reference ranges that make nearly every value
            abnormal, and targets that the encoder reads.
        """
        owner = type(self).__name__
        check_row_order(owner, X, y=y, diagnoses=diagnoses, groups=groups)
        X, y, diagnoses, groups = leave_out_missing(owner, X, y, diagnoses, groups)
        n_records = _num_samples(X)
        frozen = unwrap_frozen(self.encoder, owner)
        targets = lab_targets.read_lab_targets(y, self.reference_ranges, n_records, owner)
        Y = lab_targets.read_diagnoses(diagnoses, frozen, n_records, owner)
        lab_targets.warn_of_targets(targets, frozen, owner)
        lab_targets.check_patient_roles(X, self.group_column, groups, owner)
        if self.keep_patients:
            lab_targets.check_kept_table(X, self.group_column, owner)
        named = find_patients(X, groups, self.group_column)
        patients = lab_targets.number_records(named, n_records, owner)
        self._frozen_patients = None if frozen is None else frozen.patients_seen_
        encoder = frozen or fit_pretrainer(self, X, groups)
        self.encoder_, self.n_features_in_ = encoder, encoder.n_features_in_
        seen = encoder.patients_seen_
        self.patients_seen_ = remember_patients(named, np.arange(n_records), seen)
        self._training_set = digest_records(named)
        embedding = np.asarray(encoder.transform(X))
        self._store_targets(targets)
        values, rows = targets.as_matrix(), targets.labelled
        self.base_rates_, self.n_measured_ = lab_targets.base_rates(values)
        several = not targets.is_multilabel and targets.n_outputs > 1
        head = engine.fit_linear_heads(
            embedding[rows], values[rows], patients[rows], multinomial=several
        )
        self.coef_, self.intercept_ = head.weight, head.bias
        self.calibrator_ = self.diagnosis_calibrator_ = None
        self.evidence_ = self.similar_patients_ = None
        if Y is not None:
            labs = pd.DataFrame(values, columns=self.label_names_)
            tables = lab_targets.evidence_tables(
                X, y, self.label_names_, self.group_column, patients
            )
            self.evidence_ = explain.LabEvidence().fit(
                embedding, labs, Y, patients, weight=encoder.coef_, **tables
            )
        if self.keep_patients:
            table = lab_targets.table_beside_signal(X, y, self.group_column)
            self.similar_patients_ = explain.SimilarPatients().fit(
                embedding, patients, diagnoses, table
            )
        return self

    def _logits(self, X: Any) -> np.ndarray:
        return self._logits_from_embedding(self.encoder_.transform(X))

    def _logits_from_embedding(self, embedding: np.ndarray) -> np.ndarray:
        return LinearHead(self.coef_, self.intercept_).logits(embedding)

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        P = super()._probabilities(logits)
        return P if self.calibrator_ is None else self.calibrator_.predict_proba(P)

    @unchanged_on_failure
    def calibrate(self, X: Any, y: Any, diagnoses: Any = None, *, groups: Any = None) -> Self:
        """Calibrate on held-out patients.

        Calibrates probabilities, sets thresholds (Youden's index for abnormalities, F1
        for diagnoses), fits prediction sets and validates ``evidence_``. ``predict_proba``
        and ``predict`` then use the calibration; ``encoder_`` is not changed.

        Parameters
        ----------
        X, y, diagnoses, groups
            As in ``fit``, of patients who took no part in any training. Without
            ``diagnoses``, their calibration by an earlier call stays.

        Returns
        -------
        self

        Warns
        -----
        LeakageWarning
            If the encoder or ``fit`` was trained on patients of X.
        CalibrationWarning
            Names the labels that too few patients have to be calibrated.
        """
        check_is_fitted(self)
        owner = type(self).__name__
        check_row_order(owner, X, y=y, diagnoses=diagnoses, groups=groups)
        X, y, diagnoses, groups = leave_out_missing(owner, X, y, diagnoses, groups)
        n_records = _num_samples(X)
        named = find_patients(X, groups, self.group_column)
        warn_of_seen_patients(owner, named, self.patients_seen_, use="calibrated")
        names, ranges = self.label_names_, self.reference_ranges
        labs = lab_targets.read_same_targets(y, ranges, n_records, f"{owner}.calibrate", names)
        Y = lab_targets.read_diagnoses(diagnoses, self.encoder_, n_records, owner)
        patients = lab_targets.number_records(named, n_records, owner)
        embedding = np.asarray(self.encoder_.transform(X))
        P = super()._probabilities(self._logits_from_embedding(embedding))
        calibrator = calibration.MultilabelCalibrator(threshold="youden", coverage=self.coverage)
        self.calibrator_ = calibrator.fit(P, labs, groups=patients)
        self.thresholds_ = calibrator.thresholds_
        if Y is not None:
            P = parts.predict_diagnoses(self.encoder_, embedding)
            calibrator = calibration.MultilabelCalibrator(threshold="f1", coverage=self.coverage)
            self.diagnosis_calibrator_ = calibrator.fit(P, Y, groups=patients)
        if Y is not None and self.evidence_ is not None:
            kept = self.evidence_.covariates_
            tables = lab_targets.evidence_tables(X, y, names, self.group_column, patients, kept)
            self.evidence_.validate(embedding, labs, Y, patients, **tables)
        return self

    def explain(
        self,
        X: Any,
        y: Any = None,
        diagnoses: Any = None,
        *,
        prevalence: Any = None,
        n_attributions: int = 0,
        n_similar: int = 0,
        titles: Mapping[str, str] | None = None,
    ) -> explain.Explanations:
        """Explain each record: diagnoses, laboratory findings and their links.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            The signal alone is enough. It is read once and kept in memory. Columns ``age``
            and ``sex``, or ``male``, are shown.
        y, diagnoses : DataFrame or None
            As in ``fit``, where they are known: shown beside the predictions.
        prevalence : float, mapping of target to float, or None
            Prevalence for predictive values; None is the base rate in training.
        n_attributions : int, default=0
            Most probable diagnoses to attribute to leads and beats.
        n_similar : int, default=0
            Number of similar training patients; needs ``keep_patients=True``.
        titles : mapping of label or target to str, or None
            Names to show, such as ``{"I48": "Atrial fibrillation (I48)"}``.

        Returns
        -------
        Explanations
            One per record. Diagnoses need a classifier with many labels as ``encoder``;
            prediction sets, predictive values and evidence need ``calibrate``.
        """
        check_is_fitted(self)
        encoder, similar = self.encoder_, self.similar_patients_
        names = parts.check_request(self.label_names_, encoder, similar, n_attributions, n_similar)
        rates, ranges = self.base_rates_, self.reference_ranges
        facts = parts.lab_facts(names, rates, ranges, self.calibrator_, prevalence)
        recorded = self._read_recorded(X, y, diagnoses)
        patients = parts.describe_patients(X)
        records, X, ecg = parts.read_signals(X)
        embedding = np.asarray(encoder.transform(X))
        P = pd.DataFrame(self._probabilities(self._logits_from_embedding(embedding)), columns=names)
        evidence, calibrator = self.evidence_, self.diagnosis_calibrator_
        predicted = parts.diagnosis_parts(encoder, embedding, calibrator, evidence)
        return explain.assemble_explanations(
            records,
            P,
            facts,
            **predicted,
            **parts.signal_parts(encoder, X, ecg, predicted, n_attributions),
            similar=similar.find(embedding, n_similar) if similar and n_similar else None,
            model=parts.describe_model(encoder, self.n_measured_, self.calibrator_, calibrator)
            | parts.describe_evidence(evidence),
            patients=parts.add_heart_rates(patients, ecg),
            titles=titles,
            recorded=recorded,
        )

    def _read_recorded(self, X: Any, y: Any, diagnoses: Any) -> pd.DataFrame | None:
        """Return known targets and diagnoses as 0, 1 or NaN; None without any."""
        owner, n_records = f"{type(self).__name__}.explain", _num_samples(X)
        check_row_order(owner, X, y=y, diagnoses=diagnoses)
        # Records of which nothing is known are explained too.
        y, diagnoses = (
            None if pd.isna(np.asarray(part)).all() else part for part in (y, diagnoses)
        )
        names, ranges = self.label_names_, self.reference_ranges
        known = [
            None
            if y is None
            else lab_targets.read_same_targets(y, ranges, n_records, owner, names),
            lab_targets.read_diagnoses(diagnoses, self.encoder_, n_records, owner),
        ]
        frames = [frame for frame in known if frame is not None]
        return pd.concat(frames, axis=1) if frames else None


def predict_with_diagnoses(
    explainer: LabAbnormalityExplainer, X: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the probabilities of abnormalities and diagnoses that ``explain`` shows.

    Both come from one embedding, calibrated if the explainer is. Diagnoses are None without a
    classifier of many labels as encoder.
    """
    encoder, calibrator = explainer.encoder_, explainer.diagnosis_calibrator_
    embedding = np.asarray(encoder.transform(X))
    abnormal = explainer._probabilities(explainer._logits_from_embedding(embedding))
    if not getattr(encoder, "label_names_", None):
        return abnormal, None
    P = parts.predict_diagnoses(encoder, embedding)
    return abnormal, P if calibrator is None else calibrator.predict_proba(P)


def diagnosis_thresholds(explainer: LabAbnormalityExplainer) -> np.ndarray:
    """Return the thresholds of the diagnoses that `predict_with_diagnoses` returns."""
    calibrator = explainer.diagnosis_calibrator_
    return explainer.encoder_.thresholds_ if calibrator is None else calibrator.thresholds_
