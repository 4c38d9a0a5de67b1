"""Linear heads: L2-regularised logistic regression per label on fixed features."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from ecgsk.estimators._outputs import LinearHead
from ecgsk.training.device import process_state_lock

# Candidate values of scikit-learn's C (inverse L2 penalty) on standardised features.
C_VALUES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
# C is tuned for up to this many features; scale it by 500 / n_features beyond.
_N_FEATURES_OF_C = 500
N_FOLDS = 3  # of the search for C
# Weight of each block's evidence in late fusion: 1 would hold for independent blocks, and 1 / the
# number of blocks for equal ones.
_SHARE_OF_BLOCK = 0.75
# Initial bias of a class without records: its probability is about 2e-9.
_ABSENT_CLASS_BIAS = -20.0


def fit_linear_heads(
    features: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    multinomial: bool,
) -> LinearHead:
    """Fit one logistic regression per label, with one penalty cross-validated by patient.

    `targets` of shape (n_records, n_outputs) are 0, 1 or NaN; a NaN takes no part in the fit
    of its label. With `multinomial` exactly one output is 1 in each row.
    """
    # Hundreds of small products: threads cost more than they save, tenfold on busy cores.
    counts = np.ones(len(features)) if sample_weight is None else sample_weight
    with process_state_lock, threadpool_limits(1, user_api="blas"):
        return _fit_standardised(
            features, targets, groups, counts.astype(features.dtype), multinomial
        )


def fit_late_fusion(
    blocks: Sequence[np.ndarray],
    targets: np.ndarray,
    groups: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    multinomial: bool,
) -> LinearHead:
    """Fit heads on blocks of features apart and together, and average them to one head.

    Each block has a penalty of its own, which is better where labels are few, and one head on
    all blocks is better where they are many (docs/benchmarks/recipes.md). What the separate
    heads add to the log odds of the base rate is summed with a weight of 0.75 each. One block
    gives `fit_linear_heads`.
    """
    counts = np.ones(len(targets)) if sample_weight is None else sample_weight

    def fit(features: np.ndarray) -> LinearHead:
        return fit_linear_heads(features, targets, groups, counts, multinomial=multinomial)

    together = fit(np.concatenate(blocks, axis=1))
    if len(blocks) == 1:
        return together
    base = _base_logits(targets, counts, multinomial)
    apart = [fit(block) for block in blocks]
    weight = np.concatenate([_SHARE_OF_BLOCK * head.weight for head in apart], axis=1)
    bias = base + _SHARE_OF_BLOCK * np.sum([head.bias - base for head in apart], axis=0)
    return LinearHead((together.weight + weight) / 2, (together.bias + bias) / 2)


def _base_logits(targets: np.ndarray, counts: np.ndarray, multinomial: bool) -> np.ndarray:
    """Return the log odds of each label's smoothed prevalence, or the log of each class'."""
    n_true = (counts[:, None] * (targets == 1)).sum(axis=0, dtype=np.float64)
    if multinomial:
        return np.log((n_true + 0.5) / (counts.sum() + 0.5))
    n_known = (counts[:, None] * ~np.isnan(targets)).sum(axis=0, dtype=np.float64)
    return np.log((n_true + 0.5) / (n_known - n_true + 0.5))


def _fit_standardised(features, targets, groups, counts, multinomial) -> LinearHead:
    mean = counts @ features / counts.sum()
    scale = np.sqrt(counts @ np.square(features - mean) / counts.sum())
    # Floor the scale: a feature with little variance in training may vary on a new patient.
    scale = np.maximum(scale, max(0.01 * float(np.median(scale)), 1e-6))
    z = (features - mean) / scale
    c_values = np.array(C_VALUES) * min(_N_FEATURES_OF_C / z.shape[1], 1)
    z, back = _decorrelate(z)
    c = _choose_c(z, targets, groups, counts, c_values, multinomial)
    head = _fit(z, targets, counts, c, multinomial, None)
    weight = back(head.weight) / scale
    return LinearHead(weight, head.bias - weight @ mean)


def _decorrelate(z: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Rotate features to at most n_records uncorrelated ones; return the map of weights back.

    The L2 penalty is invariant to rotation, and the solver converges faster on
    uncorrelated features.
    """
    n_records, n_features = z.shape
    if n_features <= n_records:
        rotation = np.linalg.eigh(z.T @ z)[1]
        return z @ rotation, lambda weight: weight @ rotation.T
    # The penalised solution lies in the span of the records.
    z64 = z.astype(np.float64)
    values, records = np.linalg.eigh(z64 @ z64.T)
    lengths = np.sqrt(np.maximum(values, 0))
    divisors = np.maximum(lengths, 1e-6 * lengths[-1] + np.finfo(float).tiny)
    return (records * lengths).astype(z.dtype), lambda weight: weight / divisors @ records.T @ z


