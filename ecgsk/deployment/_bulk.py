"""Bulk prediction: any number of records, chunk by chunk, in parallel and resumable."""

import os
import pickle
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from joblib import Parallel, delayed

import ecgsk
from ecgsk._files import sole_writer
from ecgsk._progress import progress_bar
from ecgsk.deployment._parts import Parts, as_frame
from ecgsk.deployment._table import predict_source, table_schema
from ecgsk.deployment.outputs import (
    Outputs,
    check_ecg_only,
    last_step,
    wanted_signals,
)
from ecgsk.exceptions import ECGError, RecordReadError, SignalQualityWarning
from ecgsk.io.sources import RecordSource, TableRecords, Wanted, find_sources

_VERSION = 1
_SUFFIXES = (".parquet", ".csv")
_models: dict[str, Any] = {}  # of this process, by digest: a worker unpickles each once


def predict_records(
    model: Any,
    records: Any,
    *,
    chunk_size: int = 1024,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict records of any source with a fitted model, into a table in memory.

    .. versionadded:: 0.1

    Parameters
    ----------
    model : Pipeline, ECGDiagnosisClassifier or LabAbnormalityExplainer
        Fitted on an ECG column.
    records : path-like, sequence of path-like, or DataFrame
        Files that `ecgsk.io.read_ecg` reads, folders of them, and folders that `ecgsk.io.ingest`,
        `ecgsk.io.write_ecg_folder` or `ecgsk.datasets.write_cohort` wrote; or a
        table with an ECG column. Records may differ in sampling rate and length: the
        model's own steps resample them, longer ones are cropped at their end, shorter
        ones padded with NaN.
    chunk_size : int, default=1024
        Records per task.
    n_jobs : int or None, default=None
        Processes, as in joblib; any joblib backend works, such as dask.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    DataFrame
        One row per record, in order: ``record``; ``path``; ``usable``; ``reason`` why a
        record was not predicted, or empty; ``quality``, doubts about the signal in words;
        ``diagnoses`` and laboratory ``findings`` above their thresholds, joined by ``"; "``;
        ``predicted/<diagnosis>`` and ``probability/<diagnosis>``; and
        ``laboratory/<finding>``, the probability of each. A record that was not predicted
        has missing values there. A classifier of one column has ``predicted`` and
        ``probability/<class>``. ``attrs`` holds the thresholds.

    Raises
    ------
    ECGError
        When the model predicts nothing, or needs a table that the records lack.
    RecordReadError
        When a path holds no records, or no record can be predicted.

    Warns
    -----
    SignalQualityWarning
        Once, when records were not predicted, or have doubts about their signal.

    See Also
    --------
    write_predictions : The same into a file, for more records than memory holds.

    Notes
    -----
    The prediction of a record does not depend on the others, on `chunk_size` or `n_jobs`, but
    for the last bit of a float64 sum. It equals ``predict_proba`` of the model but for float32
    rounding, about 1e-7.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.deployment import predict_records
    >>> cohort = make_clinical_ecg(30, random_state=0)
    >>> model = ECGDiagnosisClassifier(max_epochs=1, random_state=0, verbose=0)
    >>> model = model.fit(cohort.X[["ecg"]], cohort.Y.iloc[:, :2])
    >>> predict_records(model, cohort.X[["ecg"]], progress=False).shape[0] == len(cohort.X)
    True
    """
    work = _Work(model, records, chunk_size, name="predict_records")
    tables = list(work.run(work.chunks, n_jobs, progress))
    work.report(tables)
    frame = as_frame(pa.concat_tables(tables))
    frame.attrs.update(work.facts())
    return frame


def write_predictions(
    model: Any,
    records: Any,
    out: str | Path,
    *,
    chunk_size: int = 1024,
    n_jobs: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Predict any number of records into a Parquet or CSV file, in bounded memory.

    Interrupted at any moment, the same call goes on after the chunks that are finished.
    They are kept in a hidden folder beside `out` until the file is whole. Chunks whose
    records have changed since are predicted again, and all where the model is another.

    .. versionadded:: 0.1

    Parameters
    ----------
    model, records, chunk_size, n_jobs, progress
        As in `predict_records`.
    out : path-like
        File to write, ``.parquet`` or ``.csv``, with the columns that `predict_records`
        returns. The metadata of a Parquet file hold the thresholds under ``ecgsk``.
    overwrite : bool, default=False
        Replace `out`; the old file stays until the new one is whole.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    ECGError
        When `out` exists and `overwrite` is False, has another suffix or is being
        written by another process; and as `predict_records` does.

    Warns
    -----
    SignalQualityWarning
        As `predict_records` does.

    Examples
    --------
    >>> from ecgsk.deployment import write_predictions
    >>> write_predictions(model, "store", "predictions.parquet", n_jobs=4)  # doctest: +SKIP
    """
    out = Path(out).resolve()
    if out.suffix not in _SUFFIXES:
        raise ECGError(
            f"write_predictions: expected a file with the suffix {' or '.join(_SUFFIXES)}, got "
            f"{out.name}. Rename it."
        )
    if out.exists() and not overwrite:
        raise ECGError(f"write_predictions: {out} exists. Choose another, or pass overwrite=True.")
    work, parts = _Work(model, records, chunk_size, name="write_predictions"), Parts(out)
    with sole_writer(parts.folder, seconds=0):
        paths = [parts.path(number, work.key(chunk)) for number, chunk in enumerate(work.chunks)]
        missing = [number for number, path in enumerate(paths) if not parts.is_finished(path)]
        tables = work.run([work.chunks[number] for number in missing], n_jobs, progress)
        for number, table in zip(missing, tables, strict=True):
            parts.add(paths[number], table)
        try:
            work.report(parts.read(path, columns=["record", "reason", "quality"]) for path in paths)
            parts.publish(paths, table_schema(work.outputs, work.facts()), out)
        except RecordReadError:
            parts.remove()
            raise
    return out


class _Work:
    """Chunks of records to predict with one model."""

    def __init__(self, model: Any, records: Any, chunk_size: int, *, name: str):
        if chunk_size != int(chunk_size) or chunk_size < 1:
            raise ECGError(f"{name}: expected chunk_size of 1 or more, got {chunk_size!r}.")
        last_step(model, name=f"{name}: the model")
        self.model, self.name = model, name
        self.wanted, self.outputs = wanted_signals(model), Outputs.of(model)
        self.digest = joblib.hash(model)
        self.chunks = [
            source.take(slice(start, start + chunk_size))
            for source in _sources(model, records, name)
            for start in range(0, len(source), chunk_size)
        ]

    def facts(self) -> dict[str, Any]:
        """Return what the metadata of a table hold."""
        return {
            "version": _VERSION,
            "ecgsk": ecgsk.__version__,
            "model": self.digest,
            "thresholds": self.outputs.thresholds,
        }

    def key(self, chunk: RecordSource) -> str:
        """Return a digest of all that a chunk's predictions are made of."""
        parts = (_VERSION, ecgsk.__version__, self.digest, repr(self.wanted))
        paths = [chunk.path(place) for place in range(len(chunk))]
        return joblib.hash((*parts, paths, chunk.state()))

    def run(
        self, chunks: Sequence[RecordSource], n_jobs: int | None, progress: bool
    ) -> Iterator[pa.Table]:
        """Yield the predictions for some of the chunks, in order."""
        if not chunks:
            return
        # An array: joblib maps it into all workers' memory once, and dask sends it once.
        payload = np.frombuffer(pickle.dumps(self.model, protocol=5), np.uint8)
        task = delayed(_predict_chunk)
        tasks = (
            task(chunk, self.wanted, self.outputs, self.digest, payload, os.getpid())
            for chunk in chunks
        )
        n_records, n_done = (sum(map(len, some)) for some in (self.chunks, chunks))
        bar = progress_bar(
            total=n_records,
            initial=n_records - n_done,
            desc="records",
            unit=" records",
            show=progress,
        )
        parallel = Parallel(n_jobs=1 if len(chunks) == 1 else n_jobs, return_as="generator")
        _models[self.digest] = self.model
        try:
            with bar, warnings.catch_warnings():
                warnings.simplefilter("ignore", SignalQualityWarning)
                for chunk, table in zip(chunks, parallel(tasks), strict=True):
                    bar.update(len(chunk))
                    yield table
        except BrokenProcessPool as error:
            raise ECGError(
                f"{self.name}: a worker process was killed, probably because memory ran out. "
                "Start again with fewer processes (n_jobs)."
            ) from error
        finally:
            _models.pop(self.digest, None)

    def report(self, tables: Iterable[pa.Table]) -> None:
        """Warn once of all records; raise if none was predicted."""
        n_records = 0
        # Number and first row of those that have no prediction, and of those with doubts.
        n = {"reason": 0, "quality": 0}
        first: dict[str, dict[str, str]] = {}
        for table in tables:
            for row in table.select(["record", "reason", "quality"]).to_pylist():
                n_records += 1
                if kind := next((kind for kind in n if row[kind]), None):
                    n[kind] += 1
                    first.setdefault(kind, row)
        if n["reason"] == n_records:
            raise RecordReadError(
                f"{self.name}: none of {n_records} records can be predicted; the first: "
                f"{first['reason']['reason']}"
            )
        for kind, text in (
            ("reason", "are not predicted"),
            ("quality", "were predicted in spite of doubts about the signal"),
        ):
            if n[kind]:
                row = first[kind]
                warnings.warn(
                    f"{self.name}: {n[kind]} of {n_records} records {text}, such as "
                    f"{row['record']}: {row[kind].rstrip('.')}. The column {kind} lists all.",
                    SignalQualityWarning,
                    stacklevel=3,
                )


def _sources(model: Any, records: Any, name: str) -> list[RecordSource]:
    if isinstance(records, pd.DataFrame):
        return [TableRecords.of(records, "", name=name)]
    check_ecg_only(model, name=f"{name}: the model")
    paths: Sequence[Any] = [records] if isinstance(records, str | os.PathLike) else list(records)
    return find_sources(paths, name=name)


def _predict_chunk(
    chunk: RecordSource,
    wanted: Wanted,
    outputs: Outputs,
    digest: str,
    payload: np.ndarray,
    parent: int,
) -> pa.Table:
    """Predict a chunk, in this process or in a worker."""
    if os.getpid() == parent:
        # Unpickling reopens the files. A memory map that stays open keeps all pages read so far,
        # which took 2.9 GiB for a store of 2.4 GB.
        chunk = pickle.loads(pickle.dumps(chunk))
    else:
        # The caller warns once of all records.
        warnings.filterwarnings("ignore", category=SignalQualityWarning)
        if digest not in _models:
            _models.clear()
            _models[digest] = pickle.loads(payload.data)
    return predict_source(_models[digest], chunk, wanted, outputs)
