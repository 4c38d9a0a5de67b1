"""Effective rank of embeddings."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import entropy

from ecgsk.exceptions import ECGError


def effective_rank(embeddings: ArrayLike) -> float:
    """Effective rank: exponential of the entropy of the normalised singular values.

    The rank is d for embeddings that use d directions equally, and near 1 if one direction
    dominates. It does not depend on scale. Embeddings are not centred: if training collapses
    them to one vector for all records, that vector dominates and the rank falls to 1. The
    loss does not show such a collapse.

    .. versionadded:: 0.1

    Parameters
    ----------
    embeddings : array-like of shape (n_records, n_features)
        Finite embeddings. The rank is at most ``min(n_records, n_features)``, so compare
        equal numbers of records.

    Returns
    -------
    float
        From 1 to ``min(n_records, n_features)``; 0 if all embeddings are 0.

    Raises
    ------
    ECGError
        If the embeddings are not a finite matrix.

    References
    ----------
    .. [1] Roy & Vetterli, "The effective rank: a measure of effective
       dimensionality", EUSIPCO 2007, definition 1.
    .. [2] Garrido et al., "RankMe: assessing the downstream performance of
       pretrained self-supervised representations by their rank", ICML 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import effective_rank
    >>> round(effective_rank(np.eye(4)), 6), round(effective_rank(np.ones((4, 2))), 6)
    (4.0, 1.0)
    """
    x = np.asarray(embeddings)
    if x.ndim != 2 or not x.size or x.dtype.kind not in "fiub" or not np.isfinite(x).all():
        raise ECGError(
            "effective_rank expected finite numbers of shape (n_records, n_features); got "
            f"{x.dtype} of shape {x.shape}. Leave out records that have no embedding."
        )
    precision = np.finfo(x.dtype).eps if x.dtype.kind == "f" else np.finfo(float).eps
    x = x.astype(np.float64)
    values = np.linalg.svd(x, compute_uv=False)
    # Rounding noise on equal embeddings would count as many small directions.
    values = values[values > max(x.shape) * precision * np.linalg.norm(x)]
    if not len(values):
        return 0.0
    return float(np.exp(entropy(values)))
