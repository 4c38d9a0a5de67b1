"""Files of tables: columns by name, SQL that reads them, and the line of a cell."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ecgsk.datasets._csv_files import locate, read_header
from ecgsk.exceptions import RecordReadError

# Text read as a missing value, in every column of every table; the first is empty.
_MISSING = ", NULL, null, NA, N/A, n/a, None, none, NaN, nan, NaT, <NA>, \\N, #N/A"
MISSING = tuple(_MISSING.split(", "))
_UTC = ("UTC", "Etc/UTC", "GMT", "Z", "+00:00", "Zulu", "Etc/GMT")


class TableFile:
    """A ``.csv``, ``.csv.gz`` or ``.parquet`` file with the columns that its header states.

    CSV files have the dialect of `_csv_files`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.is_parquet = path.suffix == ".parquet"
        self._schema: pa.Schema | None = None
        if self.is_parquet:
            self._schema = _read_schema(path)
            self.columns: Sequence[str] = self._schema.names
        else:
            self.columns = read_header(path, name="load_mimic_iv")

    @property
    def source(self) -> str:
        """SQL that reads the file; columns of a CSV file are text and named by position."""
        path = quoted(str(self.path))
        if self.is_parquet:
            return f"read_parquet({path})"
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(self.columns)))
        missing = ", ".join(map(quoted, MISSING))
        return (
            f"read_csv({path}, auto_detect=false, columns={{{columns}}}, header=true, delim=',', "
            f"""quote='"', escape='"', comment='', nullstr=[{missing}])"""
        )

    def find(self, name: str) -> str | None:
        """Return the SQL name of a column, whatever its case; None where it is absent."""
        place = self._place(name)
        if place is None:
            return None
        return quoted(self.columns[place], '"') if self.is_parquet else f"c{place}"

    def zone(self, name: str) -> str | None:
        """Return the time zone of a Parquet column, "UTC" for all its spellings."""
        if self._schema is None:
            return None
        place = self._place(name)
        assert place is not None
        stated = getattr(self._schema.field(place).type, "tz", None)
        return "UTC" if stated in _UTC else stated

    def sql_type(self, name: str, types: Sequence[str]) -> str:
        """Return the type of a column from those of all columns."""
        place = self._place(name)
        assert place is not None
        return types[place]

    def locate(self, name: str, text: str) -> str:
        """Return file, line and column of the first cell that holds a text."""
        place = self._place(name)
        if self.is_parquet or place is None:
            return f"{self.path}, column {name}"
        return locate(self.path, place, text, column=name)

    def _place(self, name: str) -> int | None:
        places = [i for i, column in enumerate(self.columns) if _plain(column) == _plain(name)]
        if len(places) > 1:
            found = ", ".join(repr(self.columns[place]) for place in places)
            raise RecordReadError(
                f"load_mimic_iv: {self.path} has {len(places)} columns called {name}: {found}. "
                "Rename or remove all but one."
            )
        return places[0] if places else None


def quoted(text: str, sign: str = "'") -> str:
    """Return SQL of a text, or with ``sign='"'`` of a name."""
    return sign + text.replace(sign, 2 * sign) + sign


def _plain(name: str) -> str:
    return name.strip().casefold()


def _read_schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise RecordReadError(
            f"load_mimic_iv: {path} cannot be read: {str(error).splitlines()[0]} It is cut, "
            "damaged or no Parquet file. Download it again."
        ) from error
