"""Windows of long recordings, as a longer table."""

import math
import re
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import DurationError, ECGError, SignalQualityError, SignalQualityWarning
from ecgsk.signals import ECGArray
from ecgsk.signals.columns import ecg_column, find_ecg_column, restore_ecg_column
from ecgsk.signals.signal_share import NO_RECORD, check_min_quality, describe_shares
from ecgsk.signals.windows import WindowStorage

_NAME = "cut_windows"
_LEADS = re.compile(r"lead [\w\s,.+-]+?(?= (?:missing|flat|partly NaN|clipped))")
_AMPLITUDE = re.compile(r"(?<=amplitude) of \S+ mV")
_N_REASONS = 10  # most common reasons that are kept


def cut_windows(
    X: Any,
    duration: float = 10.0,
    *,
    stride: float | None = None,
    min_quality: float | None = 0.5,
) -> pd.DataFrame:
    """Cut long recordings into windows of equal length, without copying samples.

    For Holter and monitoring recordings. The result is a table with one row per window, for
    the estimators and for ``cross_validate``; `ecgsk.metrics.aggregate_windows` combines their
    predictions to those of records and patients.

    .. versionadded:: 0.1

    Parameters
    ----------
    X : DataFrame with one ECG column, Series or ECGArray
        One row per recording, with a unique index.
    duration : float, default=10.0
        Length of a window in seconds.
    stride : float, optional
        Seconds from the start of a window to that of the next; `duration` by default, so
        that windows follow one another. A shorter stride makes them overlap.
    min_quality : float or None, default=0.5
        Smallest share of samples, over all leads, that carry a signal. Windows below it are
        dropped, with a warning, and so are those that the estimators refuse, such as windows
        in microvolts. All samples are read once for this. None keeps all windows and reads
        nothing.

    Returns
    -------
    DataFrame
        The columns of X, repeated for each window, the ECG column with the windows, and

        record
            Index label of the recording in X, if X has no column of this name.
        window_start_s
            Start of the window in seconds from that of the recording.

        The index is that of X, repeated, as `pandas.DataFrame.explode` does: the labels of
        the windows are ``Y.loc[windows.index]``. ``attrs["dropped_windows"]`` is the number
        of dropped windows by reason, the ten most common ones.

    Raises
    ------
    DurationError
        When `duration` or `stride` is not positive, or the recordings are shorter.
    SignalQualityError
        When no window has the quality.
    ECGError
        When X has no ECG column or its index is not unique.

    Warns
    -----
    SignalQualityWarning
        Once, when windows are dropped.

    See Also
    --------
    QualityGate : The same quality as a step of a pipeline, for records of one length.
    ecgsk.metrics.aggregate_windows : Combine the predictions for windows.

    Notes
    -----
    The ECG column is a view: windows are read when a model asks for a batch of them, from
    memory, ``.npy``, HDF5 and WFDB alike without reading the rest of the recording. (WFDB's
    format 8, of differences, is read from its start.) Window and stride are rounded to whole
    samples.
    What remains at the end of a recording, shorter than a window, is left out. A recording that
    was padded to the length of others ends where its samples do.

    A sample carries no signal if it is missing, implausible or in a second in which its lead is
    flat. Noise counts as signal.

    Cut first and filter then: a transformer before `cut_windows` filters whole recordings.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2, 1, 3000))
    >>> ecg = ECGArray.from_numpy(x, leads=["II"], sampling_rate=100)
    >>> X = pd.DataFrame({"ecg": ecg, "subject_id": [7, 8]})
    >>> cut_windows(X, duration=10, stride=20)
           ecg  subject_id  record  window_start_s
    0  1x1000           7       0             0.0
    0  1x1000           7       0            20.0
    1  1x1000           8       1             0.0
    1  1x1000           8       1            20.0
    """
    X = restore_ecg_column(X, name=_NAME)
    column = ecg_column(X, name=_NAME)
    X = _as_frame(X, column)
    n_samples, starts = _starts(column, duration, stride)
    if min_quality is not None:
        check_min_quality(_NAME, min_quality)
    known = np.flatnonzero(~column.isna())
    positions = np.repeat(known, len(starts))
    starts = np.tile(starts, len(known))
    storage = WindowStorage(column.storage, column.rows[positions], starts, n_samples)
    windows = ECGArray(storage)
    dropped: Counter[str] = Counter()
    if min_quality is not None:
        reasons = describe_shares(windows, min_quality)["reason"]
        dropped.update(map(_without_details, reasons[reasons != ""]))
        kept = np.flatnonzero(reasons == "")
        windows, positions, starts = windows[kept], positions[kept], starts[kept]
    n_missing = len(column) - len(known)
    if n_missing:
        dropped[NO_RECORD] = n_missing
    _report(dropped, len(storage) + n_missing, len(windows))
    return _frame(X, windows, positions, starts, dropped)


