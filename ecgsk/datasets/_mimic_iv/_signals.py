"""Signals of the listed records, from WFDB files or from an ingested store."""

from pathlib import Path
from warnings import warn

import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError, SignalQualityWarning
from ecgsk.io import read_ecg_folder
from ecgsk.io.wfdb_folder import read_wfdb_records
from ecgsk.signals import ECGArray

_CALLER = "load_mimic_iv"


def read_signals(
    listed: pd.DataFrame,
    ecg: str | Path,
    store: str | Path | None,
    *,
    leads: tuple[str, ...],
    sampling_rate: float | None,
    errors: str,
    progress: bool,
) -> tuple[ECGArray, list[int], list[dict[str, str]]]:
    """Read the signals of the listed records on demand, from WFDB files or a store.

    Returns the records found, in the order of `listed`, their positions in it, and
    ``record`` and ``reason`` for every other one.
    """
    if store is not None:
        return _read_store(listed, Path(store), leads, sampling_rate, errors)
    signals, kept, _, broken = read_wfdb_records(
        [Path(ecg) / path for path in listed["path"]],
        listed["path"].tolist(),
        leads=leads,
        sampling_rate=sampling_rate,
        duration=None,
        errors=errors,
        progress=progress,
        name=_CALLER,
    )
    return signals, kept, broken


def _read_store(
    listed: pd.DataFrame,
    store: Path,
    leads: tuple[str, ...],
    sampling_rate: float | None,
    errors: str,
) -> tuple[ECGArray, list[int], list[dict[str, str]]]:
    frame, _ = read_ecg_folder(store)
    if "record" not in frame or "ecg" not in frame:
        raise ECGError(
            f"{_CALLER}: expected store={str(store)!r} to be a folder that ecgsk ingest wrote; "
            f"its columns are {', '.join(frame.columns)}."
        )
    signals = frame["ecg"].array
    assert isinstance(signals, ECGArray)
    if signals.leads != leads or sampling_rate not in (
        None,
        signals.sampling_rate,
    ):
        raise ECGError(
            f"{_CALLER}: store={str(store)!r} holds leads {', '.join(signals.leads)} at "
            f"{signals.sampling_rate:g} Hz; got leads={leads} and "
            f"sampling_rate={sampling_rate}. Leave them out, or ingest again."
        )
    # Match by file name, the study id: parent folders depend on the folder that was ingested.
    rows = pd.Series(np.arange(len(frame)), index=_file_names(frame["record"]))
    found = rows[~rows.index.duplicated()].reindex(_file_names(listed["path"]))
    kept = np.flatnonzero(found.notna())
    broken = [
        {"record": path, "reason": f"It is not in {store}."}
        for path in listed["path"][found.isna().to_numpy()]
    ]
    if broken and (errors == "raise" or not len(kept)):
        raise ECGError(
            f"{_CALLER}: {len(broken)} of {len(listed)} listed records are not in {store}, such as "
            f"{broken[0]['record']}. Ingest the folder that ecg= names."
        )
    if broken:
        warn(
            f"{_CALLER}: left out {len(broken)} of {len(listed)} records that are not in {store}, "
            f"such as {broken[0]['record']}. All are listed as broken.",
            SignalQualityWarning,
            stacklevel=4,
        )
    return signals.take(found.iloc[kept].to_numpy(dtype=np.int64)), kept.tolist(), broken


def _file_names(paths: pd.Series) -> pd.Index:
    return pd.Index(paths.str.rsplit("/", n=1).str[-1])
