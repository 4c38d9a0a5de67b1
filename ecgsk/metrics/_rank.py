"""How many directions embeddings make use of."""

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError


def effective_rank(embeddings: ArrayLike) -> float:
    """Count the directions in which embeddings vary, each by its share.

    The exponential of the entropy of the singular values' shares: d where all
    d directions vary alike, near 1 where one direction outweighs the others.
    Embeddings collapse, and hardly tell records apart, where training brings
    it down to a few; the loss does not show that. It is blind to scale.

    Parameters
    ----------
    embeddings : array-like of shape (n_records, n_features)
        Finite. At most ``min(n_records - 1, n_features)`` directions can be
        seen, so compare equal numbers of records.

    Returns
    -------
    float
        From 1 to ``min(n_records - 1, n_features)``; 0 where all records have
        the same embedding, but for rounding.

    Raises
    ------
    ECGError
        If the embeddings are no finite matrix.

    References
    ----------
    .. [1] Roy & Vetterli, "The effective rank: a measure of effective
       dimensionality", EUSIPCO 2007, definition 1; here of centred embeddings.
    .. [2] Garrido et al., "RankMe: assessing the downstream performance of
       pretrained self-supervised representations by their rank", ICML 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import effective_rank
    >>> circle = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    >>> round(effective_rank(circle), 6), effective_rank(np.ones((4, 2)))
    (2.0, 0.0)
    """
    x = np.asarray(embeddings)
    if x.ndim != 2 or not x.size or x.dtype.kind not in "fiub" or not np.isfinite(x).all():
        raise ECGError(
            "effective_rank expected finite numbers of shape (n_records, n_features), got "
            f"{x.dtype} of shape {x.shape}. Leave out records that have no embedding."
        )
    precision = np.finfo(x.dtype).eps if x.dtype.kind == "f" else np.finfo(float).eps
    x = x.astype(np.float64)
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    # What rounding adds to equal embeddings has no direction, and would count as many.
    values = values[values > max(x.shape) * precision * np.linalg.norm(x)]
    if not len(values):
        return 0.0
    share = values / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))
