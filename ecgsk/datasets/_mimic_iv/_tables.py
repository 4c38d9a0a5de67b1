"""MIMIC's tables as DuckDB views over the files as they are shipped."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError, RecordReadError

_CASTS = {"DOUBLE": "TRY_CAST"}  # "<0.01" is no number, and no error
_SUFFIXES = (".csv.gz", ".csv", ".parquet")


class MimicTables:
    """Views over ``.csv.gz``, ``.csv`` or ``.parquet`` files, read when they are asked for.

    Parameters
    ----------
    folders : dict of str to path-like or None
        Where the tables of each module lie, such as ``{"hosp": ".../hosp"}``.
    memory_limit : str
        What DuckDB may hold in memory; beyond it, it writes to `temp_directory`.
    temp_directory : path-like, optional
        Where it writes then; by default a new folder of the system's, removed at
        the end.
    threads : int, optional
        By default one for each core.
    """

    def __init__(
        self,
        folders: dict[str, str | Path | None],
        memory_limit: str,
        temp_directory: str | Path | None = None,
        threads: int | None = None,
    ):
        self.folders = {name: Path(folder) for name, folder in folders.items() if folder}
        for name, folder in self.folders.items():
            if not folder.is_dir():
                raise RecordReadError(
                    f"build_mimic_iv_cohort: {name}={str(folder)!r} is no folder. "
                    "Give the folder of that module as MIMIC ships it."
                )
        self._scratch = tempfile.TemporaryDirectory(prefix="ecgsk-", dir=temp_directory)
        # The order of rows is stated where it matters; keeping it elsewhere costs memory.
        settings: dict[str, Any] = {"preserve_insertion_order": False}
        settings |= {"memory_limit": memory_limit, "temp_directory": self._scratch.name}
        if threads is not None:
            settings["threads"] = threads
        try:
            self.connection = duckdb.connect(config=settings)
            self.connection.execute("SET enable_progress_bar = false")  # it goes to stdout
        except duckdb.Error as error:
            self._scratch.cleanup()
            raise ECGError(
                f"build_mimic_iv_cohort: memory_limit={memory_limit!r} and threads={threads!r} "
                f"do not suit DuckDB: {error}. Give such as '2GB' and 4."
            ) from error

    def __enter__(self) -> "MimicTables":
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()
        self._scratch.cleanup()

    def find(self, module: str, table: str) -> Path | None:
        """Path of a table's file; None where the module or the file is absent."""
        if module not in self.folders:
            return None
        paths = (self.folders[module] / f"{table}{suffix}" for suffix in _SUFFIXES)
        return next((path for path in paths if path.is_file()), None)

    def view(self, module: str, table: str, columns: dict[str, str]) -> None:
        """Make a view of a table with typed columns; empty text is NULL.

        Parameters
        ----------
        module, table : str
            Such as ``"hosp", "labevents"``.
        columns : dict of str to str
            SQL type per column. A ``DOUBLE`` that is no number becomes NULL; any
            other value that does not suit its type is an error.

        Raises
        ------
        RecordReadError
            When the file or a column is absent.
        """
        path = self.find(module, table)
        if path is None:
            raise RecordReadError(
                f"build_mimic_iv_cohort: expected {table}.csv.gz or {table}.csv in "
                f"{self.folders.get(module, module)}; .parquet will do too. "
                "Download the whole module."
            )
        found = self._types(path)
        if absent := [column for column in columns if column not in found]:
            raise RecordReadError(
                f"build_mimic_iv_cohort: {path} lacks the column {', '.join(absent)}; it has "
                f"{', '.join(sorted(found))}. Is it MIMIC's own file?"
            )
        casts = ", ".join(
            f"{_CASTS.get(kind, 'CAST')}({_known(column, found)} AS {kind}) {column}"
            for column, kind in columns.items()
        )
        self.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT {casts} FROM {_source(path)}")

    def columns(self, module: str, table: str) -> list[str]:
        """Names of a table's columns; none where the file is absent."""
        path = self.find(module, table)
        if path is None:
            return []
        return list(self._types(path))

    def _types(self, path: Path) -> dict[str, str]:
        """Return the SQL type of each column of a file."""
        described = self.query(f"DESCRIBE FROM {_source(path)}")
        return dict(zip(described["column_name"], described["column_type"], strict=True))

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Make a DataFrame a table."""
        self.connection.register("_frame", frame)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _frame")
        self.connection.unregister("_frame")

    def execute(self, statement: str) -> None:
        """Run a statement."""
        with _errors_named():
            self.connection.execute(statement)

    def query(self, statement: str) -> pd.DataFrame:
        """Give the answer to a query."""
        self.execute(statement)
        with _errors_named():
            return self.connection.df()

    def nearest(self, candidates: str, names: list[str], n_records: int) -> pd.DataFrame:
        """For each ECG and name, the candidate nearest in time.

        Parameters
        ----------
        candidates : str
            A query with columns ``ecg`` (row number), ``name``, ``seconds``
            (after the ECG; negative before it), ``rank`` (the lower one wins at
            one time) and ``value``. Of two equally near, the earlier wins.
        names : list of str
            Columns wanted.
        n_records : int
            Rows wanted.

        Returns
        -------
        DataFrame of float64, shape (n_records, len(names))
            NaN where there is no candidate.
        """
        table = np.full((n_records, len(names)), np.nan)
        places = ", ".join(f"'{name}'" for name in names)
        self.fill(
            f"""SELECT ecg, list_position([{places}], name) - 1 AS place, value
                FROM ({candidates}) QUALIFY row_number() OVER (
                    PARTITION BY ecg, name ORDER BY abs(seconds), seconds, rank
                ) = 1""",
            {"value": table},
        )
        return pd.DataFrame(table, columns=names)

    def fill(self, statement: str, tables: dict[str, np.ndarray]) -> None:
        """Write a query's answer into arrays, chunk by chunk.

        A table of text names and its pivot would take many times the memory.

        Parameters
        ----------
        statement : str
            A query with columns ``ecg`` (row), ``place`` (column) and one for each
            of `tables`.
        tables : dict of str to ndarray of shape (n_records, n_places)
            Filled in place; NULL leaves what is there.
        """
        self.execute(statement)
        while len(chunk := self._next_chunk()):
            rows, places = chunk["ecg"].to_numpy(), chunk["place"].to_numpy()
            for name, table in tables.items():
                values = chunk[name].to_numpy(dtype=float, na_value=np.nan)
                known = ~np.isnan(values)
                table[rows[known], places[known]] = values[known]

    def _next_chunk(self) -> pd.DataFrame:
        with _errors_named():
            return self.connection.fetch_df_chunk(32)


@contextmanager
def _errors_named() -> Iterator[None]:
    try:
        yield
    except duckdb.ConversionException as error:
        raise RecordReadError(
            f"build_mimic_iv_cohort: a value has not the type its column should have: {error}. "
            "Is it MIMIC's own file?"
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise ECGError(
            f"build_mimic_iv_cohort: the database needs more memory than memory_limit: {error}. "
            "Raise memory_limit, or lower threads."
        ) from error


def _source(path: Path) -> str:
    """Return SQL that reads a file; of CSV as text, for sniffed types depend on the sample."""
    if path.suffix == ".parquet":
        return f"read_parquet({_quoted(path)})"
    return f"read_csv({_quoted(path)}, header=true, all_varchar=true)"


def _known(column: str, kinds: dict[str, str]) -> str:
    """Return SQL of a column in which empty text is NULL."""
    return f"nullif({column}, '')" if kinds[column] == "VARCHAR" else column


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
