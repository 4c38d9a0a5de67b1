"""Stage (ii): diagnoses from the ECG."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ecgsk._leakage import remember_patients
from ecgsk._patients import find_patients
from ecgsk.encoders import ClinicalMLP, ClinicalMLPModule, Encoder
from ecgsk.estimators._base import EmbeddingMixin, TorchEstimator, wrap
from ecgsk.estimators._inputs import Inputs
from ecgsk.estimators._linear_head import fit_linear_heads
from ecgsk.estimators._outputs import LogitsClassifierMixin
from ecgsk.estimators._rows import Rows, arrange
from ecgsk.estimators._targets import Targets, read_targets
from ecgsk.estimators._teacher import teach
from ecgsk.estimators.pretrainer import (
    JointEmbeddingPretrainer,
    build_backbone,
    check_encoder,
    start_backbone,
)
from ecgsk.objectives import MaskedBCE
from ecgsk.preprocessing import ClinicalScaler
from ecgsk.training import Augmentation, Backbone, BatchDataset, DiagnosisModule, MeasuredValues

_INPUTS = ("ecg", "clinical", "ecg+clinical")
_FINE_TUNE = ("auto", "probe", "probe_then_full", "full", "distill")
# Fewer labelled records than this leave a pre-trained encoder, or a network
# over the table, as it is: docs/recipes.md has the measurements.
_FEW_RECORDS = 1000
# Fewer than this teach a teacher nothing.
FEW_TO_TEACH = 200
# Epochs and peak learning rate of "auto". A head that starts from a probe needs
# few and small steps; larger ones wash the pre-training out.
FROM_SCRATCH, FINE_TUNING, FROM_PROBE = (20, 3e-3), (10, 3e-3), (5, 1e-3)


class ECGDiagnosisClassifier(EmbeddingMixin, LogitsClassifierMixin, TorchEstimator):
    """Multi-label diagnosis from the ECG, with an encoder pre-trained or not.

    Stage (ii) of Fernandes et al. [1]_. With a
    :class:`~ecgsk.JointEmbeddingPretrainer` as ``encoder``, ``fit`` first
    pre-trains on every row of X, those without labels included, and then
    learns the diagnoses: from the labelled rows, and with ``fine_tune="distill"``
    from the tables of all. Predictions need the ECG only.

    Parameters
    ----------
    encoder : Encoder, str, JointEmbeddingPretrainer or FrozenEstimator, default="resnet18"
        An architecture is trained from scratch. A bare pretrainer is fitted
        inside ``fit``, so that every fold of a cross-validation is honest;
        ``FrozenEstimator(pretrainer)`` is used as it is. It is copied, never
        changed.
    inputs : {"ecg", "clinical", "ecg+clinical"}, default="ecg"
        What a prediction looks at. ``"ecg+clinical"`` is the multimodal upper
        bound, ``"clinical"`` the table alone.
    fine_tune : {"auto", "probe", "probe_then_full", "full", "distill"}, default="auto"
        ``"probe"`` fits a linear head on frozen features; ``"full"`` trains
        everything at once; ``"probe_then_full"`` starts from the probe.
        ``"distill"`` starts from it too, and learns, beside the labels, what a model
        of embedding *and* table makes of every row of X, those without labels
        included: the table is needed in ``fit``, and not after.
        ``"auto"`` trains a fresh encoder fully, and a pre-trained one where X has
        no table. With a table it learns by ``"distill"`` where 200 records or more
        have many labels; else, and as multimodal model, by ``"probe"`` below 1,000
        labelled records, and by ``"probe_then_full"`` from there on. An encoder that
        has nothing to learn gets a ``"probe"``.
    clinical_encoder : ClinicalMLP or None, default=None
        Network of the table where it is trained fully.
    clinical_columns, group_column, augmentation, batch_size, weight_decay, \
    early_stopping, validation_fraction, n_iter_no_change, callbacks, device, \
    precision, compile, accumulation_steps, checkpoint_folder, random_state, verbose
        As in :class:`~ecgsk.JointEmbeddingPretrainer`.
    dropout : float, default=0.2
        Share of features dropped before the last layer, in training.
    max_epochs : int or "auto", default="auto"
        ``"auto"`` is 20 from scratch, 10 for ``"full"`` from a pre-trained
        encoder and for ``"distill"``, and 5 for ``"probe_then_full"``.
    learning_rate : float or "auto", default="auto"
        Peak of the one-cycle schedule; ``"auto"`` is 1e-3 after a probe, which
        larger steps wash out, else 3e-3.

    Attributes
    ----------
    classes_ : ndarray
        The classes; with many labels, their numbers.
    label_names_ : list of str or None
        Names of the labels; None where y had one column.
    thresholds_ : ndarray of shape (n_labels,) or None
        A label is predicted above its threshold.
    coef_ : ndarray of shape (n_outputs, n_features)
        Weights of the linear head over ``transform``'s embedding; read-only.
    intercept_ : ndarray of shape (n_outputs,)
        Its intercepts.
    scaler_ : ClinicalScaler or None
        Scaler of the table; None if predictions take no table.
    fine_tune_ : str
        The mode that was used.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : DataFrame
        Losses and seconds per epoch; empty for a probe.
    pretraining_history_ : DataFrame or None
        Of a pretrainer fitted inside ``fit``.
    leads_, sampling_rate_, shape_, patients_seen_
        As in :class:`~ecgsk.JointEmbeddingPretrainer`.

    References
    ----------
    .. [1] Fernandes et al., "Transferring clinical knowledge into ECGs
       representation", arXiv 2512.07021.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
    >>> model = ECGDiagnosisClassifier(max_epochs=1, random_state=0, verbose=False).fit(X, Y)
    >>> model.predict_proba(X[["ecg"]]).shape == Y.shape
    True
    """

    def __init__(
        self,
        encoder: Encoder | str | JointEmbeddingPretrainer | FrozenEstimator = "resnet18",
        *,
        inputs: str = "ecg",
        fine_tune: str = "auto",
        clinical_encoder: ClinicalMLP | None = None,
        clinical_columns: Sequence[str] | None = None,
        group_column: str = "subject_id",
        augmentation: Augmentation | None = None,
        dropout: float = 0.2,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float = 0.02,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        callbacks: Sequence[Any] | None = None,
        device: str = "auto",
        precision: str = "auto",
        compile: bool = False,
        accumulation_steps: int = 1,
        checkpoint_folder: str | PathLike | None = None,
        random_state: Any = None,
        verbose: bool = True,
    ):
        self.encoder = encoder
        self.inputs = inputs
        self.fine_tune = fine_tune
        self.clinical_encoder = clinical_encoder
        self.clinical_columns = clinical_columns
        self.group_column = group_column
        self.augmentation = augmentation
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.compile = compile
        self.accumulation_steps = accumulation_steps
        self.checkpoint_folder = checkpoint_folder
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> "ECGDiagnosisClassifier":
        """Learn the diagnoses, after pre-training where the encoder asks for it.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG. An array is (n_records, n_leads, n_samples), in mV.
        y : DataFrame or array-like of shape (n_records, n_labels) or (n_records,)
            0, 1 or NaN for each label; NaN is "not known". Rows of NaN alone
            take part in pre-training and distillation. One column: two or more classes.
        sample_weight : array-like of shape (n_records,) or None
            How often each record counts, in a pre-training inside ``fit`` too:
            0 is not at all, 2 is as if it stood in X twice, 0.5 is in every
            other epoch.
        groups : array-like of shape (n_records,) or None
            The patients, where X has no ``group_column``.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For signals that cannot be used; the message says what to do.
        ValueError
            For a parameter, a table or labels that cannot be used.
        """
        self._check_parameters()
        seed = self._draw_seed()
        pretrainer = self._fit_pretrainer(X, sample_weight, groups, seed)
        inputs = self._read_training(X, groups, pretrainer)
        data = arrange(inputs, sample_weight, type(self).__name__)
        if pretrainer is None:
            self.scale_ = data.scale
        targets = read_targets(y, len(inputs), type(self).__name__, data.numbers)
        self._remember_targets(targets)
        counted = targets.labelled[data.weight[targets.labelled] > 0]
        n_labelled = data.weight[counted].sum()
        has_table = data.table is not None
        can_distil = (
            self.inputs == "ecg"
            and has_table
            and targets.is_multilabel
            and len(np.unique(data.groups[counted])) > 1
        )
        self.fine_tune_ = self._resolve_fine_tune(pretrainer, n_labelled, has_table, can_distil)
        table = self._fit_table(data)
        with self._seeded(seed):
            module = self._build_module()
            if module.backbone is not None and pretrainer is not None:
                module.backbone.load_state_dict(pretrainer.net_.module_.backbone.state_dict())
            elif module.backbone is not None:
                everything = np.arange(len(data.numbers))
                training = BatchDataset(data.signals, None, None, everything)
                start_backbone(module.backbone, self.encoder, training)
            self._learn(module, data, table, targets, seed, self._is_pretrained(pretrainer))
        self._remember_patients(X, groups, data.numbers, pretrainer)
        self._n_features_out = module.n_features
        return self

    def _remember_patients(
        self, X: Any, groups: Any, rows: np.ndarray, pretrainer: JointEmbeddingPretrainer | None
    ) -> None:
        # One fitted inside fit saw the same patients; only one from elsewhere may know others.
        frozen = isinstance(self.encoder, FrozenEstimator)
        seen = pretrainer.patients_seen_ if frozen and pretrainer is not None else None
        self._frozen_patients = seen
        self.patients_seen_ = remember_patients(
            find_patients(X, groups, self.group_column), rows, seen
        )

    def _logits(self, X: Any) -> np.ndarray:
        return self._run(self.net_.module_, self._dataset(X))

    @property
    def coef_(self) -> np.ndarray:
        """Weights of the linear head, of shape (n_outputs, n_features)."""
        return self.net_.module_.head.weight.numpy(force=True).copy()

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts of the linear head, of shape (n_outputs,)."""
        return self.net_.module_.head.bias.numpy(force=True).copy()

    def transform(self, X: Any) -> np.ndarray:
        """Embed ECGs with the fine-tuned encoder.

        Returns
        -------
        ndarray of shape (n_records, n_features), float32
            What the linear head sees; with ``inputs="ecg+clinical"`` the
            table's features too.
        """
        check_is_fitted(self)
        return self._embed(self.net_.module_, self._dataset(X), "features")

    def _check_parameters(self) -> None:
        for name, allowed in (("inputs", _INPUTS), ("fine_tune", _FINE_TUNE)):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be one of {allowed}, got {value!r}."
                )

    def _fit_pretrainer(
        self, X: Any, sample_weight: Any, groups: Any, seed: int
    ) -> JointEmbeddingPretrainer | None:
        """Return a fitted pretrainer, or None for an encoder trained from scratch."""
        self.pretraining_history_ = None
        if self.inputs == "clinical":
            return None
        if isinstance(self.encoder, FrozenEstimator):
            pretrainer = self.encoder.estimator
            if not isinstance(pretrainer, JointEmbeddingPretrainer):
                raise TypeError(
                    f"{type(self).__name__}: FrozenEstimator must hold a fitted "
                    f"JointEmbeddingPretrainer, got {pretrainer!r}."
                )
            check_is_fitted(pretrainer)
            return pretrainer
        if not isinstance(self.encoder, JointEmbeddingPretrainer):
            return None
        pretrainer = clone(self.encoder)
        if pretrainer.random_state is None:
            pretrainer.set_params(random_state=seed)
        pretrainer.fit(X, sample_weight=sample_weight, groups=groups)
        self.pretraining_history_ = pretrainer.history_
        return pretrainer

    def _read_training(
        self, X: Any, groups: Any, pretrainer: JointEmbeddingPretrainer | None
    ) -> Inputs:
        """Read X; remember what later X are held against."""
        needs_ecg = self.inputs != "clinical"
        if pretrainer is None:
            inputs = self._read(X, fitting=True, groups=groups, needs_ecg=needs_ecg)
            if needs_ecg:
                self.encoder_spec_ = check_encoder(self.encoder, self.leads_, self.sampling_rate_)
        else:
            for name in ("leads_", "sampling_rate_", "shape_", "encoder_spec_", "scale_"):
                setattr(self, name, getattr(pretrainer, name))
            self.n_features_in_ = pretrainer.n_features_in_
            inputs = self._read(X, fitting=False, groups=groups)
        return inputs

    def _resolve_fine_tune(
        self, pretrainer: Any, n_labelled: float, has_table: bool, can_distil: bool
    ) -> str:
        if self.fine_tune == "distill" and not can_distil:
            raise ValueError(
                f"{type(self).__name__}: fine_tune='distill' teaches a model of inputs='ecg' what "
                f"clinical columns of X say of many labels; got inputs={self.inputs!r}, "
                "and a table in X, several columns in y and labels of two patients or more are "
                "needed too. Use fine_tune='auto'."
            )
        if self.fine_tune != "auto":
            return self.fine_tune
        few = n_labelled < _FEW_RECORDS
        if self.inputs == "clinical":
            return "probe" if few else "full"
        if not self.encoder_spec_.trains:
            return "probe"
        # Without a table, pre-training was on the ECG alone or on other patients; a probe of
        # either falls behind: docs/recipes.md has the measurements.
        if not (self._is_pretrained(pretrainer) and has_table):
            return "full"
        if can_distil and n_labelled >= FEW_TO_TEACH:
            return "distill"
        return "probe" if few else "probe_then_full"

    def _is_pretrained(self, pretrainer: JointEmbeddingPretrainer | None) -> bool:
        has_encoder = self.inputs != "clinical"
        return has_encoder and (pretrainer is not None or self.encoder_spec_.pretrained)

    def _fit_table(self, data: Rows) -> np.ndarray | None:
        """Scale the table, where predictions look at it."""
        self.scaler_ = None
        if "clinical" not in self.inputs:
            return None
        if data.table is None:
            raise ValueError(
                f"{type(self).__name__}: inputs={self.inputs!r} needs clinical columns, and X has "
                "none. Add them, or set inputs='ecg'."
            )
        self.scaler_ = ClinicalScaler().fit(data.table)
        return self.scaler_.transform(data.table)

    def _learn(
        self,
        module: DiagnosisModule,
        data: Rows,
        table: np.ndarray | None,
        targets: Targets,
        seed: int,
        pretrained: bool,
    ) -> None:
        rows = targets.labelled
        several = not targets.is_multilabel and targets.n_outputs > 1
        criterion = nn.CrossEntropyLoss() if several else MaskedBCE()
        known = taught = targets.values if several else targets.as_matrix()
        if self.fine_tune_ != "full":
            taught = self._start_from_probe(module, data, table, targets, taught)
        if self.fine_tune_ == "probe":
            self._keep(wrap(module, criterion))
            return
        kept, held_out = self._hold_out(data, rows, seed)
        if self.fine_tune_ == "distill":  # every row but those of early stopping's patients
            asked = data.groups[np.setdiff1d(rows, kept)]
            kept = np.flatnonzero(~np.isin(data.groups, asked))
        if self.fine_tune_ == "probe_then_full":
            epochs, learning_rate = FROM_PROBE
        else:
            epochs, learning_rate = FINE_TUNING if pretrained else FROM_SCRATCH
        self._keep(
            self._train(
                module,
                criterion,
                BatchDataset(data.signals, table, taught, kept, data.weight),
                None if held_out is None else BatchDataset(data.signals, table, known, held_out),
                description="Fine-tuning" if pretrained else "Training",
                max_epochs=epochs if self.max_epochs == "auto" else None,
                learning_rate=learning_rate if self.learning_rate == "auto" else None,
            )
        )

    def _start_from_probe(
        self,
        module: DiagnosisModule,
        data: Rows,
        table: np.ndarray | None,
        targets: Targets,
        taught: np.ndarray,
    ) -> np.ndarray:
        """Make a linear probe the module's head; return what is to be learned from here."""
        values, rows = targets.as_matrix(), targets.labelled
        distils = self.fine_tune_ == "distill"
        seen = np.arange(len(values)) if distils else rows
        dataset = BatchDataset(data.signals, table, None, seen)
        features = self._run(module, dataset, method="features")
        if distils:
            clinical = ClinicalScaler().fit_transform(data.table)
            taught = teach(features, clinical, values, data.groups, data.weight)
            features = features[rows]
        head = fit_linear_heads(
            features,
            values[rows],
            data.groups[rows],
            data.weight[rows],
            multinomial=not targets.is_multilabel and targets.n_outputs > 1,
        )
        set_head(module, head.weight, head.bias)
        return taught

    def _build_module(self) -> DiagnosisModule:
        backbone: Backbone | None = None
        clinical: ClinicalMLPModule | MeasuredValues | None = None
        if self.inputs != "clinical":
            backbone = build_backbone(
                self.encoder_spec_,
                self.augmentation,
                self.shape_,
                self.sampling_rate_,
                self.scale_,
            )
        if self.scaler_ is not None:
            n_columns = len(self.scaler_.feature_names_out_)
            if self.fine_tune_ == "full":
                clinical = (self.clinical_encoder or ClinicalMLP()).build(n_columns)
            else:
                clinical = MeasuredValues(n_columns)
        return DiagnosisModule(backbone, clinical, self.n_outputs_, self.dropout)

    def _dataset(self, X: Any) -> BatchDataset:
        inputs = self._read(X, fitting=False, needs_ecg=self.inputs != "clinical")
        table = None
        if self.scaler_ is not None:
            if inputs.table is None:
                raise ValueError(
                    f"{type(self).__name__} was fitted with inputs={self.inputs!r} and needs the "
                    f"columns {self.scaler_.columns_}; X has none of them. Add them, as NaN where "
                    "nothing was measured, or fit with inputs='ecg'."
                )
            table = self.scaler_.transform(inputs.table)
        return BatchDataset(inputs.signals, table, None, np.arange(len(inputs)))


def set_head(module: DiagnosisModule, weight: np.ndarray, bias: np.ndarray) -> None:
    """Put a linear probe into the module's last layer."""
    state = module.head.state_dict()
    for name, values in (("weight", weight), ("bias", bias)):
        state[name].copy_(torch.from_numpy(values.astype(np.float32)))
