"""A linear probe: regularised logistic regression on features that stay as they are."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

# Inverse strengths of the L2 penalty, on standardised features.
_STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
_FOLDS = 3


def fit_linear_probe(
    features: np.ndarray, targets: np.ndarray, groups: np.ndarray, *, multinomial: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Fit one logistic regression per label; choose one penalty for all by patient.

    Parameters
    ----------
    features : ndarray of shape (n_records, n_features)
        What the heads see.
    targets : ndarray of shape (n_records, n_outputs)
        0, 1 or NaN; a NaN takes no part in its label's fit.
    groups : ndarray of shape (n_records,)
        Patients: the penalty is chosen on others than those fitted.
    multinomial : bool
        Whether exactly one output is true in each row.

    Returns
    -------
    weight : ndarray of shape (n_outputs, n_features)
    bias : ndarray of shape (n_outputs,)
        In the features' own units: logits are ``features @ weight.T + bias``.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    # A feature that hardly moved in training must not be magnified: on a new
    # patient it may move.
    scale = np.maximum(scale, max(0.01 * float(np.median(scale)), 1e-6))
    z = (features - mean) / scale
    strength = _choose_strength(z, targets, groups, multinomial)
    weight, bias = _fit(z, targets, strength, multinomial)
    weight = weight / scale
    return weight, bias - weight @ mean


def _choose_strength(z, targets, groups, multinomial) -> float:
    n_folds = min(_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return _STRENGTHS[len(_STRENGTHS) // 2]
    losses = np.zeros(len(_STRENGTHS))
    for kept, held_out in GroupKFold(n_folds).split(z, groups=groups):
        for i, strength in enumerate(_STRENGTHS):
            weight, bias = _fit(z[kept], targets[kept], strength, multinomial)
            losses[i] += _loss(targets[held_out], z[held_out] @ weight.T + bias, multinomial)
    return _STRENGTHS[int(losses.argmin())]


def _loss(targets: np.ndarray, logits: np.ndarray, multinomial: bool) -> float:
    if multinomial:
        shifted = logits - logits.max(axis=1, keepdims=True)
        p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        return log_loss(targets.argmax(axis=1), p, labels=np.arange(p.shape[1]))
    known = ~np.isnan(targets)
    return np.logaddexp(0, np.where(targets == 1, -logits, logits))[known].mean()


def _fit(z, targets, strength, multinomial) -> tuple[np.ndarray, np.ndarray]:
    if multinomial:
        return _fit_multinomial(z, targets.argmax(axis=1), targets.shape[1], strength)
    weight = np.zeros((targets.shape[1], z.shape[1]))
    bias = np.zeros(targets.shape[1])
    for j, column in enumerate(targets.T):
        known = ~np.isnan(column)
        n_true, n_known = column[known].sum(), known.sum()
        if 0 < n_true < n_known:
            model = LogisticRegression(C=strength, max_iter=1000)
            model.fit(z[known], column[known])
            weight[j], bias[j] = model.coef_[0], model.intercept_[0]
        else:
            # One class only: nothing separates it; a smoothed prevalence stands.
            bias[j] = np.log((n_true + 0.5) / (n_known - n_true + 0.5))
    return weight, bias


def _fit_multinomial(z, codes, n_classes, strength) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = np.zeros((n_classes, z.shape[1])), np.full(n_classes, -20.0)
    present = np.unique(codes)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    model = LogisticRegression(C=strength, max_iter=1000).fit(z, codes)
    if len(present) == 2:
        weight[present[1]], bias[present] = model.coef_[0], [0.0, model.intercept_[0]]
    else:
        weight[present], bias[present] = model.coef_, model.intercept_
    return weight, bias
