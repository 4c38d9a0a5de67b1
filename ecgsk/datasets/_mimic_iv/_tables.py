"""DuckDB views over MIMIC's files as PhysioNet ships them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from warnings import warn

import duckdb
import numpy as np
import pandas as pd

from ecgsk.datasets._mimic_iv._cells import is_unread, read_cell
from ecgsk.datasets._mimic_iv._gzip_check import GzipCheck
from ecgsk.datasets._mimic_iv._table_errors import translate
from ecgsk.datasets._mimic_iv._table_file import TableFile
from ecgsk.exceptions import ECGError, RecordReadError

#: Name of MIMIC-IV-ECG-Ext-ICD's table.
EXTENSION = "records_w_diag_icd10"
_SUFFIXES = (".csv.gz", ".csv", ".parquet")


class MimicTables:
    """Views over ``.csv.gz``, ``.csv`` or ``.parquet`` files, read when queried.

    DuckDB writes to `temp_directory` (by default the system's) beyond `memory_limit`;
    its files are removed at the end. ``unread`` counts the cells that were left out,
    by table and column.
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
        self.unread: dict[tuple[str, str], int] = {}
        self._files: list[TableFile] = []
        self._zones: dict[str | None, str] = {}
        self._gzip_check = GzipCheck()
        self._scratch = tempfile.TemporaryDirectory(prefix="ecgsk-", dir=temp_directory)
        # Queries state the row order where it matters; preserving it elsewhere costs memory.
        settings: dict[str, Any] = {"preserve_insertion_order": False}
        # DuckDB cannot estimate the rows of a CSV file that it does not sniff, and would build a
        # hash table of labevents. Queries name the large table first, and it is never built.
        settings["disabled_optimizers"] = "join_order,build_side_probe_side"
        # Extensions, such as the one for time zones, would make results depend on the machine.
        settings |= dict.fromkeys(
            ("autoload_known_extensions", "autoinstall_known_extensions"), False
        )
        settings |= {"memory_limit": memory_limit, "temp_directory": self._scratch.name}
        if threads is not None:
            settings["threads"] = threads
        try:
            self.connection = duckdb.connect(config=settings)
            self.connection.execute("SET enable_progress_bar = false")  # it prints to stdout
        except duckdb.Error as error:
            self._gzip_check.close()
            self._scratch.cleanup()
            raise ECGError(
                f"load_mimic_iv: memory_limit={memory_limit!r} and threads={threads!r} "
                f"are not valid for DuckDB: {error}. Give such as '2GB' and 4."
            ) from error

    def __enter__(self) -> "MimicTables":
        return self

    def __exit__(self, *error: object) -> None:
        self._gzip_check.close()
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

        Missing is text such as ``NULL``, in a ``DOUBLE`` also other text that is not a
        number; the view's column ``..._unread`` is true there. Any other value of the wrong
        type is an error.
        """
        path = self.find(module, table)
        if path is None:
            raise RecordReadError(
                f"load_mimic_iv: expected {table}.csv.gz or {table}.csv in "
                f"{self.folders.get(module, module)} (or .parquet). "
                "Download the whole module."
            )
        file = TableFile(path)
        if absent := [column for column in columns if file.find(column) is None]:
            raise RecordReadError(
                f"load_mimic_iv: {path} lacks the column {', '.join(absent)}; it has "
                f"{', '.join(sorted(file.columns))}. Use the file as PhysioNet ships it."
            )
        for column, kind in columns.items():
            if kind == "TIMESTAMP":
                self._check_zone(file, column)
        stated = self._types(file)
        types = {column: file.sql_type(column, stated) for column in columns}
        self._gzip_check.start(path)
        number = len(self._files)
        self._files.append(file)
        cells = [
            f"{read_cell(file, number, column, types[column], kind)} AS {column}"
            for column, kind in columns.items()
        ]
        cells += [
            f"{is_unread(file, column, types[column])} AS {column}_unread"
            for column, kind in columns.items()
            if kind == "DOUBLE"
        ]
        self.execute(
            f"CREATE OR REPLACE VIEW {table} AS SELECT {', '.join(cells)} FROM {file.source}"
        )

    def _check_zone(self, file: TableFile, column: str) -> None:
        """Raise where times without a zone meet times in a zone other than UTC."""
        zone = file.zone(column)
        self._zones.setdefault(zone, f"{file.path}, column {column}")
        others = [name for name in self._zones if name not in (None, "UTC")]
        if None in self._zones and others:
            raise RecordReadError(
                f"load_mimic_iv: {self._zones[others[0]]}, has times in the zone {others[0]}; "
                f"{self._zones[None]}, has times without a zone, so their distance is unknown. "
                "Write all times without a zone, as MIMIC does, or all with one."
            )

    def columns(self, module: str, table: str) -> list[str]:
        """Return the names of a table's columns; none where the file is absent."""
        path = self.find(module, table)
        return [] if path is None else list(TableFile(path).columns)

    def _types(self, file: TableFile) -> list[str]:
        """Return the SQL types of a file's columns, in order."""
        if not file.is_parquet:
            return ["VARCHAR"] * len(file.columns)
        return self.query(f"DESCRIBE FROM {file.source}")["column_type"].tolist()

    def count_unread(self, table: str, conditions: dict[str, str], file: str = "") -> None:
        """Count, by column, the cells of a table or `file` that a condition leaves out."""
        counts = ", ".join(
            f"count(*) FILTER ({condition}) AS {column}" for column, condition in conditions.items()
        )
        for column, count in self.query(f"SELECT {counts} FROM {table}").iloc[0].items():
            self.note_unread(file or table, str(column), int(count))

    def note_unread(self, table: str, column: str, count: int) -> None:
        """Add a count of cells that were left out."""
        if count:
            self.unread[table, column] = count

    def finish(self) -> None:
        """Raise where a file turned out to be damaged."""
        self._gzip_check.finish()

    def unread_table(self) -> pd.DataFrame:
        """Return the counts of cells that were left out, and warn where there are any."""
        if self.unread:
            counts = ", ".join(f"{n:,} of {t}.{c}" for (t, c), n in self.unread.items())
            warn(
                f"load_mimic_iv: cells that could not be read were taken as missing: {counts}. "
                "Numbers must have a decimal point and no sign such as '<'; sex must be F or M.",
                stacklevel=3,
            )
        keys = pd.MultiIndex.from_tuples(list(self.unread), names=["table", "column"])
        return pd.Series(list(self.unread.values()), index=keys, name="n", dtype="int64").to_frame()

    def check_unique(self, table: str, column: str) -> None:
        """Raise where a value occurs in several rows of a table that has one row for each."""
        repeated = self.query(
            f"SELECT {column} AS id, count(*) AS n FROM {table} WHERE {column} IS NOT NULL "
            "GROUP BY ALL HAVING count(*) > 1 ORDER BY id LIMIT 1"
        )
        if len(repeated):
            row = repeated.iloc[0]
            raise RecordReadError(
                f"load_mimic_iv: expected one row for each {column} in {table}; {column} "
                f"{row['id']} has {row['n']}. Remove the repeated rows."
            )

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Create a table from a DataFrame."""
        self.connection.register("_frame", frame)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _frame")
        self.connection.unregister("_frame")

    def execute(self, statement: str) -> None:
        """Execute a statement."""
        with self._translated():
            self.connection.execute(statement)

    def query(self, statement: str) -> pd.DataFrame:
        """Return the result of a query."""
        self.execute(statement)
        with self._translated():
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
        with self._translated():
            return self.connection.fetch_df_chunk(32)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise translate(error, self._files) from error
        except RuntimeError as error:  # DuckDB has taken the KeyboardInterrupt
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from None
            raise
