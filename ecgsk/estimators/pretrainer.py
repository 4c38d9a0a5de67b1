"""Stage (i): a self-supervised joint embedding of ECG and clinical table."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ecgsk._leakage import remember_patients
from ecgsk._patients import find_patients
from ecgsk.encoders import Encoder
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.estimators._base import EmbeddingMixin, TorchEstimator
from ecgsk.estimators._rows import arrange
from ecgsk.objectives import ECGContrast, InfoNCE, Objective
from ecgsk.objectives.registry import resolve_objective
from ecgsk.preprocessing import ClinicalScaler
from ecgsk.training import (
    Augmentation,
    Backbone,
    BatchDataset,
    EffectiveRank,
    MeanOutput,
    PretrainingModule,
    resolve_device,
    run,
)

# Maximum number of records for the thresholds of an encoder.
_CALIBRATION = 256
# Records by which a collapse is noticed: enough for their directions, few for their seconds.
_WATCHED = (64, 256)


class JointEmbeddingPretrainer(EmbeddingMixin, TorchEstimator):
    """Teach an encoder what the patient's table knows; then embed ECGs alone.

    Stage (i) of Fernandes et al. [1]_: an ECG encoder is aligned with the
    laboratory results, vital signs and biometrics beside each ECG, without any
    diagnosis. Afterwards ``transform`` needs the ECG only. The objective and
    the architecture are this project's choice, by measurement: the paper's
    body gives none.

    Parameters
    ----------
    encoder : Encoder or str, default="resnet18"
        Architecture of the ECG encoder.
    objective : Objective or str, default="auto"
        What is learned: a name of ``ecgsk.objectives.OBJECTIVES`` such as
        ``"clip"``, ``"table_prediction"`` or ``"ecg_contrast"``, or a spec.
        ``"auto"`` is ``"clip"`` where there is a table and
        ``"ecg_contrast"``, which looks at the signal alone, where there is none.
    clinical_columns : sequence of str or None, default=None
        Columns of X to learn from; None takes every column but the ECG and
        ``group_column``.
    group_column : str, default="subject_id"
        Column of X that names the patient. It is never learned from.
    augmentation : Augmentation or None, default=None
        Random changes of the training signals; None is ``Augmentation()``.
    max_epochs : int, default=12
        Passes over the records.
    batch_size : int or "auto", default="auto"
        Records per step; ``"auto"`` is 32 to 256, by the size of the cohort.
    learning_rate : float, default=3e-3
        Peak of the one-cycle schedule.
    weight_decay : float, default=0.02
        AdamW's.
    early_stopping : bool or "auto", default="auto"
        Whether to hold patients out and keep the epoch with the least
        validation loss; ``"auto"`` does from 4,000 patients on.
    validation_fraction : float, default=0.1
        Share of patients held out for that.
    n_iter_no_change : int, default=10
        Epochs without a better validation loss after which training ends.
    callbacks : sequence of skorch callbacks or None, default=None
        Yours, beside our own.
    device : str, default="auto"
        ``"auto"`` is a GPU where there is one; of several, each worker of a
        parallel search takes its own. ``"accelerate"`` trains on all that
        ``accelerate launch`` gives, and needs a ``random_state``.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the training steps; predictions are float32 always.
    compile : bool, default=False
        Compile the encoder with ``torch.compile`` for training; pays on a GPU,
        in fits of minutes.
    accumulation_steps : int, default=1
        Parts in which a batch goes through the network, where a whole one does
        not fit into memory. An objective that compares records compares those
        of a part.
    checkpoint_folder : path-like or None, default=None
        Where the state of the fit is kept after every epoch. The same fit,
        started again after a kill, goes on from there and ends with the same
        weights, bit by bit; a finished one is not done again. Needs a
        ``random_state``. Fits of a search may share a folder.
    random_state : int, RandomState or None, default=None
        Equal seeds give equal weights on one machine; the global generators
        are left alone.
    verbose : bool, default=True
        Show a progress bar.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    encoder_spec_ : Encoder
        The encoder as it was built.
    objective_ : Objective
        The objective as it was used.
    history_ : DataFrame
        Losses, effective rank of the embeddings, and seconds per epoch.
    leads_ : tuple of str or None
        Leads in the order the encoder sees; None when fitted on a plain array.
    sampling_rate_ : float or None
        In Hz.
    shape_ : tuple of int
        Number of leads and samples of a record.
    patients_seen_ : tuple or None
        Salt and salted hashes of the patients of ``fit``, by which a score on
        them is noticed; None where X names none.

    References
    ----------
    .. [1] Fernandes et al., "Transferring clinical knowledge into ECGs
       representation", arXiv 2512.07021.

    Examples
    --------
    >>> from ecgsk import JointEmbeddingPretrainer
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> X = make_clinical_ecg(n_subjects=20, random_state=0).X
    >>> pretrainer = JointEmbeddingPretrainer(max_epochs=1, random_state=0, verbose=False).fit(X)
    >>> pretrainer.transform(X[["ecg"]]).shape == (len(X), 256)
    True
    """

    def __init__(
        self,
        encoder: Encoder | str = "resnet18",
        *,
        objective: Objective | str = "auto",
        clinical_columns: Sequence[str] | None = None,
        group_column: str = "subject_id",
        augmentation: Augmentation | None = None,
        max_epochs: int = 12,
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
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
        self.objective = objective
        self.clinical_columns = clinical_columns
        self.group_column = group_column
        self.augmentation = augmentation
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
        self, X: Any, y: object = None, sample_weight: Any = None, *, groups: Any = None
    ) -> "JointEmbeddingPretrainer":
        """Align the encoder with the table.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG; every further column but ``group_column`` is the
            clinical table, NaN where not measured. An array is
            (n_records, n_leads, n_samples), in mV, and has no table.
        y : None
            Diagnoses are never looked at in this stage.
        sample_weight : array-like of shape (n_records,) or None
            How often each record counts: 0 is not at all, 2 is as if it stood
            in X twice, 0.5 is in every other epoch.
        groups : array-like of shape (n_records,) or None
            The patients, where X has no ``group_column``.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For signals that cannot be used; the message says what to do.
        """
        inputs = self._read(X, fitting=True, groups=groups)
        self.encoder_spec_ = check_encoder(self.encoder, self.leads_, self.sampling_rate_)
        data = arrange(inputs, sample_weight, type(self).__name__)
        self.scale_ = data.scale
        table = self._choose_objective(data.table)
        seed = self._draw_seed()
        kept, held_out = self._hold_out(data, np.arange(len(data.numbers)), seed)
        with self._seeded(seed):
            module = self._build_module()
            training = BatchDataset(data.signals, table, None, kept, data.weight, data.groups)
            start_backbone(module.backbone, self.encoder, training)
            net = self._train(
                module,
                MeanOutput(),
                training,
                None
                if held_out is None
                else BatchDataset(data.signals, table, None, held_out, None, data.groups),
                description="Pre-training",
                callbacks=[EffectiveRank(self._embedder_of(training))],
            )
        self._keep(net)
        self.patients_seen_ = remember_patients(
            find_patients(X, groups, self.group_column), data.numbers
        )
        self._n_features_out = net.module_.backbone.n_features
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed ECGs; the table is not needed, and not looked at.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            Records with the fitted leads, sampling rate and length.

        Returns
        -------
        ndarray of shape (n_records, n_features), float32
        """
        check_is_fitted(self)
        inputs = self._read(X, fitting=False)
        data = BatchDataset(inputs.signals, None, None, np.arange(len(inputs)))
        return self._embed(_Embedder(self.net_.module_.backbone), data, "forward")

    def _embedder_of(self, training: BatchDataset) -> Callable[[Any], np.ndarray]:
        """Return what embeds a tenth of the training records, to watch for a collapse."""
        n_records = int(np.clip(len(training) // 10, *_WATCHED))
        rows = np.linspace(0, len(training) - 1, min(n_records, len(training)), dtype=int)
        watched = BatchDataset(training.signals, None, None, training.rows[rows])
        device = resolve_device(self.device)
        return lambda module: run(
            _Embedder(module.backbone), watched, device=device, batch_size=len(watched)
        )

    def _choose_objective(self, table: pd.DataFrame | None) -> np.ndarray | None:
        """Settle the objective; return the scaled table it learns from."""
        has_table = table is not None
        if self.objective == "auto":
            self.objective_ = InfoNCE() if has_table else ECGContrast()
        else:
            self.objective_ = clone(resolve_objective(self.objective))
        if self.objective_.uses_table and not has_table:
            raise ValueError(
                f"JointEmbeddingPretrainer: the objective {self.objective_!r} learns from a "
                "clinical table, and X has no column for it. Add the columns, or set "
                "objective='ecg_contrast'."
            )
        self.scaler_ = None
        if table is None or not self.objective_.uses_table:
            return None
        self.scaler_ = ClinicalScaler().fit(table)
        return self.scaler_.transform(table)

    def _build_module(self) -> PretrainingModule:
        n_columns = 0 if self.scaler_ is None else len(self.scaler_.feature_names_out_)
        backbone = build_backbone(
            self.encoder_spec_, self.augmentation, self.shape_, self.sampling_rate_, self.scale_
        )
        return PretrainingModule(backbone, self.objective_.build(backbone.n_features, n_columns))


class _Embedder(nn.Module):
    """A backbone that takes what a dataset yields."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, ecg):
        return self.backbone(ecg, augment=False)


def build_backbone(
    encoder: Encoder,
    augmentation: Augmentation | None,
    shape: tuple[int, int],
    sampling_rate: float | None,
    scale: tuple[np.ndarray, np.ndarray],
) -> Backbone:
    """Make a backbone with fresh weights for records of this shape, sampling rate and scale."""
    augment = (Augmentation() if augmentation is None else augmentation).build(sampling_rate)
    if encoder.scales_itself:
        scale = np.zeros(shape[0]), np.ones(shape[0])
    return Backbone(encoder.build(*shape), augment, *scale)


def check_encoder(
    encoder: Encoder | str, leads: tuple[str, ...] | None, sampling_rate: float | None
) -> Encoder:
    """Hold the signals of a fit against an encoder; return the spec to build it by."""
    spec = resolve_encoder(encoder)
    spec.check_signal(leads, sampling_rate)
    return spec.architecture()


def start_backbone(backbone: Backbone, encoder: Encoder | str, data: BatchDataset) -> None:
    """Give a fresh backbone what this fit does not learn: published weights, calibration."""
    resolve_encoder(encoder).load_weights(backbone.encoder)
    some = np.linspace(0, len(data) - 1, min(len(data), _CALIBRATION)).round().astype(int)
    backbone.set_thresholds(data.__getitems__(some)[0]["ecg"])
