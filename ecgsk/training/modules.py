"""Torch modules of the stages: backbone, pre-training and diagnosis."""

import numpy as np
import torch
from torch import Tensor, nn

from ecgsk.encoders import EncoderModule
from ecgsk.encoders.clinical import ClinicalMLPModule
from ecgsk.objectives import ObjectiveModule
from ecgsk.training.augmentation import AugmentationModule


class Backbone(nn.Module):
    """Augmentation, scaling and encoder: from mV to an embedding.

    The scale is estimated on the training patients and is part of the model, so a
    prediction never depends on other records of the batch.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        encoder: EncoderModule,
        augmentation: AugmentationModule,
        mean: np.ndarray,
        scale: np.ndarray,
    ):
        super().__init__()
        self.encoder = encoder
        self.augmentation = augmentation
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32)[:, None])
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32)[:, None])
        self.n_features = encoder.n_features

    def forward(self, ecg: Tensor, augment: bool) -> Tensor:
        """Return embeddings of shape (n_samples, n_features); NaN samples are missing."""
        if augment:
            return self.encoder(self._scaled(self.augmentation(ecg)))
        crops = self.augmentation.crops(ecg)
        if len(crops) == 1:
            return self.encoder(self._scaled(ecg))
        # As one batch: a single record costs little more than one call of the encoder.
        embeddings = self.encoder(self._scaled(torch.cat(crops)))
        return embeddings.unflatten(0, (len(crops), -1)).mean(0)

    def set_thresholds(self, ecg: Tensor) -> None:
        """Set the encoder's thresholds from training ECGs in mV."""
        with torch.no_grad():
            self.encoder.set_thresholds(self._scaled(ecg))

    def _scaled(self, ecg: Tensor) -> Tensor:
        # In place: allocating memory for each step costs as much as the arithmetic.
        return (ecg - self.mean).div_(self.scale).nan_to_num_(0.0)


class PretrainingModule(nn.Module):
    """Stage (i): a backbone and its objective; the output is the loss."""

    def __init__(self, backbone: Backbone, objective: ObjectiveModule):
        super().__init__()
        self.backbone = backbone
        self.objective = objective

    def features(self, ecg: Tensor) -> Tensor:
        """Return embeddings of shape (n_samples, n_features)."""
        return self.backbone(ecg, augment=False)

    def forward(
        self, ecg: Tensor, table: Tensor | None = None, patients: Tensor | None = None
    ) -> Tensor:
        """Return the loss, of shape (1,)."""
        augment = self.training or self.objective.compares_views
        kind = ecg.device.type
        reduced, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)

        def encode() -> Tensor:
            with torch.autocast(kind, dtype=dtype, enabled=reduced):
                return self.backbone(ecg, augment).float()

        with torch.autocast(kind, dtype=dtype, enabled=False):
            return self.objective(encode, table, patients).reshape(1)


class MeasuredValues(nn.Module):
    """Scaled table, 0 where missing, with a mask of the measured values."""

    def __init__(self, n_columns: int):
        super().__init__()
        self.n_features = 2 * n_columns

    def forward(self, table: Tensor) -> Tensor:
        """Return features of shape (n_samples, 2 * n_columns)."""
        return torch.cat([table.nan_to_num(0.0), torch.isfinite(table).to(table.dtype)], dim=1)


class DiagnosisModule(nn.Module):
    """Stage (ii): features of ECG, table or both, and one linear layer for the logits."""

    def __init__(
        self,
        backbone: Backbone | None,
        clinical: ClinicalMLPModule | MeasuredValues | EncoderModule | None,
        n_outputs: int,
        dropout: float,
    ):
        super().__init__()
        self.backbone = backbone
        self.clinical = clinical
        parts = [part for part in (backbone, clinical) if part is not None]
        self.n_features = sum(part.n_features for part in parts)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.n_features, n_outputs)

    def features(self, ecg: Tensor | None = None, table: Tensor | None = None) -> Tensor:
        """Return the input of the linear layer, of shape (n_samples, n_features)."""
        parts = []
        if self.backbone is not None:
            parts.append(self.backbone(ecg, self.training).float())
        if self.clinical is not None:
            parts.append(self.clinical(table).float())
        return torch.cat(parts, dim=1)

    def forward(self, ecg: Tensor | None = None, table: Tensor | None = None) -> Tensor:
        """Return logits of shape (n_samples, n_outputs)."""
        return self.head(self.dropout(self.features(ecg, table)))
