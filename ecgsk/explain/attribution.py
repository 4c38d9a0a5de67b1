"""Attribution of a diagnosis to leads and beats by feature ablation."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from ecgsk.explain._parts import Attribution
from ecgsk.io import find_beats

# Ablated copies per batch: their activations fit into the processor's cache.
_ABLATIONS_PER_BATCH = 16
# Effects on log odds below this are rounding errors.
_ROUNDING_ERROR = 1e-5
# Length in s of the segments of a record without beats.
_SEGMENT_S = 1.0


def attribute(
    module: nn.Module,
    signal: np.ndarray,
    leads: Sequence[str],
    sampling_rate: float,
    diagnoses: Mapping[str, int],
    *,
    table: np.ndarray | None = None,
    random_state: int = 0,
) -> tuple[Attribution, ...]:
    """Attribute diagnoses of one ECG to leads and beats.

    Feature ablation [1]_: each beat of each lead is replaced by a flat line at
    0 mV, the isoelectric line of a band-passed record. The loss of the diagnosis' log odds
    is the effect of that beat in that lead. Ablation needs no gradient, so it applies to
    encoders with hard thresholds too. A beat extends between the midpoints of successive R
    peaks; see :func:`~ecgsk.io.find_beats`. A record without beats is cut into seconds.

    Each map is also computed for a copy of the model with weights shuffled within each
    tensor [2]_. If both maps agree, the map reflects the signal and not the training.

    .. versionadded:: 0.1

    Parameters
    ----------
    module : torch.nn.Module
        Map from ECGs in mV, of shape (n, n_leads, n_samples), to logits (n, n_outputs).
    signal : ndarray of shape (n_leads, n_samples)
        One ECG in mV after preprocessing; NaN where missing.
    leads : sequence of str
        Names of the leads.
    sampling_rate : float
        Hz.
    diagnoses : mapping of str to int
        Names of the diagnoses, and the columns of their logits.
    table : ndarray of shape (n_columns,) or None
        The scaled table of the record, if it is an input of the module.
    random_state : int, default=0
        Seed of the shuffled copy.

    Returns
    -------
    tuple of Attribution
        One per diagnosis. ``values`` divides the effect of a beat in a lead equally
        among its samples. Shares are of absolute values, and 0 if no ablation has an
        effect.

    Raises
    ------
    ValueError
        If the signal is not one ECG of these leads.

    References
    ----------
    .. [1] Zeiler and Fergus, "Visualizing and understanding convolutional
       networks", ECCV 2014.
    .. [2] Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from ecgsk.explain import attribute
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2 * 300, 1))
    >>> signal = np.vstack([np.ones(300), np.zeros(300)])
    >>> found, = attribute(network, signal, ["I", "II"], 100, {"sepsis": 0})
    >>> {lead: round(share, 3) for lead, share in found.leads.items()}
    {'I': 1.0, 'II': 0.0}
    """
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 2 or len(signal) != len(leads):
        raise ValueError(
            f"attribute expected one ECG of shape (n_leads, n_samples) with {len(leads)} leads, "
            f"got shape {signal.shape}. Give one record at a time, and all its leads."
        )
    edges = _edges(signal, sampling_rate)
    inputs = [signal] if table is None else [signal, np.asarray(table, dtype=np.float32)]
    random_module = shuffled_copy(module, random_state).eval()
    numbers = list(diagnoses.values())
    with _evaluating(module):
        found = _ablate(module, inputs, edges, numbers)
    of_random = _ablate(random_module, inputs, edges, numbers)
    out = []
    for name, effects, random_effects in zip(diagnoses, found, of_random, strict=True):
        size = np.abs(effects)
        shares = size / (size.sum() or 1)
        lengths = np.diff(edges)
        seconds = edges / sampling_rate
        out.append(
            Attribution(
                diagnosis=name,
                values=np.repeat(effects / lengths, lengths, axis=1).astype(np.float32),
                leads=dict(zip(leads, shares.sum(axis=1).tolist(), strict=True)),
                beats=tuple(
                    zip(
                        seconds[:-1].tolist(),
                        seconds[1:].tolist(),
                        shares.sum(axis=0).tolist(),
                        strict=True,
                    )
                ),
                randomisation=_rank_correlation(size.ravel(), np.abs(random_effects).ravel()),
            )
        )
    return tuple(out)


def shuffled_copy(module: nn.Module, seed: int) -> nn.Module:
    """Return a copy with each weight tensor in random order; buffers, such as scales, stay."""
    copied = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in copied.parameters():
            order = torch.randperm(weight.numel(), generator=generator)
            weight.copy_(weight.flatten()[order.to(weight.device)].reshape(weight.shape))
    return copied


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Set the module to evaluation mode inside the block."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _edges(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the first sample of each beat, and the number of samples."""
    beats = find_beats(signal, sampling_rate)
    n_samples = signal.shape[1]
    if len(beats):
        inner = (beats[1:] + beats[:-1]) / 2
    else:
        inner = np.arange(_SEGMENT_S, n_samples / sampling_rate, _SEGMENT_S)
    inner = np.round(inner * sampling_rate).astype(int)
    return np.unique([0, *inner, n_samples])


def _ablate(
    module: nn.Module, inputs: list[np.ndarray], edges: np.ndarray, numbers: list[int]
) -> np.ndarray:
    """Return effects on logits, of shape (n_logits, n_leads, n_beats)."""
    first = next(module.parameters(), torch.empty(0))
    ecg, *table = (torch.from_numpy(x)[None].to(first.device) for x in inputs)
    n_leads, n_beats = ecg.shape[1], len(edges) - 1
    beat = torch.repeat_interleave(torch.arange(n_beats), torch.from_numpy(np.diff(edges)))
    segment = (torch.arange(n_leads)[:, None] * n_beats + beat).to(ecg.device)
    flat = torch.where(ecg.isnan(), ecg, 0.0)  # missing samples stay missing
    effects = []
    with torch.no_grad():
        complete = module(ecg, *table)[:, numbers]
        segments = torch.arange(n_leads * n_beats, device=ecg.device)
        for some in segments.split(_ABLATIONS_PER_BATCH):
            ablated = torch.where(segment == some[:, None, None], flat, ecg)
            rows = (x.expand(len(some), -1) for x in table)
            effects.append(complete - module(ablated, *rows)[:, numbers])
    found = torch.cat(effects).T.reshape(-1, n_leads, n_beats).cpu().numpy().astype(np.float64)
    return np.where(np.abs(found) < _ROUNDING_ERROR, 0.0, found)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the absolute rank correlation; 0 for a constant map."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(abs(np.corrcoef(rankdata(a), rankdata(b))[0, 1]))
