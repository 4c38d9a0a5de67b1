"""Stage (i): a self-supervised joint embedding of ECG and clinical table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

import ecgsk.estimators._engine as engine
from ecgsk import encoders, objectives, training
from ecgsk._alignment import check_row_order
from ecgsk._leakage import remember_patients
from ecgsk._patients import find_patients
from ecgsk.estimators._base import EmbeddingMixin, TorchEstimator, unchanged_on_failure
from ecgsk.estimators._inputs import parse_inputs
from ecgsk.estimators._settings import keeps_checkpoints
from ecgsk.estimators._table_roles import TableRoles, check_no_table_in_y
from ecgsk.estimators._training_rows import order_training_rows, training_weights


class JointEmbeddingPretrainer(EmbeddingMixin, TorchEstimator):
    """Self-supervised joint embedding of ECGs and clinical tables.

    Stage (i) of Fernandes et al. [1]_: an ECG encoder is aligned with the laboratory
    results, vital signs and biometrics of the same row, without any diagnosis. Afterwards
    ``transform`` needs the ECG only. The objective and the architecture were
    chosen by measurement and may differ from the paper's.

    .. versionadded:: 0.1

    Parameters
    ----------
    encoder : Encoder or str, default="resnet18"
        Architecture of the ECG encoder: a spec of :mod:`ecgsk.encoders`, or a name of
        ``ecgsk.encoders.registry.ENCODERS``.
    objective : Objective or str, default="auto"
        Self-supervised objective: a spec of :mod:`ecgsk.objectives`, or a name such as
        ``"clip"``, ``"table_prediction"`` or ``"ecg_contrast"``. ``"auto"`` is ``"clip"``
        where X has clinical columns, else ``"ecg_contrast"``, which needs the signal alone.
    clinical_columns : sequence of str or None, default=None
        Columns of X that the objective uses. None is every column but the ECG and
        ``group_column``; inside another estimator, that estimator's.
    group_column : str, default="subject_id"
        Column of X that identifies the patient. It is never an input.
    augmentation : Augmentation or None, default=None
        Random changes of the training signals; None is ``Augmentation()``.
    max_epochs : int, default=12
        Passes over the records.
    batch_size : int or "auto", default="auto"
        Records per step; ``"auto"`` is 32 to 256, depending on the size of the cohort.
    learning_rate : float, default=3e-3
        Peak of the one-cycle schedule.
    early_stopping : bool or "auto", default="auto"
        Hold patients out, and keep the epoch with the lowest validation loss. ``"auto"``
        does so from 4,000 patients on.
    trainer : Trainer or None, default=None
        Settings of the engine: :class:`ecgsk.training.Trainer`. None is that of the
        enclosing estimator, or ``Trainer()``.
    device : str or None, default=None
        ``"auto"`` is a GPU where there is one; of several, each worker of a parallel search
        uses its own. ``"accelerate"`` trains on all GPUs of ``accelerate launch``, and needs
        a ``random_state``. None is that of the enclosing estimator, or ``"auto"``.
    random_state : int, RandomState or None, default=None
        Equal seeds give equal weights on one machine; the global generators are unchanged.
        None takes a seed from the enclosing estimator.
    verbose : int or None, default=None
        0 is silent. 1 shows a progress bar, and without a terminal or notebook reports a line
        per epoch to the logger ``ecgsk`` or stderr; 2 reports more. None is that of the
        enclosing estimator, or 1: a fit takes minutes.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` is the torch module.
    clinical_columns_ : list
        Columns of X that the objective learned from; empty where it uses none.
    encoder_spec_ : Encoder
        Encoder as it was built.
    objective_ : Objective
        Objective as it was used.
    scaler_ : ClinicalScaler or None
        Scaler of the clinical columns; None where the objective uses none.
    scale_ : tuple of two ndarray of shape (n_leads,)
        Mean and standard deviation of each lead in training, in mV.
    history_ : DataFrame
        Losses, effective rank of the embeddings, and seconds per epoch.
    leads_ : tuple of str or None
        Leads in the order of the encoder's input; None when fitted on a plain array.
    sampling_rate_ : float or None
        In Hz.
    shape_ : tuple of int
        Number of leads and samples of a record.
    patients_seen_ : SeenPatients or None
        Number and filter of the patients of ``fit``, by which scoring on them is detected;
        None where X names none.
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
    >>> from ecgsk import JointEmbeddingPretrainer
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> X = make_clinical_ecg(n_subjects=20, random_state=0).X
    >>> pretrainer = JointEmbeddingPretrainer(max_epochs=1, random_state=0, verbose=0).fit(X)
    >>> pretrainer.transform(X[["ecg"]]).shape == (len(X), 256)
    True
    """

    def __init__(
        self,
        encoder: encoders.Encoder | str = "resnet18",
        *,
        objective: objectives.Objective | str = "auto",
        clinical_columns: Sequence[str] | None = None,
        group_column: str = "subject_id",
        augmentation: training.Augmentation | None = None,
        max_epochs: int = 12,
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        early_stopping: bool | str = "auto",
        trainer: training.Trainer | None = None,
        device: str | None = None,
        random_state: Any = None,
        verbose: int | None = None,
    ):
        self.encoder = encoder
        self.objective = objective
        self.clinical_columns = clinical_columns
        self.group_column = group_column
        self.augmentation = augmentation
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
        self, X: Any, y: object = None, sample_weight: Any = None, *, groups: Any = None
    ) -> JointEmbeddingPretrainer:
        """Align the encoder with the clinical table.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG; every further column but ``group_column`` is the clinical
            table, NaN where missing. An array is (n_records, n_leads, n_samples), in mV, and
            has no table.
        y : None
            Ignored: stage (i) uses no labels. A table of other values than labels, beside an
            X without clinical columns, is an error: its columns belong into X.
        sample_weight : array-like of shape (n_records,) or None
            How often each record counts: 0 is not at all, 2 is as if it were in X twice,
            0.5 is in every other epoch.
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
            For a parameter or a table that cannot be used; before training starts.
        OutOfMemoryError
            If a batch does not fit into memory.
        """
        owner = type(self).__name__
        check_row_order(owner, X, sample_weight=sample_weight, groups=groups)
        inputs = parse_inputs(self, X, fitting=True, groups=groups)
        weight = training_weights(sample_weight, inputs, owner)
        plan = engine.plan_pretraining(self, inputs)
        if self.objective == "auto" and not plan.objective.uses_table:
            check_no_table_in_y(owner, y)
        roles = TableRoles(self, X, None, inputs)  # labels play no part here
        roles.use(engine.table_of_plan(plan, inputs, owner), self.clinical_columns)
        roles.finish(groups)
        rows = order_training_rows(inputs, weight, digest=keeps_checkpoints(self))
        self._store_signature(inputs)
        self.scale_ = rows.scale
        self._store(engine.pretrain(self, plan, rows))
        self.patients_seen_ = remember_patients(
            find_patients(X, groups, self.group_column), rows.numbers
        )
        return self

    def _store(self, stage: engine.Pretraining) -> None:
        self.encoder_spec_, self.objective_ = stage.encoder_spec, stage.objective
        self.scaler_ = stage.scaler
        self._n_features_out = stage.net.module_.backbone.n_features
        self._store_net(stage.net)

    def transform(self, X: Any) -> np.ndarray:
        """Embed ECGs; clinical columns are ignored.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            Records with the fitted leads, sampling rate and length.

        Returns
        -------
        ndarray of shape (n_records, n_features), float32
        """
        check_is_fitted(self)
        inputs = parse_inputs(self, X, fitting=False, expected=self._signature)
        return self._embed(engine.BatchDataset(inputs.signals))

    def _build_module(self) -> engine.PretrainingModule:
        return engine.build_pretraining_module(
            self.encoder_spec_,
            self.augmentation,
            self._signature,
            self.scale_,
            self.objective_,
            self.scaler_,
        )
