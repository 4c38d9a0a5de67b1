"""Loader of Brugada-HUCA, as PhysioNet ships it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._layouts import read_table
from ecgsk.io.wfdb_folder import read_wfdb_records
from ecgsk.signals import STANDARD_12_LEADS

_LABELS = ["brugada", "basal_pattern", "sudden_death"]


def load_brugada_huca(
    path: str | Path,
    *,
    leads: Sequence[str] = STANDARD_12_LEADS,
    errors: Literal["list", "raise"] = "list",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load Brugada-HUCA: ECGs of subjects examined for Brugada syndrome.

    363 ECGs of 363 subjects, 12 leads, 12 s, 100 Hz.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``metadata.csv`` and ``files``.
    leads : sequence of str
        Leads to read, in this order.
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        ``X``: ``ecg`` and ``subject_id``, indexed by ``patient_id``. ``Y``:
        ``brugada`` (the syndrome is confirmed; NaN in "other or atypical cases"),
        ``basal_pattern`` (the baseline ECG is pathological), ``sudden_death``.
        ``diagnosis``: 0, 1 or 2 (other or atypical), as stored. ``broken``.

    Raises
    ------
    RecordReadError
        When ``metadata.csv`` or a column is absent, or no record can be read.

    Notes
    -----
    The database states neither age nor sex. CC BY-SA 4.0.

    References
    ----------
    .. [1] "Brugada-HUCA: 12-Lead ECG Recordings for the Study of Brugada
       Syndrome", PhysioNet.

    Examples
    --------
    >>> from ecgsk.datasets import load_brugada_huca
    >>> cohort = load_brugada_huca("brugada-huca")  # doctest: +SKIP
    """
    folder = Path(path)
    table = read_table(
        folder / "metadata.csv",
        ["patient_id", *_LABELS],
        source="Brugada-HUCA",
        name="load_brugada_huca",
        kinds={"patient_id": "whole"} | dict.fromkeys(_LABELS, "number"),
        key="patient_id",
    )
    signals, kept, _, broken = read_wfdb_records(
        [folder / "files" / str(number) / str(number) for number in table["patient_id"]],
        table["patient_id"].astype(str).tolist(),
        leads=leads,
        sampling_rate=None,
        duration=None,
        errors=errors,
        progress=progress,
        name="load_brugada_huca",
    )
    table = table.iloc[kept].set_index("patient_id")
    X = pd.DataFrame({"ecg": pd.Series(signals, index=table.index), "subject_id": table.index})
    # An atypical case is neither healthy nor confirmed.
    Y = table[_LABELS].astype("float64").where(table[_LABELS].isin([0, 1]))
    X.attrs["population"] = "patients of Brugada-HUCA"  # a model that is fitted on X states it
    if return_X_y:
        return X, Y
    return Cohort(
        X,
        Y,
        DESCR=f"Brugada-HUCA: {len(X):,} records of as many subjects, 100 Hz, 12 s. "
        "CC BY-SA 4.0, PhysioNet.",
        diagnosis=table["brugada"].rename("diagnosis"),
        broken=broken,
    )
