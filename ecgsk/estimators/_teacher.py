"""A teacher that sees the table, for a student that sees the ECG alone."""

import numpy as np
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from ecgsk.estimators._linear_head import fit_linear_heads

_FOLDS = 5
# Share of what is learned that a known label decides; the teacher has the rest.
# docs/recipes.md has what was tried.
_KNOWN = 0.3


def teach(
    features: np.ndarray,
    table: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Return what a model of ECG and table makes of every record, labelled or not.

    Generalised distillation (Lopez-Paz et al., "Unifying distillation and privileged
    information", ICLR 2016): the table is there in training only, so a model that sees
    it tells the student, record by record, how likely each diagnosis is. It is fitted
    on other patients than those it speaks of, as its own training labels would come
    back otherwise.

    Parameters
    ----------
    features : ndarray of shape (n_records, n_features)
        Embeddings of the ECGs.
    table : ndarray of shape (n_records, n_columns)
        The scaled table; NaN where not measured.
    targets : ndarray of shape (n_records, n_labels)
        0, 1 or NaN.
    groups : ndarray of shape (n_records,)
        Patients.
    sample_weight : ndarray of shape (n_records,)
        How much each record counts.

    Returns
    -------
    ndarray of shape (n_records, n_labels), float32
        Between 0 and 1: a known label and the teacher's probability, averaged; the
        teacher's alone where no label is known.
    """
    seen = np.concatenate([features, np.nan_to_num(table), np.isfinite(table)], axis=1)
    seen = seen.astype(np.float32, copy=False)
    known = ~np.isnan(targets)
    labelled = np.flatnonzero(known.any(axis=1) & (sample_weight > 0))
    rest = np.setdiff1d(np.arange(len(targets)), labelled)
    n_folds = min(_FOLDS, len(np.unique(groups[labelled])))
    taught = np.zeros(targets.shape)
    for others, own in GroupKFold(n_folds).split(labelled, groups=groups[labelled]):
        others, own = labelled[others], labelled[own]
        head = fit_linear_heads(
            seen[others],
            targets[others],
            groups[others],
            sample_weight[others],
            multinomial=False,
        )
        taught[own] = expit(head.logits(seen[own]))
        taught[rest] += expit(head.logits(seen[rest])) / n_folds
    mixed = _KNOWN * np.nan_to_num(targets) + (1 - _KNOWN) * taught
    return np.where(known, mixed, taught).astype(np.float32)
