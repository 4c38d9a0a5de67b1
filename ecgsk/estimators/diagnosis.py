"""Stage (ii): diagnoses from the ECG."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

import ecgsk.estimators._engine as engine
from ecgsk import encoders, training
from ecgsk._alignment import check_row_order
from ecgsk._leakage import remember_patients
from ecgsk._patients import find_patients
from ecgsk.estimators._base import EmbeddingMixin, TorchEstimator, unchanged_on_failure
from ecgsk.estimators._encoder_source import initialise, plan_encoder, resolve_pretrainer
from ecgsk.estimators._inputs import Inputs, Signature, parse_inputs, select_clinical_columns
from ecgsk.estimators._outputs import LogitsClassifierMixin, digest_records
from ecgsk.estimators._settings import (
    check_settings,
    draw_seed,
    keeps_checkpoints,
)
from ecgsk.estimators._table_roles import TableRoles, warn_of_unknown_levels
from ecgsk.estimators._targets import Targets, read_targets, warn_of_constant_labels
from ecgsk.estimators._training_rows import TrainingRows, order_training_rows, training_weights
from ecgsk.estimators.pretrainer import JointEmbeddingPretrainer
from ecgsk.estimators.recipe import (
    PROBES,
    TEACHERS,
    Recipe,
    Task,
    resolve_recipe,
    warn_near_threshold,
)
from ecgsk.exceptions import RecipeWarning
from ecgsk.preprocessing import ClinicalScaler
from ecgsk.training.trainer import is_count

_INPUTS = ("ecg", "clinical", "ecg+clinical")
_FINE_TUNE = ("auto", "full", "probe_then_full", *PROBES, *TEACHERS)


class ECGDiagnosisClassifier(EmbeddingMixin, LogitsClassifierMixin, TorchEstimator):
    """Multi-label diagnosis from the ECG, with or without a pre-trained encoder.

    Stage (ii) of Fernandes et al. [1]_. With a
    :class:`~ecgsk.JointEmbeddingPretrainer` as ``encoder``, ``fit`` first pre-trains on
    every row of X, those without labels included, and then trains on the diagnoses: of the
    labelled rows, and with ``fine_tune="distill"`` also through the tables of all rows.
    Predictions need the ECG only.

    .. versionadded:: 0.1

    Parameters
    ----------
    encoder : Encoder, str, JointEmbeddingPretrainer or FrozenEstimator, default="ensemble"
        An architecture is trained from scratch. ``"ensemble"`` averages the log odds of a
        residual network, ``"resnet18"``, and of random convolutions; it is more accurate than
        either and takes three times as long to predict as the network alone. A bare
        pretrainer is cloned and fitted inside ``fit``, so that no fold of a cross-validation
        leaks; parameters at None are taken from this classifier.
        ``FrozenEstimator(pretrainer)`` is used as it is; its encoder is copied, never changed.
    inputs : {"ecg", "clinical", "ecg+clinical"}, default="ecg"
        Inputs of a prediction. ``"ecg+clinical"`` is the multimodal reference,
        ``"clinical"`` the table alone.
    fine_tune : str, default="auto"
        ``"full"`` trains all weights at once. ``"probe"`` fits a linear head on frozen
        features, and ``"probe_then_full"`` starts full training from it.
        ``"distill"`` and ``"self_train"`` start from the probe too. Their targets are the
        labels and the probabilities of a teacher, for every row of X: linear heads on the
        embedding and, for ``"distill"``, the table, which is needed in ``fit`` only.
        ``"late_fusion"`` is for ``inputs="ecg+clinical"``: one head that averages probes of
        embedding and table, together and apart.
        ``"auto"`` is ``"full"`` for a fresh encoder, and for a pre-trained one where X has
        no table. With a table it is ``"distill"`` where y has many labels and 200 records or
        more have some; else ``"probe"`` below 1,000 labelled records and
        ``"probe_then_full"`` from there on. A multimodal model of a pre-trained encoder gets
        ``"late_fusion"``, and an encoder without weights to train a ``"probe"``. Heads on
        untrained features start fresh. ``recipe_`` has the choice and its reason.
    student : Encoder, str or None, default=None
        Architecture to train on the teacher's targets, from fresh weights or those that it is
        published with, instead of fine-tuning the encoder of a pretrainer: ``"auto"`` is then
        ``"distill"`` where X has a table, else ``"self_train"``.
    clinical_encoder : ClinicalMLP or None, default=None
        Network of the table where it is trained fully; None is ``ClinicalMLP()``.
    clinical_columns : sequence of str or None, default=None
        Clinical columns of X; None is every column but the ECG and ``group_column``.
    group_column : str, default="subject_id"
        Column of X that identifies the patient. It is never an input.
    augmentation : Augmentation or None, default=None
        Random changes of the training signals; None is ``Augmentation()``.
    n_models : int, default=1
        Number of networks to train in stage (ii), with different seeds. Their embeddings are
        side by side and their log odds averaged, so the head stays linear. A pre-training
        inside ``fit`` is done once, and all start from it. A ``"probe"`` trains no network.
    dropout : float, default=0.2
        Share of features dropped before the last layer, in training.
    max_epochs : int or "auto", default="auto"
        ``"auto"`` is 20 from scratch, a student's training included, 5 for
        ``"probe_then_full"``, and 10 for the other modes of a pre-trained encoder.
    batch_size : int or "auto", default="auto"
        Records per step; ``"auto"`` is 32 to 256, depending on the size of the cohort.
    learning_rate : float or "auto", default="auto"
        Peak of the one-cycle schedule; ``"auto"`` is 1e-3 for ``"probe_then_full"``, whose
        probe larger steps overwrite, else 3e-3.
    early_stopping : bool or "auto", default="auto"
        Hold patients out, and keep the epoch with the lowest validation loss. ``"auto"``
        does so from 4,000 labelled patients on.
    trainer : Trainer or None, default=None
        Settings of the engine: :class:`ecgsk.training.Trainer`; None is ``Trainer()``.
    device : str or None, default=None
        ``"auto"`` and None are a GPU where there is one; of several, each worker of a
        parallel search uses its own. ``"accelerate"`` trains on all GPUs of ``accelerate
        launch``, and needs a ``random_state``.
    random_state : int, RandomState or None, default=None
        Equal seeds give equal weights on one machine; the global generators are unchanged.
    verbose : int or None, default=None
        0 is silent. 1 and None show a progress bar, and without a terminal or notebook report
        a line per epoch to the logger ``ecgsk`` or stderr; 2 reports more.

    Attributes
    ----------
    classes_ : ndarray
        The classes; with many labels, their numbers.
    label_names_ : list of str or None
        Names of the labels; None where y had one column.
    thresholds_ : ndarray of shape (n_labels,) or None
        A label is predicted above its threshold.
    coef_ : ndarray of shape (n_outputs, n_features)
        Weights of the linear head over the embedding of ``transform``; read-only.
    intercept_ : ndarray of shape (n_outputs,)
        Its intercepts.
    recipe_ : Recipe
        Training of stage (ii): ``fine_tune``, ``max_epochs``, ``learning_rate`` and the
        ``reason`` of the choice.
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` is the torch module.
    clinical_columns_ : list
        Columns of X that a stage of ``fit`` learned from; empty where none does. Those of a
        frozen pretrainer are its own.
    encoder_spec_ : Encoder
        Encoder as it was built.
    scaler_ : ClinicalScaler or None
        Scaler of the clinical columns, where predictions use them.
    scale_ : tuple of two ndarray of shape (n_leads,)
        Mean and standard deviation of each lead in training, in mV.
    history_ : DataFrame
        Losses and seconds per epoch; empty for a probe.
    pretraining_history_ : DataFrame or None
        Of a pretrainer fitted inside ``fit``.
    leads_ : tuple of str or None
        Leads in the order of the encoder's input; None when fitted on a plain array.
    sampling_rate_ : float or None
        In Hz.
    shape_ : tuple of int
        Number of leads and samples of a record.
    patients_seen_ : SeenPatients or None
        Number and filter of the patients of training, a frozen pre-training's included, by
        which scoring on them is detected; None where X names none.
    n_outputs_ : int
        Number of labels, or of classes with one column of classes.
    training_population_ : str or None
        ``X.attrs["population"]`` of ``fit``, such as "simulated patients".
    n_features_in_ : int
        Number of columns of X.

    References
    ----------
    .. [1] Fernandes et al., "Transferring clinical knowledge into ECGs
       representation", arXiv 2512.07021.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
    >>> Y = Y[["atrial fibrillation", "diabetes"]]
    >>> model = ECGDiagnosisClassifier(max_epochs=1, random_state=0, verbose=0).fit(X, Y)
    >>> model.predict_proba(X[["ecg"]]).shape == Y.shape
    True
    >>> model.recipe_.fine_tune, model.recipe_.reason
    ('full', 'the encoder is not pre-trained')
    """

    def __init__(
        self,
        encoder: encoders.Encoder | str | JointEmbeddingPretrainer | FrozenEstimator = "ensemble",
        *,
        inputs: str = "ecg",
        fine_tune: str = "auto",
        student: encoders.Encoder | str | None = None,
        clinical_encoder: encoders.ClinicalMLP | None = None,
        clinical_columns: Sequence[str] | None = None,
        group_column: str = "subject_id",
        augmentation: training.Augmentation | None = None,
        n_models: int = 1,
        dropout: float = 0.2,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        early_stopping: bool | str = "auto",
        trainer: training.Trainer | None = None,
        device: str | None = None,
        random_state: Any = None,
        verbose: int | None = None,
    ):
        self.encoder = encoder
        self.inputs = inputs
        self.fine_tune = fine_tune
        self.student = student
        self.clinical_encoder = clinical_encoder
        self.clinical_columns = clinical_columns
        self.group_column = group_column
        self.augmentation = augmentation
        self.n_models = n_models
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.trainer = trainer
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @unchanged_on_failure
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> ECGDiagnosisClassifier:
        """Train on the diagnoses, after pre-training where the encoder is a pretrainer.

        Everything is checked before the first training step.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG. An array is (n_records, n_leads, n_samples), in mV.
        y : DataFrame or array-like of shape (n_records, n_labels) or (n_records,)
            0, 1 or NaN for each label; NaN is "not known". Rows of NaN alone take part in
            pre-training and distillation. One column: two or more classes.
        sample_weight : array-like of shape (n_records,) or None
            How often each record counts, in a pre-training inside ``fit`` too: 0 is not at
            all, 2 is as if it were in X twice, 0.5 is in every other epoch.
        groups : array-like of shape (n_records,) or None
            Patients, where X has no ``group_column``.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For signals that cannot be used.
        ValueError, TypeError
            For a parameter, a table or labels that cannot be used.

        Warns
        -----
        RecipeWarning
            Where ``fine_tune="auto"`` is near a threshold, so that folds may differ.
        TableWarning
            For a label without two classes, and columns that are likely no clinical values.
        """
        owner = type(self).__name__
        self._check_parameters()
        check_row_order(owner, X, y=y, sample_weight=sample_weight, groups=groups)
        seed = draw_seed(self)
        pretrainer = resolve_pretrainer(self, seed)
        inputs = self._parse_training(X, groups, pretrainer)
        weight = training_weights(sample_weight, inputs, owner)
        used = np.flatnonzero(weight)
        targets = read_targets(y, len(inputs), owner, used)
        spec, plan = plan_encoder(self, inputs, pretrainer)
        if spec is not None:
            self.encoder_spec_ = spec
        roles = TableRoles(self, X, y, inputs)
        if plan is not None:
            roles.use(engine.table_of_plan(plan, inputs, owner), plan.columns)
        if "clinical" in self.inputs or self.fine_tune == "distill":
            roles.use(self._table(inputs), self.clinical_columns)
        rows = order_training_rows(inputs, weight, digest=keeps_checkpoints(self, pretrainer))
        targets = targets.take(np.searchsorted(used, rows.numbers))
        self._store_targets(targets)
        self.scale_ = rows.scale if pretrainer is None or plan else pretrainer.scale_
        self.recipe_ = self._resolve_recipe(rows, targets, pretrainer is not None)
        if self._encoder_spec is not None and self.recipe_.trains:
            self.encoder_spec_ = engine.repeat_encoder(self._encoder_spec, self.n_models)
        if self.recipe_.distils:
            roles.use(self._table(inputs), self.clinical_columns)
        roles.finish(groups)
        warn_of_constant_labels(targets, owner)
        data = self._training_data(rows, targets, seed)
        with self._seeded(seed):
            module = self._build_module()
            members = engine.split_members(module, self._encoder_spec, self.dropout)
            teachers, self.pretraining_history_ = initialise(self, members, pretrainer, plan, data)
            net = engine.fit_members(self, module, members, teachers, data, self.recipe_)
            self._store_net(net)
        self._store_patients(X, groups, rows.numbers, pretrainer, is_nested=plan is not None)
        self._n_features_out = module.n_features
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed ECGs with the fine-tuned encoder.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            Records with the fitted leads, sampling rate and length.

        Returns
        -------
        ndarray of shape (n_records, n_features), float32
            Input of the linear head; with ``inputs="ecg+clinical"`` the table's features
            too.
        """
        check_is_fitted(self)
        return self._embed(self._dataset(X))

    def _logits(self, X: Any) -> np.ndarray:
        return self._predict(self._dataset(X))

    @property
    def coef_(self) -> np.ndarray:
        """Weights of the linear head, of shape (n_outputs, n_features)."""
        return self.net_.module_.head.weight.numpy(force=True).copy()

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts of the linear head, of shape (n_outputs,)."""
        return self.net_.module_.head.bias.numpy(force=True).copy()

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        check_settings(self, allows_auto=True)
        for name, allowed in (("inputs", _INPUTS), ("fine_tune", _FINE_TUNE)):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{owner}: {name} must be one of {allowed}, got {value!r}.")
        if not (isinstance(self.dropout, (int, float)) and 0 <= self.dropout < 1):
            raise ValueError(f"{owner}: dropout must be in [0, 1), got {self.dropout!r}.")
        if not is_count(self.n_models):
            raise ValueError(f"{owner}: n_models must be a positive int, got {self.n_models!r}.")
        clinical = self.clinical_encoder
        if clinical is not None and not isinstance(clinical, encoders.ClinicalMLP):
            raise TypeError(
                f"{owner}: clinical_encoder must be a ClinicalMLP or None, got {clinical!r}."
            )

    def _parse_training(
        self, X: Any, groups: Any, pretrainer: JointEmbeddingPretrainer | None
    ) -> Inputs:
        """Parse X, compare it with a frozen pre-training, and store its signature."""
        is_frozen = isinstance(self.encoder, FrozenEstimator) and pretrainer is not None
        inputs = parse_inputs(
            self,
            X,
            fitting=True,
            expected=Signature.of(pretrainer) if is_frozen else None,
            groups=groups,
            needs_ecg=self.inputs != "clinical",
            group_columns=[] if pretrainer is None else [pretrainer.group_column],
            named_columns=None if pretrainer is None else pretrainer.clinical_columns,
        )
        if "clinical" in self.inputs and self._table(inputs) is None:
            raise ValueError(
                f"{type(self).__name__}: inputs={self.inputs!r} needs clinical columns, and X has "
                "none. Add them, or set inputs='ecg'."
            )
        self._store_signature(inputs)
        return inputs

    @property
    def _encoder_spec(self) -> encoders.Encoder | None:
        return None if self.inputs == "clinical" else vars(self)["encoder_spec_"]

    def _resolve_recipe(self, rows: TrainingRows, targets: Targets, has_pretrainer: bool) -> Recipe:
        labelled = targets.labelled
        encoder = self._encoder_spec
        task = Task(
            encoder=encoder,
            is_pretrained=has_pretrainer
            or (encoder is not None and encoder.pretrained and self.student is None),
            has_table=self._table(rows) is not None,
            is_multilabel=targets.is_multilabel,
            n_labelled=float(rows.weight[labelled].sum()),
            n_labelled_patients=len(np.unique(rows.groups[labelled])),
            has_student=self.student is not None,
        )
        recipe = resolve_recipe(self, task)
        warn_near_threshold(self, task, recipe)
        return recipe

    def _table(self, rows: TrainingRows | Inputs) -> pd.DataFrame | None:
        return select_clinical_columns(rows.table, self.clinical_columns, type(self).__name__)

    def _training_data(
        self, rows: TrainingRows, targets: Targets, seed: int
    ) -> engine.DiagnosisData:
        """Scale the table and hold patients out: the last checks before training."""
        self.scaler_, table, distillation_table = None, None, None
        if "clinical" in self.inputs:
            self.scaler_ = ClinicalScaler().fit(self._table(rows), groups=rows.groups)
            table = self.scaler_.transform(self._table(rows))
        if self.recipe_.distils:
            scaler = self.scaler_ or ClinicalScaler().fit(self._table(rows), groups=rows.groups)
            distillation_table = scaler.transform(self._table(rows))
        kept, held_out = targets.labelled, None
        if self.recipe_.trains:
            kept, held_out = engine.hold_out_patients(self, rows, kept, seed)
        elif self.early_stopping is True:
            warnings.warn(
                f"{type(self).__name__}: fine_tune={self.recipe_.fine_tune!r} has no epochs to "
                "stop early: early_stopping=True holds nobody out. Set early_stopping='auto'.",
                RecipeWarning,
                stacklevel=4,
            )
        return engine.DiagnosisData(rows, targets, table, distillation_table, kept, held_out)

    def _store_patients(
        self,
        X: Any,
        groups: Any,
        numbers: np.ndarray,
        pretrainer: JointEmbeddingPretrainer | None,
        *,
        is_nested: bool,
    ) -> None:
        # A frozen pretrainer may have seen further patients: merge its hashes.
        frozen = None if is_nested else pretrainer
        self._frozen_patients = None if frozen is None else frozen.patients_seen_
        patients = find_patients(X, groups, self.group_column)
        self.patients_seen_ = remember_patients(patients, numbers, self._frozen_patients)
        self._training_set = digest_records(patients)

    def _build_module(self) -> engine.DiagnosisModule:
        backbone, clinical = None, None
        if self.inputs != "clinical":
            backbone = engine.build_backbone(
                self.encoder_spec_, self.augmentation, self._signature, self.scale_
            )
        if self.scaler_ is not None:
            clinical = engine.build_clinical(
                self._encoder_spec,
                self.clinical_encoder or encoders.ClinicalMLP(),
                len(self.scaler_.feature_names_out_),
                trained=self.recipe_.fine_tune == "full",
            )
        return engine.DiagnosisModule(backbone, clinical, self.n_outputs_, self.dropout)

    def _dataset(self, X: Any) -> engine.BatchDataset:
        owner, needs_ecg = type(self).__name__, self.inputs != "clinical"
        inputs = parse_inputs(
            self,
            X,
            fitting=False,
            expected=self._signature if needs_ecg else None,
            needs_ecg=needs_ecg,
        )
        if self.scaler_ is None:
            return engine.BatchDataset(inputs.signals)
        table = select_clinical_columns(inputs.table, self.clinical_columns, owner, fitting=False)
        if table is None:
            raise ValueError(
                f"{owner} was fitted with inputs={self.inputs!r} and needs the columns "
                f"{self.scaler_.columns_}; X has none of them. Add them, as NaN where missing, "
                "or fit with inputs='ecg'."
            )
        warn_of_unknown_levels(owner, table, self.scaler_)
        return engine.BatchDataset(inputs.signals, self.scaler_.transform(table))
