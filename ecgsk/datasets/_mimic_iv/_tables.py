"""MIMIC's tables as DuckDB views over the files as they are shipped."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ecgsk.exceptions import RecordReadError


class MimicTables:
    """Views over ``.csv.gz`` or ``.csv`` files; nothing is read before it is asked for.

    Parameters
    ----------
    **folders : path-like or None
        Where the tables of each module lie, such as ``hosp=".../hosp"``.
    """

    def __init__(self, **folders: str | Path | None):
        self.folders = {name: Path(folder) for name, folder in folders.items() if folder}
        for name, folder in self.folders.items():
            if not folder.is_dir():
                raise RecordReadError(
                    f"load_mimic_iv: {name}={str(folder)!r} is no folder. "
                    "Give the folder of that module as MIMIC ships it."
                )
        self.connection = duckdb.connect()

    def __enter__(self) -> "MimicTables":
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    def find(self, module: str, table: str) -> Path | None:
        """Path of a table's file; None where the module or the file is absent."""
        if module not in self.folders:
            return None
        paths = (self.folders[module] / f"{table}{suffix}" for suffix in (".csv.gz", ".csv"))
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
                f"load_mimic_iv: expected {table}.csv.gz or {table}.csv in "
                f"{self.folders.get(module, module)}. Download the whole module."
            )
        # Sniffed types depend on the rows sniffed; stated ones do not.
        source = f"read_csv({_quoted(path)}, header=true, all_varchar=true)"
        found = {row[0] for row in self.connection.execute(f"DESCRIBE FROM {source}").fetchall()}
        if absent := [column for column in columns if column not in found]:
            raise RecordReadError(
                f"load_mimic_iv: {path} lacks the column {', '.join(absent)}; it has "
                f"{', '.join(sorted(found))}. Is it MIMIC's own file?"
            )
        casts = ", ".join(
            f"{'TRY_CAST' if kind == 'DOUBLE' else 'CAST'}(nullif({column}, '') AS {kind}) {column}"
            for column, kind in columns.items()
        )
        self.connection.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT {casts} FROM {source}")

    def columns(self, module: str, table: str) -> list[str]:
        """Names of a table's columns; none where the file is absent."""
        path = self.find(module, table)
        if path is None:
            return []
        source = f"read_csv({_quoted(path)}, header=true, all_varchar=true)"
        return [row[0] for row in self.connection.execute(f"DESCRIBE FROM {source}").fetchall()]

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Make a DataFrame a table."""
        self.connection.register("_frame", frame)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _frame")
        self.connection.unregister("_frame")

    def execute(self, statement: str) -> None:
        """Run a statement."""
        self._run(statement)

    def query(self, statement: str) -> pd.DataFrame:
        """Give the answer to a query."""
        return self._run(statement).df()

    def _run(self, statement: str) -> Any:
        try:
            return self.connection.execute(statement)
        except duckdb.ConversionException as error:
            raise RecordReadError(
                f"load_mimic_iv: a value has not the type its column should have: {error}. "
                "Is it MIMIC's own file?"
            ) from error

    def nearest(
        self, candidates: str, names: list[str], n_records: int, value: str = "value"
    ) -> pd.DataFrame:
        """For each ECG and name, the candidate nearest in time.

        Parameters
        ----------
        candidates : str
            A query with columns ``ecg`` (row number), ``name``, ``seconds``
            (after the ECG; negative before it), ``rank`` (the lower one wins at
            one time) and those named in `value`. Of two equally near, the
            earlier wins.
        names : list of str
            Columns wanted.
        n_records : int
            Rows wanted.
        value : str
            What to give, an expression over the candidate's columns.

        Returns
        -------
        DataFrame of float64, shape (n_records, len(names))
            NaN where there is no candidate.
        """
        chosen = self.query(
            f"""SELECT ecg, name, CAST({value} AS DOUBLE) AS value FROM ({candidates})
                QUALIFY row_number() OVER (
                    PARTITION BY ecg, name ORDER BY abs(seconds), seconds, rank
                ) = 1"""
        )
        table = chosen.pivot(index="ecg", columns="name", values="value")
        table = table.reindex(index=range(n_records), columns=names).astype("float64")
        return table.rename_axis(index=None, columns=None)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
