"""DuckDB views over MIMIC's files as PhysioNet ships them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError, RecordReadError

#: Name of MIMIC-IV-ECG-Ext-ICD's table.
EXTENSION = "records_w_diag_icd10"
_CASTS = {"DOUBLE": "TRY_CAST"}  # "<0.01" becomes NULL, not an error
_SUFFIXES = (".csv.gz", ".csv", ".parquet")


class MimicTables:
    """Views over ``.csv.gz``, ``.csv`` or ``.parquet`` files, read when queried.

    DuckDB writes to `temp_directory` (by default the system's) beyond `memory_limit`;
    its files are removed at the end.
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
                    f"load_mimic_iv: {name}={str(folder)!r} is not a folder. "
                    "Give the folder of that module as PhysioNet ships it."
                )
        self._scratch = tempfile.TemporaryDirectory(prefix="ecgsk-", dir=temp_directory)
        # Queries state the row order where it matters; preserving it elsewhere costs memory.
        settings: dict[str, Any] = {"preserve_insertion_order": False}
        settings |= {"memory_limit": memory_limit, "temp_directory": self._scratch.name}
        if threads is not None:
            settings["threads"] = threads
        try:
            self.connection = duckdb.connect(config=settings)
            self.connection.execute("SET enable_progress_bar = false")  # it prints to stdout
        except duckdb.Error as error:
            self._scratch.cleanup()
            raise ECGError(
                f"load_mimic_iv: memory_limit={memory_limit!r} and threads={threads!r} "
                f"are not valid for DuckDB: {error}. Give such as '2GB' and 4."
            ) from error

    def __enter__(self) -> "MimicTables":
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()
        self._scratch.cleanup()

    def find(self, module: str, table: str) -> Path | None:
        """Return the path of a table's file; None where the module or file is absent."""
        if module not in self.folders:
            return None
        paths = (self.folders[module] / f"{table}{suffix}" for suffix in _SUFFIXES)
        return next((path for path in paths if path.is_file()), None)

    def view(self, module: str, table: str, columns: dict[str, str]) -> None:
        """Create a view of a table with typed columns; raise where file or column is absent.

        Empty text becomes NULL, in a ``DOUBLE`` also text that is not a number. Any other
        value of the wrong type is an error.
        """
        path = self.find(module, table)
        if path is None:
            raise RecordReadError(
                f"load_mimic_iv: expected {table}.csv.gz or {table}.csv in "
                f"{self.folders.get(module, module)} (or .parquet). "
                "Download the whole module."
            )
        found = self._types(path)
        if absent := [column for column in columns if column not in found]:
            raise RecordReadError(
                f"load_mimic_iv: {path} lacks the column {', '.join(absent)}; it has "
                f"{', '.join(sorted(found))}. Is it MIMIC's own file?"
            )
        casts = ", ".join(
            f"{_CASTS.get(kind, 'CAST')}({_null_if_empty(column, found)} AS {kind}) {column}"
            for column, kind in columns.items()
        )
        self.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT {casts} FROM {_source(path)}")

    def columns(self, module: str, table: str) -> list[str]:
        """Return the names of a table's columns; none where the file is absent."""
        path = self.find(module, table)
        if path is None:
            return []
        return list(self._types(path))

    def _types(self, path: Path) -> dict[str, str]:
        """Return the SQL type of each column of a file."""
        described = self.query(f"DESCRIBE FROM {_source(path)}")
        return dict(zip(described["column_name"], described["column_type"], strict=True))

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Create a table from a DataFrame."""
        self.connection.register("_frame", frame)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _frame")
        self.connection.unregister("_frame")

    def execute(self, statement: str) -> None:
        """Execute a statement."""
        with _translate_errors():
            self.connection.execute(statement)

    def query(self, statement: str) -> pd.DataFrame:
        """Return the result of a query."""
        self.execute(statement)
        with _translate_errors():
            return self.connection.df()

    def nearest(self, candidates: str, names: list[str], n_records: int) -> pd.DataFrame:
        """Return, for each ECG and name, the candidate nearest in time; NaN without one.

        `candidates` is a query with columns ``ecg`` (row number), ``name``, ``seconds`` (after
        the ECG), ``rank`` and ``value``. Of two equally near, the earlier wins; at equal
        times, the lower rank.
        """
        table = np.full((n_records, len(names)), np.nan)
        listed = ", ".join(f"'{name}'" for name in names)
        self.fill(
            f"""SELECT ecg, list_position([{listed}], name) - 1 AS col, value
                FROM ({candidates}) QUALIFY row_number() OVER (
                    PARTITION BY ecg, name ORDER BY abs(seconds), seconds, rank
                ) = 1""",
            {"value": table},
        )
        return pd.DataFrame(table, columns=names)

    def fill(self, statement: str, arrays: dict[str, np.ndarray]) -> None:
        """Write a query's result into arrays, chunk by chunk; NULL leaves a value unchanged.

        The query has columns ``ecg`` (row), ``col`` (column) and one for each of `arrays`.
        A DataFrame of names and its pivot would take many times the memory.
        """
        self.execute(statement)
        while len(chunk := self._next_chunk()):
            rows, columns = chunk["ecg"].to_numpy(), chunk["col"].to_numpy()
            for name, array in arrays.items():
                values = chunk[name].to_numpy(dtype=float, na_value=np.nan)
                known = ~np.isnan(values)
                array[rows[known], columns[known]] = values[known]

    def _next_chunk(self) -> pd.DataFrame:
        with _translate_errors():
            return self.connection.fetch_df_chunk(32)


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.ConversionException as error:
        raise RecordReadError(
            f"load_mimic_iv: a value does not have the type of its column: {error}. "
            "Is it MIMIC's own file?"
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise ECGError(
            f"load_mimic_iv: the database needs more memory than memory_limit: {error}. "
            "Raise memory_limit, or lower threads."
        ) from error


def _source(path: Path) -> str:
    """Return SQL that reads a file; CSV as text, because sniffed types depend on the sample."""
    if path.suffix == ".parquet":
        return f"read_parquet({_quoted(path)})"
    return f"read_csv({_quoted(path)}, header=true, all_varchar=true)"


def _null_if_empty(column: str, kinds: dict[str, str]) -> str:
    """Return SQL that turns empty text into NULL."""
    return f"nullif({column}, '')" if kinds[column] == "VARCHAR" else column


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
