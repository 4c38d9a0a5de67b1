"""Signal quality of records: missing, flat, clipped and reversed leads, amplitudes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ecgsk.signals._array import ECGArray
from ecgsk.signals.screening import FLAT_MV, IMPLAUSIBLE_MV, NO_SIGNAL, is_clean, screen

# A clipped lead stays at an extreme for at least this time in seconds, after a step of at
# least this share of its range: a rounded wave reaches its extreme in smaller steps.
_CLIPPED_S, _CLIPPED_STEP = 0.02, 0.01
# Reversed arm electrodes: correlation of the slopes of leads I and V6 below this, slopes over
# this time in seconds.
_SLOPE_S, _REVERSED_CORRELATION = 0.02, -0.3
# Reversed right-leg electrode: range in mV of a limb lead below, of a chest lead above these.
_FLAT_LIMB_MV, _CHEST_MV = 0.1, 0.5


def quality(array: ECGArray, batch_size: int = 256) -> pd.DataFrame:
    """Describe the signal quality of each record.

    .. versionadded:: 0.1

    Parameters
    ----------
    array : ECGArray
        Records, read `batch_size` at a time.
    batch_size : int
        Records in memory at once.

    Returns
    -------
    DataFrame
        One row per record:

        n_missing_leads
            Leads without any sample (all NaN).
        n_flat_leads
            Leads with a range below 1 uV.
        n_nan_leads
            Leads with some samples missing.
        n_nan_samples
            Samples missing in those leads.
        n_clipped_leads
            Leads that stay at their largest or smallest value for 20 ms or more.
        max_abs_mv
            Largest amplitude, mV; NaN if every lead is missing.
        suspected_reversal
            ``"arm electrodes"`` if leads I and V6 are anticorrelated, ``"right-leg
            electrode"`` if I, II or III is almost flat; else empty. Dextrocardia
            looks the same [1]_: check the record.
        usable
            Whether a model takes the record: some lead has a signal, no sample is
            infinite, and the amplitudes are plausible for mV.
        problem
            All of this in words; empty without a problem.

    References
    ----------
    .. [1] Batchvarov, Malik and Camm, "Incorrect electrode cable connection during
       electrocardiographic recording", Europace 9 (2007) 1081.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2, 2, 100))
    >>> x[0, 1] = 0
    >>> ecg = ECGArray.from_numpy(x, leads=["I", "V2"], sampling_rate=100)
    >>> quality(ecg)[["n_flat_leads", "usable", "problem"]]
       n_flat_leads  usable       problem
    0             1    True  lead V2 flat
    1             0    True
    """
    batches = [
        _describe(array[start : start + batch_size])
        for start in range(0, max(len(array), 1), batch_size)
    ]
    return pd.concat(batches, ignore_index=True)


def _describe(array: ECGArray) -> pd.DataFrame:
    return describe_signals(array.read(), array.leads, array.sampling_rate)


@np.errstate(invalid="ignore", over="ignore")  # infinite samples, and numbers such as 1e30
def describe_signals(
    signals: np.ndarray, leads: Sequence[str], sampling_rate: float
) -> pd.DataFrame:
    """Describe samples of shape (n_records, n_leads, n_samples) as `quality` does."""
    high, low = signals.max(axis=2), signals.min(axis=2)
    n_nan = np.zeros(high.shape, int)
    for lead in zip(*np.nonzero(np.isnan(high)), strict=True):
        # fmax and fmin ignore NaN; they return NaN if all samples are NaN.
        high[lead], low[lead] = np.fmax.reduce(signals[lead]), np.fmin.reduce(signals[lead])
        n_nan[lead] = np.isnan(signals[lead]).sum()
    missing = np.isnan(high)
    flat = ~missing & (high - low < FLAT_MV)
    broken = ~missing & (n_nan > 0)
    clipped = _clipped(signals, high, low, sampling_rate)
    largest = np.where(missing, -np.inf, np.maximum(high, -low)).max(axis=1, initial=-np.inf)
    peak = np.where(np.isfinite(largest), largest, np.nan)
    reversal = _suspect_reversal(signals, high - low, leads, sampling_rate)
    refused = np.full(len(signals), "", dtype=object)
    unclean = ~is_clean(signals)
    refused[unclean] = screen(signals[unclean])[1]
    described = pd.DataFrame(
        {
            "n_missing_leads": missing.sum(axis=1),
            "n_flat_leads": flat.sum(axis=1),
            "n_nan_leads": broken.sum(axis=1),
            "n_nan_samples": np.where(broken, n_nan, 0).sum(axis=1),
            "n_clipped_leads": clipped.sum(axis=1),
            "max_abs_mv": peak,
            "suspected_reversal": reversal,
            "usable": refused == "",
        }
    )
    states = {"missing": missing, "flat": flat, "partly NaN": broken, "clipped": clipped}
    names = np.array(leads)
    problem = np.full(len(signals), "", dtype=object)
    odd = np.any([state.any(axis=1) for state in states.values()], axis=0)
    for row in np.flatnonzero(odd | (peak > IMPLAUSIBLE_MV) | (reversal != "") | unclean):
        by_state = {state: names[where[row]] for state, where in states.items()}
        words = _problem_words(by_state, len(leads), peak[row], reversal[row])
        # Missing and flat leads are named already.
        if refused[row] and (refused[row] != NO_SIGNAL or not words):
            words.append(refused[row])
        if unclean[row] and not words:
            words.append("implausible samples")
        problem[row] = "; ".join(words)
    return described.assign(problem=problem)


def _clipped(
    signals: np.ndarray, high: np.ndarray, low: np.ndarray, sampling_rate: float
) -> np.ndarray:
    """Return which leads are clipped, of shape (n_records, n_leads)."""
    n_held = max(int(np.ceil(_CLIPPED_S * sampling_rate)), 3)
    clipped = np.zeros(high.shape, bool)
    moves = high - low >= FLAT_MV
    for extreme in (high, low):
        # A run of n_held equal samples contains one of every n_held-th sample.
        seen = (signals[..., ::n_held] == extreme[..., None]).any(axis=2)
        for record, lead in np.argwhere(moves & seen):
            trace = signals[record, lead]
            at = np.flatnonzero(trace == extreme[record, lead])
            starts = at[: 1 - n_held][at[n_held - 1 :] - at[: 1 - n_held] == n_held - 1]
            starts = starts[starts > 0]  # nothing is before the first sample
            steps = np.abs(trace[starts].astype(np.float64) - trace[starts - 1])
            steep = steps[steps > _CLIPPED_STEP * (high - low)[record, lead]]
            # A low wave that is rounded to the recorder's resolution ends in one step of it.
            if len(steep) and steep.max() > 1.5 * np.nanmin(np.diff(np.unique(trace))):
                clipped[record, lead] = True
    return clipped


def _suspect_reversal(
    signals: np.ndarray, spread: np.ndarray, leads: Sequence[str], sampling_rate: float
) -> np.ndarray:
    """Return the suspected electrode reversal of each record, of shape (n_records,)."""
    suspected = np.full(len(signals), "", dtype=object)
    place = {lead: position for position, lead in enumerate(leads)}
    chest = [place[lead] for lead in place if lead.startswith("V")]
    if not ({"I", "V6"} <= place.keys()):
        return suspected
    # Slopes over 20 ms, about half a QRS complex: drift and noise change these little.
    lag = max(round(_SLOPE_S * sampling_rate), 1)
    leads_i_v6 = (signals[:, place[lead]] for lead in ("I", "V6"))
    first, sixth = (np.nan_to_num(x[:, lag:] - x[:, :-lag]) for x in leads_i_v6)
    product = np.einsum("rt,rt->r", first, sixth)
    size = np.sqrt(np.einsum("rt,rt->r", first, first) * np.einsum("rt,rt->r", sixth, sixth))
    suspected[product < _REVERSED_CORRELATION * size] = "arm electrodes"
    if {"II", "III"} <= place.keys():
        limbs = spread[:, [place[lead] for lead in ("I", "II", "III")]]
        smallest = np.fmin.reduce(limbs, axis=1)
        almost_flat = (smallest >= FLAT_MV) & (smallest < _FLAT_LIMB_MV)
        clear = np.fmax.reduce(spread[:, chest], axis=1) > _CHEST_MV
        suspected[almost_flat & clear] = "right-leg electrode"
    return suspected


def _problem_words(
    leads_by_state: dict[str, np.ndarray], n_leads: int, peak: float, reversal: str
) -> list[str]:
    words = []
    for state, leads in leads_by_state.items():
        if len(leads) == n_leads:
            words.append(f"every lead {state}")
        elif len(leads):
            words.append(f"lead {', '.join(leads)} {state}")
    if peak > IMPLAUSIBLE_MV:
        words.append(f"implausible amplitude of {peak:.3g} mV")
    if reversal:
        words.append(f"suspected reversal, {reversal}")
    return words
