"""Stretches of time around an ECG."""

import pandas as pd

from ecgsk.exceptions import ECGError

Window = str | tuple[str, str]


def window_seconds(window: Window, name: str, *, around: bool = False) -> tuple[float, float]:
    """First and last second of a window, counted from the ECG; negative is before it.

    Parameters
    ----------
    window : str or (str, str)
        A time such as ``"24h"``: that long before the ECG, or with `around` also
        after it. Two times are the window's ends.
    name : str
        The parameter's name, for errors.
    around : bool
        What a single time means.

    Returns
    -------
    start, end : float

    Examples
    --------
    >>> window_seconds("60min", "target_window", around=True)
    (-3600.0, 3600.0)
    >>> window_seconds(("-2h", "-1h"), "lab_window")
    (-7200.0, -3600.0)
    """
    try:
        if isinstance(window, str):
            length = pd.Timedelta(window).total_seconds()
            start, end = -length, (length if around else 0.0)
        else:
            start, end = (pd.Timedelta(end).total_seconds() for end in window)
    except (ValueError, TypeError) as error:
        raise ECGError(
            f"build_mimic_iv_cohort: {name}={window!r} is no time: {error}. "
            "Give one such as '24h', or two such as ('-24h', '0h')."
        ) from error
    if not start <= end:
        raise ECGError(
            f"build_mimic_iv_cohort: {name}={window!r} ends before it starts. "
            "Give times after the ECG as positive, those before it as negative."
        )
    return start, end


def check_no_leak(window: tuple[float, float], name: str, time_leak: str) -> None:
    """Raise when inputs could be later than the ECG and nobody asked for that."""
    if time_leak not in ("error", "allow"):
        raise ECGError(
            f"build_mimic_iv_cohort: time_leak must be 'error' or 'allow', got {time_leak!r}."
        )
    if window[1] > 0 and time_leak == "error":
        raise ECGError(
            f"build_mimic_iv_cohort: {name} ends {window[1]:g} s after the ECG, so inputs would "
            "know the future. End it at '0h', or pass time_leak='allow' if that is meant."
        )
