"""How many directions embeddings make use of."""

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError


def effective_rank(embeddings: ArrayLike) -> float:
    """Count the directions that embeddings use, each by its share.

    The exponential of the entropy of the singular values' shares: d where all
    d directions are used alike, near 1 where one outweighs the others. The
    embeddings are not centred: where training collapses them towards one vector
    for all records, that vector outweighs the rest, however many directions the
    rest has. The loss does not show it. It is blind to scale.

    Parameters
    ----------
    embeddings : array-like of shape (n_records, n_features)
        Finite. At most ``min(n_records, n_features)`` directions can be seen,
        so compare equal numbers of records.

    Returns
    -------
    float
        From 1 to ``min(n_records, n_features)``; 0 where all embeddings are 0.

    Raises
    ------
    ECGError
        If the embeddings are no finite matrix.

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
            "effective_rank expected finite numbers of shape (n_records, n_features), got "
            f"{x.dtype} of shape {x.shape}. Leave out records that have no embedding."
        )
    precision = np.finfo(x.dtype).eps if x.dtype.kind == "f" else np.finfo(float).eps
    x = x.astype(np.float64)
    values = np.linalg.svd(x, compute_uv=False)
    # What rounding adds to equal embeddings has no direction, and would count as many.
    values = values[values > max(x.shape) * precision * np.linalg.norm(x)]
    if not len(values):
        return 0.0
    share = values / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))
