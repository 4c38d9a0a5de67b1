"""Distillation targets of the ECG model, from a teacher of embedding, table or both."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from ecgsk.estimators._linear_head import fit_late_fusion

_FOLDS = 5
# Weight of the observed label in the distillation target (others: docs/benchmarks/recipes.md).
_OBSERVED_LABEL_WEIGHT = 0.3


def measured_values(table: np.ndarray) -> list[np.ndarray]:
    """Return a scaled table as values, 0 where missing, and as mask of the measured ones."""
    return [np.nan_to_num(table), np.isfinite(table).astype(np.float32)]


def distillation_targets(
    blocks: Sequence[np.ndarray],
    targets: np.ndarray,
    groups: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Predict every record, labelled or not, with a cross-fitted late fusion of feature blocks.

    With the table among the blocks it is generalised distillation (Lopez-Paz et al., "Unifying
    distillation and privileged information", ICLR 2016): the table is available in training
    only, so the probabilities of a model that uses it become targets of the model of the ECG.
    With the embedding alone it is self-training. Targets are cross-fitted by patient: a model
    predicts no patient that it was fitted on, whose labels it would return.

    `blocks` are features without NaN, of shape (n_records, n_features) each, and `targets` are
    0, 1 or NaN. The result is float32: the weighted mean of label and probability where the
    label is known, else the probability.
    """
    features = np.concatenate(blocks, axis=1)
    known = ~np.isnan(targets)
    labelled = np.flatnonzero(known.any(axis=1) & (sample_weight > 0))
    unlabelled = np.setdiff1d(np.arange(len(targets)), labelled)
    n_folds = min(_FOLDS, len(np.unique(groups[labelled])))
    predicted = np.zeros(targets.shape)
    for fitted, held_out in GroupKFold(n_folds).split(labelled, groups=groups[labelled]):
        fitted, held_out = labelled[fitted], labelled[held_out]
        head = fit_late_fusion(
            [block[fitted] for block in blocks],
            targets[fitted],
            groups[fitted],
            sample_weight[fitted],
            multinomial=False,
        )
        predicted[held_out] = expit(head.logits(features[held_out]))
        predicted[unlabelled] += expit(head.logits(features[unlabelled])) / n_folds
    observed = _OBSERVED_LABEL_WEIGHT
    mixed = observed * np.nan_to_num(targets) + (1 - observed) * predicted
    return np.where(known, mixed, predicted).astype(np.float32)