def _as_frame(X: Any, column: ECGArray) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        index = X.index if isinstance(X, pd.Series) else None
        X = pd.DataFrame({"ecg": column}, index=index)
    if not X.index.is_unique:
        raise ECGError(
            f"{_NAME}: expected one row per recording, with an index that is unique; label "
            f"{X.index[X.index.duplicated()][0]!r} is repeated. Pass X.reset_index(drop=True)."
        )
    return X


def _starts(column: ECGArray, duration: float, stride: float | None) -> tuple[int, np.ndarray]:
    """Return the samples of a window, and the first sample of each window of a recording."""
    rate, lengths = column.sampling_rate, {"duration": duration}
    lengths["stride"] = duration if stride is None else stride
    for name, seconds in lengths.items():
        is_number = isinstance(seconds, (int, float, np.number)) and math.isfinite(seconds)
        if not is_number or round(seconds * rate) < 1:
            raise DurationError(
                f"{_NAME}: expected {name} in seconds, of one sample or more at {rate:g} Hz, got "
                f"{seconds!r}. Pass seconds, such as {name}=10."
            )
    n_samples, step = (round(seconds * rate) for seconds in lengths.values())
    if n_samples > column.n_samples:
        raise DurationError(
            f"{_NAME}: expected recordings of at least {duration:g} s, the duration of a window, "
            f"got {column.duration:g} s. Pass a shorter duration."
        )
    return n_samples, np.arange(0, column.n_samples - n_samples + 1, step)


def _without_details(reason: str) -> str:
    """Return a reason without leads and amplitudes, so that equal ones are counted together."""
    return _AMPLITUDE.sub("", _LEADS.sub("some leads", reason))


def _report(dropped: Counter[str], n_windows: int, n_kept: int) -> None:
    if not dropped:
        return
    shown = "; ".join(f"{count} {reason}" for reason, count in dropped.most_common(3))
    if n_kept == 0:
        raise SignalQualityError(
            f"{_NAME}: none of {n_windows} windows has the quality ({shown}). Check the "
            "recordings with .ecg.quality(), or lower min_quality."
        )
    more = "; ..." if len(dropped) > 3 else ""
    warnings.warn(
        f"{_NAME}: dropped {dropped.total()} of {n_windows} windows: {shown}{more}. "
        "attrs['dropped_windows'] counts the reasons.",
        SignalQualityWarning,
        stacklevel=3,
    )


def _frame(
    X: pd.DataFrame,
    windows: ECGArray,
    positions: np.ndarray,
    starts: np.ndarray,
    dropped: Counter[str],
) -> pd.DataFrame:
    column = find_ecg_column(X)
    # Not of the ECG column: its rows are those of the windows.
    others = X.drop(columns=[column]).iloc[positions]
    frame = others.copy(deep=False)
    frame.insert(list(X.columns).index(column), column, pd.Series(windows, index=frame.index))
    if "record" not in frame:
        frame["record"] = frame.index
    frame["window_start_s"] = starts / windows.sampling_rate
    frame.attrs = {**X.attrs, "dropped_windows": dict(dropped.most_common(_N_REASONS))}
    return frame
