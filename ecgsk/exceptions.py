"""Errors and warnings: each says what was expected, what came and what to do.

All errors are ``ValueError`` as in scikit-learn, so a caller that catches
``ValueError`` around ``fit`` keeps working.
"""


class ECGError(ValueError):
    """Base class of every error that ecgsk raises about its input."""


class LeadMismatchError(ECGError):
    """Leads are missing, unknown, duplicated or not those an estimator was fitted on."""


class SamplingRateError(ECGError):
    """The sampling rate is unknown, not positive or not the one expected."""


class DurationError(ECGError):
    """Records differ in their number of samples where one length is needed."""


class UnitError(ECGError):
    """The unit is unknown, or the amplitudes cannot be millivolts."""


class SignalQualityError(ECGError):
    """A record carries no usable signal: every lead is missing or flat."""


class RecordReadError(ECGError):
    """A recording on disk is absent, truncated or not in a readable format."""


class DownloadError(ECGError, OSError):
    """A file could not be downloaded, or is not the one its database lists.

    An ``OSError`` too, which is what scikit-learn's ``fetch_*`` functions raise.
    """


class PatientLeakageError(ECGError):
    """One patient stands on both sides of a split."""


class SignalQualityWarning(UserWarning):
    """Some leads are missing, flat or broken; they are treated as absent."""


class LeakageWarning(UserWarning):
    """A model is scored or calibrated on patients it has seen in training."""


class CollapseWarning(UserWarning):
    """Pre-training has left embeddings that hardly tell records apart."""


class CalibrationWarning(UserWarning):
    """Some labels have too few patients for a calibration or a threshold of their own."""


class RecipeWarning(UserWarning):
    """``"auto"`` chooses another way of training for a little more or less data."""
