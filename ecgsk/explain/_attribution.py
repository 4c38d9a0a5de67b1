"""Where in the signal a model looked: leads and beats, by taking them away."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from ecgsk.explain._parts import Attribution
from ecgsk.io import find_beats

# Copies of a record at a time: their activations stay in the processor's cache.
_TOGETHER = 16
# Log odds below this are how sums of many numbers round.
_NOTHING = 1e-5
# A record without beats is cut into parts of this length, s.
_WITHOUT_BEATS = 1.0


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
    """Tell which leads and beats of one ECG speak for a diagnosis.

    Feature ablation [1]_, by captum: each beat of each lead is replaced by a
    flat line at 0 mV, the isoelectric line of a band-passed record, and what
    the diagnosis' log odds lose by it is what that beat in that lead adds. It
    asks for no gradient, so it holds for every encoder, those with hard
    thresholds too. A beat reaches from midway to midway between R peaks; see
    :func:`~ecgsk.io.find_beats`. A record without beats is cut into seconds.

    Each map is made twice, of the model and of a copy whose weights are
    shuffled within each tensor [2]_. A map that comes out the same tells of the
    signal, not of what the model learned.

    Parameters
    ----------
    module : torch.nn.Module
        Maps ECGs in mV, of shape (n, n_leads, n_samples), to logits (n, n_outputs).
    signal : ndarray of shape (n_leads, n_samples)
        One ECG in mV as the module sees it, after preprocessing; NaN where missing.
    leads : sequence of str
        Names of the leads.
    sampling_rate : float
        Hz.
    diagnoses : mapping of str to int
        Names to explain, and which logits they are.
    table : ndarray of shape (n_columns,) or None
        The scaled table of the record, where the module sees one beside the ECG.
    random_state : int, default=0
        Seed of the shuffled copy.

    Returns
    -------
    tuple of Attribution
        One per diagnosis. ``values`` spreads what a beat in a lead adds evenly
        over its samples; shares are of absolute values, and 0 throughout where
        nothing that is taken away matters.

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
    out = []
    for name, number in diagnoses.items():
        with _evaluating(module):
            effects = _ablate(module, inputs, edges, number)
        random_effects = _ablate(random_module, inputs, edges, number)
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
    """Return a copy that has learned nothing: each tensor of weights in random order.

    What was not learned by gradients, such as the scale of the training
    patients, stays; so does the size of the weights.
    """
    copied = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in copied.parameters():
            order = torch.randperm(weight.numel(), generator=generator)
            weight.copy_(weight.flatten()[order.to(weight.device)].reshape(weight.shape))
    return copied


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Let dropout and augmentation rest inside the block."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _edges(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the samples at which beats begin, and the end."""
    beats = find_beats(signal, sampling_rate)
    n_samples = signal.shape[1]
    if len(beats):
        inner = (beats[1:] + beats[:-1]) / 2
    else:
        inner = np.arange(_WITHOUT_BEATS, n_samples / sampling_rate, _WITHOUT_BEATS)
    inner = np.round(inner * sampling_rate).astype(int)
    return np.unique([0, *inner, n_samples])


def _ablate(
    module: nn.Module, inputs: list[np.ndarray], edges: np.ndarray, number: int
) -> np.ndarray:
    """Return what each beat of each lead adds to a logit, of shape (n_leads, n_beats)."""
    # Loaded when first needed: it brings plotting libraries along.
    from captum.attr import FeatureAblation

    first = next(module.parameters(), torch.empty(0))
    ecg, *table = (torch.from_numpy(x)[None].to(first.device) for x in inputs)
    n_leads, n_beats = ecg.shape[1], len(edges) - 1
    beat = torch.repeat_interleave(torch.arange(n_beats), torch.from_numpy(np.diff(edges)))
    segment = torch.arange(n_leads)[:, None] * n_beats + beat
    effects: Tensor = FeatureAblation(module).attribute(
        ecg,
        # What is missing cannot be taken away.
        torch.where(ecg.isnan(), ecg, 0.0),
        target=number,
        additional_forward_args=tuple(table) or None,
        feature_mask=segment[None].to(ecg.device),
        perturbations_per_eval=_TOGETHER,
    )
    found = effects[0, :, edges[:-1]].cpu().numpy().astype(np.float64)
    return np.where(np.abs(found) < _NOTHING, 0.0, found)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the absolute rank correlation; a map that is the same everywhere resembles none."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(abs(np.corrcoef(rankdata(a), rankdata(b))[0, 1]))
