"""Distillation targets of the ECG model, from a model of ECG and table."""

import numpy as np
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from ecgsk.estimators._linear_head import fit_linear_heads

_FOLDS = 5
# Weight of the observed label in the distillation target (docs/recipes.md compares others).
_OBSERVED_LABEL_WEIGHT = 0.3


def distillation_targets(
    features: np.ndarray,
    table: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Predict every record, labelled or not, with a cross-fitted model of ECG and table.

    Generalised distillation (Lopez-Paz et al., "Unifying distillation and privileged
    information", ICLR 2016): the table is available in training only, so the probabilities
    of a model that uses it become targets of the model of the ECG. They are cross-fitted by
    patient: a model predicts no patient that it was fitted on, whose labels it would return.

    `features` are embeddings, `table` is scaled with NaN where missing, and `targets` are 0, 1
    or NaN. The result is float32: the weighted mean of label and probability where the label
    is known, else the probability.
    """
    inputs = np.concatenate([features, np.nan_to_num(table), np.isfinite(table)], axis=1)
    inputs = inputs.astype(np.float32, copy=False)
    known = ~np.isnan(targets)
    labelled = np.flatnonzero(known.any(axis=1) & (sample_weight > 0))
    unlabelled = np.setdiff1d(np.arange(len(targets)), labelled)
    n_folds = min(_FOLDS, len(np.unique(groups[labelled])))
    predicted = np.zeros(targets.shape)
    for fitted, held_out in GroupKFold(n_folds).split(labelled, groups=groups[labelled]):
        fitted, held_out = labelled[fitted], labelled[held_out]
        head = fit_linear_heads(
            inputs[fitted],
            targets[fitted],
            groups[fitted],
            sample_weight[fitted],
            multinomial=False,
        )
        predicted[held_out] = expit(head.logits(inputs[held_out]))
        predicted[unlabelled] += expit(head.logits(inputs[unlabelled])) / n_folds
    observed = _OBSERVED_LABEL_WEIGHT
    mixed = observed * np.nan_to_num(targets) + (1 - observed) * predicted
    return np.where(known, mixed, predicted).astype(np.float32)
