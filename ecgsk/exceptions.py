"""Errors and warnings of ecgsk.

All errors are ``ValueError`` as in scikit-learn, so a caller that catches
``ValueError`` around ``fit`` keeps working. Messages name the class or function,
what was expected, what was given and what to do.
"""

__all__ = [
    "AlignmentError",
    "CalibrationWarning",
    "CollapseWarning",
    "DamagedFileError",
    "DownloadError",
    "DurationError",
    "ECGError",
    "LeadMismatchError",
    "LeakageWarning",
    "OutOfMemoryError",
    "PatientLeakageError",
    "RecipeWarning",
    "RecordReadError",
    "SamplingRateError",
    "SignalQualityError",
    "SignalQualityWarning",
    "TableWarning",
    "UnitError",
    "VersionWarning",
]


class ECGError(ValueError):
    """Base class of the errors that ecgsk raises about its input.

    .. versionadded:: 0.1
    """


class AlignmentError(ECGError):
    """Tables that are combined by position name their records or labels in another order.

    .. versionadded:: 0.1
    """


class LeadMismatchError(ECGError):
    """Leads are missing, unknown, duplicated or differ from those of ``fit``.

    .. versionadded:: 0.1
    """


class SamplingRateError(ECGError):
    """The sampling rate is unknown, not positive or not the expected one.

    .. versionadded:: 0.1
    """


class DurationError(ECGError):
    """Records differ in their number of samples where one length is needed.

    .. versionadded:: 0.1
    """


class UnitError(ECGError):
    """The unit is unknown, or the amplitudes are implausible for millivolts.

    .. versionadded:: 0.1
    """


class SignalQualityError(ECGError):
    """Every lead of a record is missing or flat.

    .. versionadded:: 0.1
    """


class RecordReadError(ECGError):
    """A recording on disk is absent, truncated or not in a readable format.

    .. versionadded:: 0.1
    """


class DamagedFileError(ECGError):
    """A file that ecgsk wrote is truncated, changed or does not match its checksum.

    .. versionadded:: 0.1
    """


class DownloadError(ECGError, OSError):
    """A download failed, or the file differs from its published checksum.

    An ``OSError`` too, as scikit-learn's ``fetch_*`` functions raise.

    .. versionadded:: 0.1
    """


class OutOfMemoryError(ECGError, MemoryError):
    """A batch does not fit into the memory of the device.

    A ``MemoryError`` too, for callers that try again with a smaller ``batch_size``.

    .. versionadded:: 0.1
    """


class PatientLeakageError(ECGError):
    """A patient has records on both sides of a split.

    .. versionadded:: 0.1
    """


class SignalQualityWarning(UserWarning):
    """Some leads are missing, flat or broken; they are treated as missing.

    .. versionadded:: 0.1
    """


class LeakageWarning(UserWarning):
    """A model is scored or calibrated on patients of its training set.

    .. versionadded:: 0.1
    """


class CollapseWarning(UserWarning):
    """The embeddings after pre-training have collapsed to a few directions.

    .. versionadded:: 0.1
    """


class CalibrationWarning(UserWarning):
    """Some labels have too few patients for their own calibration or threshold.

    .. versionadded:: 0.1
    """


class RecipeWarning(UserWarning):
    """``"auto"`` chooses another way of training for a little more or less data.

    .. versionadded:: 0.1
    """


class TableWarning(UserWarning):
    """A column of X is likely not the clinical value it is used as, or a label has one class.

    .. versionadded:: 0.1
    """


class VersionWarning(UserWarning):
    """A saved model was made with newer or much older versions of libraries.

    As scikit-learn's ``InconsistentVersionWarning``, for all libraries at once.

    .. versionadded:: 0.1
    """
