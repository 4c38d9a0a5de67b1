"""Is there an ECG in the record: missing, flat and broken leads, implausible amplitudes."""

from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import UnitError
from ecgsk.signals._array import ECGArray

#: A lead that moves less than this, in mV, over the whole record is flat: 1 uV, below the
#: resolution of clinical recorders (5 uV).
FLAT_MV = 1e-3
#: No surface ECG reaches this, in mV; usually an electrode that came off.
IMPLAUSIBLE_MV = 20.0
#: Median SD per record above which samples cannot be mV. A surface ECG has 0.05-0.5; z-scored
#: signals have 1; microvolts 50-500.
IMPLAUSIBLE_SD = 20.0
_MAX_RECORDS = 256  # enough for a median


def quality(array: ECGArray, batch_size: int = 256) -> pd.DataFrame:
    """Describe what is wrong with each record.

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
            Leads with no sample at all (NaN throughout).
        n_flat_leads
            Leads that move by less than 1 uV.
        n_nan_leads
            Leads with some samples missing.
        n_nan_samples
            Samples missing in those leads.
        max_abs_mv
            Largest amplitude, mV; NaN when nothing was recorded.
        usable
            Whether any lead is neither missing nor flat.
        problem
            All of it in words; empty when there is nothing to report.

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
    signals = array.read()
    nan = np.isnan(signals)
    n_nan = nan.sum(axis=2)
    missing = n_nan == array.n_samples
    low = np.where(nan, np.inf, signals).min(axis=2)
    high = np.where(nan, -np.inf, signals).max(axis=2)
    flat = ~missing & (high - low < FLAT_MV)
    broken = ~missing & (n_nan > 0)
    peak = np.where(missing, -np.inf, np.maximum(high, -low)).max(axis=1)
    peak = np.where(np.isfinite(peak), peak, np.nan)
    described = pd.DataFrame(
        {
            "n_missing_leads": missing.sum(axis=1),
            "n_flat_leads": flat.sum(axis=1),
            "n_nan_leads": broken.sum(axis=1),
            "n_nan_samples": np.where(broken, n_nan, 0).sum(axis=1),
            "max_abs_mv": peak,
            "usable": (~missing & ~flat).any(axis=1),
        }
    )
    states = {"missing": missing, "flat": flat, "partly NaN": broken}
    described["problem"] = [
        _in_words(
            {state: np.array(array.leads)[where[row]] for state, where in states.items()},
            len(array.leads),
            peak[row],
        )
        for row in range(len(array))
    ]
    return described


def _in_words(leads_by_state: dict[str, np.ndarray], n_leads: int, peak: float) -> str:
    words = []
    for state, leads in leads_by_state.items():
        if len(leads) == n_leads:
            words.append(f"every lead {state}")
        elif len(leads):
            words.append(f"lead {', '.join(leads)} {state}")
    if peak > IMPLAUSIBLE_MV:
        words.append(f"implausible amplitude of {peak:.3g} mV")
    return "; ".join(words)


def check_millivolt(signals: Any, *, name: str = "ECG") -> None:
    """Raise when samples cannot be millivolts: almost always they are microvolts.

    The median over records of the standard deviation within a record must not
    pass 20 mV. Normalised signals, with standard deviation 1, pass.

    Parameters
    ----------
    signals : ECGArray or ndarray, shape (n_records, n_leads, n_samples) or (n_records, n_samples)
        Samples; 256 records spread over them are read.
    name : str
        Who asks: the error starts with it.

    Raises
    ------
    UnitError
        When the amplitudes are implausible.

    Examples
    --------
    >>> import numpy as np
    >>> signals = np.random.default_rng(0).normal(scale=0.2, size=(5, 1, 100))
    >>> check_millivolt(signals)
    >>> check_millivolt(1000 * signals)
    Traceback (most recent call last):
    ...
    ecgsk.exceptions.UnitError: ECG: expected samples in mV, whose standard deviation ...
    """
    n_records = len(signals)
    chosen = np.unique(np.linspace(0, max(n_records - 1, 0), _MAX_RECORDS).astype(int))[:n_records]
    sample = signals.read(chosen) if isinstance(signals, ECGArray) else np.asarray(signals)[chosen]
    records = sample[:, None] if sample.ndim == 2 else sample
    deviations = [_typical_deviation(record) for record in records]
    moving = [deviation for deviation in deviations if deviation > 0]
    if moving and (median := float(np.median(moving))) > IMPLAUSIBLE_SD:
        raise UnitError(
            f"{name}: expected samples in mV, whose standard deviation within a record is near "
            f"0.2; got a median of {median:.3g}, as microvolts have. State the unit where the "
            "samples are read, such as ECGArray.from_numpy(x, ..., unit='uV')."
        )


def _typical_deviation(record: np.ndarray) -> float:
    """Median over leads that move of the standard deviation in time; 0 when none does."""
    traces = [np.asarray(lead, np.float64)[np.isfinite(lead)] for lead in record]
    deviations = [trace.std() for trace in traces if len(trace)]
    return float(np.median([d for d in deviations if d > 0] or [0.0]))
