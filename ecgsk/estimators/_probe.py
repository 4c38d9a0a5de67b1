"""A linear probe: regularised logistic regression on features that stay as they are."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

# Inverse strengths of the L2 penalty on standardised features, as scikit-learn's C.
_STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
# They are for this many features or fewer. What features say adds up: of ten times as
# many, ten times the penalty takes back what it took back before.
_USUAL_FEATURES = 500
_FOLDS = 3

Heads = tuple[np.ndarray, np.ndarray]


def fit_linear_probe(
    features: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    multinomial: bool,
) -> Heads:
    """Fit one logistic regression per label; choose one penalty for all by patient.

    Parameters
    ----------
    features : ndarray of shape (n_records, n_features)
        What the heads see.
    targets : ndarray of shape (n_records, n_outputs)
        0, 1 or NaN; a NaN takes no part in its label's fit.
    groups : ndarray of shape (n_records,)
        Patients: the penalty is chosen on others than those fitted.
    sample_weight : ndarray of shape (n_records,) or None
        How much each record counts; None is 1.
    multinomial : bool
        Whether exactly one output is true in each row.

    Returns
    -------
    weight : ndarray of shape (n_outputs, n_features)
    bias : ndarray of shape (n_outputs,)
        In the features' own units: logits are ``features @ weight.T + bias``.
    """
    # Hundreds of small products: threads cost more than they bring, on busy cores tenfold.
    counts = np.ones(len(features)) if sample_weight is None else sample_weight
    with threadpool_limits(1, user_api="blas"):
        return _fit_linear_probe(
            features, targets, groups, counts.astype(features.dtype), multinomial
        )


def _fit_linear_probe(features, targets, groups, counts, multinomial) -> Heads:
    mean = counts @ features / counts.sum()
    scale = np.sqrt(counts @ np.square(features - mean) / counts.sum())
    # A feature that hardly moved in training must not be magnified: on a new
    # patient it may move.
    scale = np.maximum(scale, max(0.01 * float(np.median(scale)), 1e-6))
    z = (features - mean) / scale
    strengths = np.array(_STRENGTHS) * min(_USUAL_FEATURES / z.shape[1], 1)
    z, back = _decorrelate(z)
    strength = _choose_strength(z, targets, groups, counts, strengths, multinomial)
    weight, bias = _fit(z, targets, counts, strength, multinomial, None)
    weight = back(weight) / scale
    return weight, bias - weight @ mean


def _decorrelate(z: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Rotate features to uncorrelated ones, at most as many as records; say how weights go back.

    The penalty does not mind a rotation, and the solver likes uncorrelated features.
    """
    n_records, n_features = z.shape
    if n_features <= n_records:
        rotation = np.linalg.eigh(z.T @ z)[1]
        return z @ rotation, lambda weight: weight @ rotation.T
    # The penalty leaves a head no part outside the span of the records.
    z64 = z.astype(np.float64)
    values, records = np.linalg.eigh(z64 @ z64.T)
    lengths = np.sqrt(np.maximum(values, 0))
    divisors = np.maximum(lengths, 1e-6 * lengths[-1] + np.finfo(float).tiny)
    return (records * lengths).astype(z.dtype), lambda weight: weight / divisors @ records.T @ z


def _choose_strength(z, targets, groups, counts, strengths, multinomial) -> float:
    n_folds = min(_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return strengths[len(strengths) // 2]
    losses = np.zeros(len(strengths))
    for kept, held_out in GroupKFold(n_folds).split(z, groups=groups):
        heads = None
        for i, strength in enumerate(strengths):
            heads = _fit(z[kept], targets[kept], counts[kept], strength, multinomial, heads)
            logits = z[held_out] @ heads[0].T + heads[1]
            losses[i] += _loss(targets[held_out], logits, counts[held_out], multinomial)
    return strengths[int(losses.argmin())]


def _loss(targets, logits, counts, multinomial) -> float:
    if multinomial:
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        labels = np.arange(p.shape[1])
        return log_loss(targets.argmax(axis=1), p, labels=labels, sample_weight=counts)
    known = counts[:, None] * ~np.isnan(targets)
    if not known.any():
        return 0.0
    return np.average(np.logaddexp(0, np.where(targets == 1, -logits, logits)), weights=known)


def _fit(z, targets, counts, strength, multinomial, start: Heads | None) -> Heads:
    if multinomial:
        return _fit_multinomial(z, targets.argmax(axis=1), targets.shape[1], counts, strength)
    return _fit_labels(z, targets, counts, strength, start)


def _fit_labels(z, targets, counts, strength, start: Heads | None) -> Heads:
    """Solve all labels' logistic regressions as one problem.

    They share the matrix z, so one product per step serves all: an order of
    magnitude faster than one solver call per label.
    """
    known = counts[:, None] * ~np.isnan(targets)
    n_true = (counts[:, None] * (targets == 1)).sum(axis=0, dtype=np.float64)
    n_known = known.sum(axis=0, dtype=np.float64)
    weight = np.zeros((targets.shape[1], z.shape[1]))
    # Where there is one class only nothing separates it: its smoothed
    # prevalence stands, with no weights.
    bias = np.log((n_true + 0.5) / (n_known - n_true + 0.5))
    fitted = (n_true > 0) & (n_true < n_known)
    if not fitted.any():
        return weight, bias
    if start is not None:
        weight[fitted], bias[fitted] = start[0][fitted], start[1][fitted]
    y, mask = (targets[:, fitted] == 1).astype(z.dtype), known[:, fitted].astype(z.dtype)

    # The features are uncorrelated, so the Hessian is close to this diagonal;
    # measured in its units a few steps suffice.
    n_true, n_known = n_true[fitted, None], n_known[fitted, None]
    variance = strength * n_true * (n_known - n_true) / n_known
    units = np.sqrt(np.column_stack([variance * np.square(z).mean(axis=0) + 1, variance]))

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        heads = flat.reshape(units.shape) / units
        logits = z @ heads[:, :-1].T.astype(z.dtype) + heads[:, -1].astype(z.dtype)
        loss = strength * np.sum((np.logaddexp(0, logits) - y * logits) * mask, dtype=np.float64)
        residual = (expit(logits) - y) * mask
        gradient = np.column_stack([residual.T @ z, residual.sum(axis=0)]) * strength
        gradient[:, :-1] += heads[:, :-1]
        return loss + 0.5 * np.square(heads[:, :-1]).sum(), (gradient / units).ravel()

    first = np.column_stack([weight[fitted], bias[fitted]]) * units
    # The solver stops by the sum over all labels: a label among hundreds is to be
    # as exact as one by itself.
    options = {"maxiter": 300, "ftol": 1e-6 / len(units)}
    solved = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options).x
    heads = solved.reshape(units.shape) / units
    weight[fitted], bias[fitted] = heads[:, :-1], heads[:, -1]
    return weight, bias


def _fit_multinomial(z, codes, n_classes, counts, strength) -> Heads:
    weight, bias = np.zeros((n_classes, z.shape[1])), np.full(n_classes, -20.0)
    present = np.unique(codes)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    model = LogisticRegression(C=strength, max_iter=1000).fit(z, codes, sample_weight=counts)
    if len(present) == 2:
        weight[present[1]], bias[present] = model.coef_[0], [0.0, model.intercept_[0]]
    else:
        weight[present], bias[present] = model.coef_, model.intercept_
    return weight, bias