def _choose_c(z, targets, groups, counts, c_values, multinomial) -> float:
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return c_values[len(c_values) // 2]
    losses = np.zeros(len(c_values))
    for kept, held_out in GroupKFold(n_folds).split(z, groups=groups):
        head = None
        for i, c in enumerate(c_values):
            head = _fit(z[kept], targets[kept], counts[kept], c, multinomial, head)
            logits = head.logits(z[held_out])
            losses[i] += _loss(targets[held_out], logits, counts[held_out], multinomial)
    return c_values[int(losses.argmin())]


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


def _fit(z, targets, counts, c, multinomial, start: LinearHead | None) -> LinearHead:
    if multinomial:
        return _fit_multinomial(z, targets.argmax(axis=1), targets.shape[1], counts, c)
    return _fit_labels(z, targets, counts, c, start)


def _fit_labels(z, targets, counts, c, start: LinearHead | None) -> LinearHead:
    """Solve the logistic regressions of all labels as one problem.

    They share the matrix z, so each step needs one product: ten times faster than one
    solver call per label.
    """
    known = counts[:, None] * ~np.isnan(targets)
    n_true = (counts[:, None] * (targets == 1)).sum(axis=0, dtype=np.float64)
    n_known = known.sum(axis=0, dtype=np.float64)
    weight = np.zeros((targets.shape[1], z.shape[1]))
    # A label with a single class gets zero weights and its smoothed prevalence.
    bias = _base_logits(targets, counts, multinomial=False)
    fitted = (n_true > 0) & (n_true < n_known)
    if not fitted.any():
        return LinearHead(weight, bias)
    if start is not None:
        weight[fitted], bias[fitted] = start.weight[fitted], start.bias[fitted]
    y, mask = (targets[:, fitted] == 1).astype(z.dtype), known[:, fitted].astype(z.dtype)

    # Uncorrelated features make the Hessian nearly diagonal: scaled by its diagonal, the
    # problem converges in a few steps.
    n_true, n_known = n_true[fitted, None], n_known[fitted, None]
    variance = c * n_true * (n_known - n_true) / n_known
    units = np.sqrt(np.column_stack([variance * np.square(z).mean(axis=0) + 1, variance]))

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        heads = flat.reshape(units.shape) / units
        logits = z @ heads[:, :-1].T.astype(z.dtype) + heads[:, -1].astype(z.dtype)
        loss = c * np.sum((np.logaddexp(0, logits) - y * logits) * mask, dtype=np.float64)
        residual = (expit(logits) - y) * mask
        gradient = np.column_stack([residual.T @ z, residual.sum(axis=0)]) * c
        gradient[:, :-1] += heads[:, :-1]
        return loss + 0.5 * np.square(heads[:, :-1]).sum(), (gradient / units).ravel()

    first = np.column_stack([weight[fitted], bias[fitted]]) * units
    # The solver stops by the sum over labels: divide the tolerance by their number.
    options = {"maxiter": 300, "ftol": 1e-6 / len(units)}
    solved = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options).x
    heads = solved.reshape(units.shape) / units
    weight[fitted], bias[fitted] = heads[:, :-1], heads[:, -1]
    return LinearHead(weight, bias)


def _fit_multinomial(z, codes, n_classes, counts, c) -> LinearHead:
    weight, bias = np.zeros((n_classes, z.shape[1])), np.full(n_classes, _ABSENT_CLASS_BIAS)
    present = np.unique(codes)
    if len(present) == 1:
        bias[present] = 0.0
        return LinearHead(weight, bias)
    model = LogisticRegression(C=c, max_iter=1000).fit(z, codes, sample_weight=counts)
    if len(present) == 2:
        weight[present[1]], bias[present] = model.coef_[0], [0.0, model.intercept_[0]]
    else:
        weight[present], bias[present] = model.coef_, model.intercept_
    return LinearHead(weight, bias)
