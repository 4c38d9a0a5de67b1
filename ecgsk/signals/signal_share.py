"""Share of a record's samples that carry a signal, and the reason why it is too small."""

from collections.abc import Sequence

import numpy as np

from ecgsk.signals.record_quality import describe_signals
from ecgsk.signals.screening import FLAT_MV, is_clean, screen

# A lead is flat for at least this time where an electrode is off: the signal between two beats
# has noise.
_FLAT_S = 1.0


@np.errstate(invalid="ignore")  # infinite samples
def signal_share(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the share of samples, over all leads, that carry a signal; 0 for a refused record.

    `signals` has shape (n_records, n_leads, n_samples), in mV. A sample carries no signal if it
    is missing, implausible (see `ecgsk.signals.screening`) or in a flat second of its lead.
    """
    odd = ~is_clean(signals)
    if odd.any():
        signals = signals.copy()
        signals[odd], refused = screen(signals[odd])
        signals[np.flatnonzero(odd)[refused != ""]] = np.nan
    n_held = max(round(_FLAT_S * sampling_rate), 2)
    n_whole = signals.shape[2] // n_held
    seconds = signals[:, :, : n_whole * n_held].reshape(*signals.shape[:2], n_whole, n_held)
    flat = seconds.max(axis=3) - seconds.min(axis=3) < FLAT_MV  # never with a missing sample
    without = np.isnan(signals).sum(axis=(1, 2)) + n_held * flat.sum(axis=(1, 2))
    return 1 - without / (signals.shape[1] * signals.shape[2])


def explain_low_share(signals: np.ndarray, leads: Sequence[str], sampling_rate: float) -> list[str]:
    """Return what is wrong with records of a low share, in words."""
    problems = describe_signals(signals, leads, sampling_rate)["problem"]
    return [problem or "leads flat for seconds" for problem in problems]
