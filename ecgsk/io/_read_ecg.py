"""Read one recording of any supported format."""

import os
from pathlib import Path

import numpy as np

from ecgsk.io._open_record import is_wfdb
from ecgsk.io._wfdb_header import (
    Leads,
    declared_names,
    places_by_lead,
    read_header,
    read_names,
    record_path,
)
from ecgsk.io.formats.detection import open_recording
from ecgsk.io.formats.header import choose_leads, choose_names, read_samples
from ecgsk.io.formats.recording import check_declared
from ecgsk.io.record_storage import check_length
from ecgsk.io.wfdb_storage import WFDBStorage
from ecgsk.signals import ECGRecord
from ecgsk.signals.derived_leads import derive_leads
from ecgsk.signals.resampling import resample
from ecgsk.signals.screening import screen_where_needed


def read_ecg(
    path: str | Path,
    *,
    leads: Leads | None = None,
    sampling_rate: float | None = None,
    unit: str | None = None,
) -> ECGRecord:
    r"""Read one recording: WFDB, DICOM, EDF, vendor XML, SCP-ECG, CSV, NumPy or MATLAB.

    The format is found by the content of the file.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        The file; for WFDB also the record without suffix.
    leads : sequence of str or dict, optional
        Leads wanted, in the order wanted, found by name in the file; a dict gives the
        lead of further names, as in `read_wfdb_folder`. By default all that the file
        stores, in the standard order. Limb leads that the file lacks are derived from
        two others where they are wanted, and by default where they complete the standard
        twelve. In a file that names no leads, `leads` are the names of all, in order.
    sampling_rate : float, optional
        Hz. A file of another rate is resampled. In a file that states no rate, it is the
        rate.
    unit : str, optional
        Unit of the samples in a file that states none: "V", "mV", "uV" or "nV".

    Returns
    -------
    ECGRecord
        Samples in mV, NaN where missing.

    Raises
    ------
    RecordReadError
        When the file is absent, damaged, too large or in no format that is read, or the
        library that reads it is not installed.
    LeadMismatchError
        When a lead is absent and cannot be derived, occurs twice, or no lead is named.
    SamplingRateError, UnitError
        When the file states no sampling rate or unit and none is passed; also for leads of
        different rates and a unit that is no voltage.

    See Also
    --------
    read_ecgs : Many records as one table, read on demand.

    Notes
    -----
    Of a file that holds a rhythm strip and a median beat, the rhythm strip is read.
    DICOM needs ``pip install "ecgsk[dicom]"``; EDF, XML and SCP-ECG need
    ``pip install "ecgsk[formats]"``. The page "File formats" lists what is read of each.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from ecgsk.io import read_ecg
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "strip.csv")
    ...     _ = path.write_text("I,II\n100,300\n-50,150\n")
    ...     record = read_ecg(path, leads=["II", "III"], sampling_rate=500, unit="uV")
    >>> record
    ECGRecord(2x2, 500 Hz: II III)
    >>> record.signal.tolist()
    [[0.30..., 0.15...], [0.20..., 0.20...]]
    """
    declared = check_declared(leads, sampling_rate, unit, name="read_ecg")
    record = record_path(path)
    if is_wfdb(os.fspath(path)):
        names, signal, rate = _read_wfdb(record, leads)
    else:
        path = os.path.abspath(path)
        recording = open_recording(path, declared)
        header = choose_leads(path, recording, leads, declared, declared.sampling_rate)
        names, rate = header.leads, header.sampling_rate
        check_length(record, header.n_samples, len(names))
        signal = read_samples(header, recording=recording)
    if declared.sampling_rate and rate != declared.sampling_rate:
        signal = resample(screen_where_needed(signal[None])[0], rate, declared.sampling_rate)
        rate = declared.sampling_rate
    return ECGRecord(signal, names, rate)


def _read_wfdb(record: str, leads: Leads | None) -> tuple[tuple[str, ...], np.ndarray, float]:
    """Return leads, samples (n_leads, n_samples) and sampling rate of a WFDB record."""
    names = read_names(record)
    wanted, stored = choose_names(names, leads, record)
    places = places_by_lead(names, declared_names(leads or ()))
    header = read_header(record, {names[places[lead][0]]: lead for lead in stored})
    n_samples = header.layout.n_samples
    storage = WFDBStorage([header], stored, header.sampling_rate, n_samples)
    signal = storage.read(np.array([0]))
    if stored != wanted:
        signal = derive_leads(signal, stored, wanted, name=record)
    return wanted, signal[0], header.sampling_rate
