"""Conversion of units to millivolts and checks of sampling rates."""

import math

from ecgsk.exceptions import SamplingRateError, UnitError

MILLIVOLTS_PER_UNIT: dict[str, float] = {"V": 1e3, "mV": 1.0, "uV": 1e-3, "nV": 1e-6}
#: Sampling rates of ECGs, Hz: what is beyond is a mistake, and would fill the memory.
MIN_SAMPLING_RATE, MAX_SAMPLING_RATE = 1.0, 20_000.0
_SPELLINGS = {
    **{unit.lower(): unit for unit in MILLIVOLTS_PER_UNIT},
    **{"volt": "V", "millivolt": "mV", "microvolt": "uV", "nanovolt": "nV"},
    **{"volts": "V", "millivolts": "mV", "microvolts": "uV", "nanovolts": "nV"},
}


def to_millivolt(unit: str) -> float:
    """Return the millivolts in one unit: "V", "mV", "uV" (also "µV") or "nV", in any case."""
    key = str(unit).strip().lower().replace("\u00b5", "u").replace("\u03bc", "u")
    try:
        return MILLIVOLTS_PER_UNIT[_SPELLINGS[key]]
    except KeyError:
        raise UnitError(
            f"unknown unit {unit!r}; expected one of {', '.join(MILLIVOLTS_PER_UNIT)}. "
            "Pass the unit of the samples, such as unit='uV'."
        ) from None


def check_sampling_rate(sampling_rate: float, *, name: str = "ECG") -> float:
    """Return the sampling rate as a float after checking that it is from 1 to 20,000 Hz."""
    try:
        rate = float(sampling_rate)
    except (TypeError, ValueError):
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise SamplingRateError(
            f"{name}: expected a sampling rate in Hz above 0, got {sampling_rate!r}. "
            "Pass it, such as sampling_rate=500."
        )
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise SamplingRateError(
            f"{name}: expected a sampling rate of {MIN_SAMPLING_RATE:g} to {MAX_SAMPLING_RATE:g} "
            f"Hz, got {sampling_rate!r}. Pass samples per second, such as sampling_rate=500."
        )
    return rate


def format_hertz(sampling_rate: float) -> str:
    """Format a sampling rate at full precision, as ``500 Hz`` or ``257.5 Hz``."""
    whole = float(sampling_rate).is_integer()
    return f"{int(sampling_rate) if whole else float(sampling_rate)!r} Hz"
