"""Files of tables: columns by name, SQL that reads them, and the line of a cell."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ecgsk.exceptions import RecordReadError

# Text that stands for a missing value, in every column of every table; the first is empty.
_MISSING = ", NULL, null, NA, N/A, n/a, None, none, NaN, nan, NaT, <NA>, \\N, #N/A"
MISSING = tuple(_MISSING.split(", "))
_UTC = ("UTC", "Etc/UTC", "GMT", "Z", "+00:00", "Zulu", "Etc/GMT")


class TableFile:
    """A ``.csv``, ``.csv.gz`` or ``.parquet`` file with the columns that its header states.

    The dialect of a CSV file is fixed, because a dialect guessed from the first rows
    fails on later ones: UTF-8, comma, fields quoted by ``"``, doubled within a field, a
    header, no comments.
    """

    def __init__(self, path: Path):
        self.path = path
        self.is_parquet = path.suffix == ".parquet"
        self._schema: pa.Schema | None = None
        if self.is_parquet:
            with _translated(path):
                self._schema = pq.read_schema(path)
            self.columns: Sequence[str] = self._schema.names
        else:
            self.columns = self._read_header()

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
        where = f"{self.path}, column {name}"
        place = self._place(name)
        if self.is_parquet or place is None:
            return where
        with suppress(OSError, EOFError, ValueError, csv.Error), self._open() as file:
            rows = csv.reader(file)
            for row in rows:
                if len(row) > place and row[place] == text and rows.line_num > 1:
                    return f"{self.path}, line {rows.line_num}, column {name}"
        return where

    def _place(self, name: str) -> int | None:
        places = [i for i, column in enumerate(self.columns) if _plain(column) == _plain(name)]
        if len(places) > 1:
            found = ", ".join(repr(self.columns[place]) for place in places)
            raise RecordReadError(
                f"load_mimic_iv: {self.path} has {len(places)} columns called {name}: {found}. "
                "Rename or remove all but one."
            )
        return places[0] if places else None

    def _read_header(self) -> list[str]:
        with _translated(self.path), self._open() as file:
            header = next(csv.reader(file), [])
        if any("\udc80" <= sign <= "\udcff" for sign in "".join(header)):
            raise RecordReadError(
                f"load_mimic_iv: {self.path}, line 1, is not UTF-8. "
                f"{RECODE.format(path=self.path.name)}"
            )
        if not header:
            raise RecordReadError(
                f"load_mimic_iv: {self.path} is empty; expected a header. Download it again."
            )
        for sign, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
            if len(header) == 1 and sign in header[0]:
                raise RecordReadError(
                    f"load_mimic_iv: {self.path}, line 1: expected commas between the columns, got "
                    f"{called}. Write it again with commas."
                )
        return header

    def _open(self) -> IO[str]:
        options: dict[str, Any] = {
            "encoding": "utf-8-sig",
            "newline": "",
            "errors": "surrogateescape",
        }
        if self.path.suffix != ".gz":
            return self.path.open("rt", **options)
        return gzip.open(self.path, "rt", **options)


def quoted(text: str, sign: str = "'") -> str:
    """Return SQL of a text, or with ``sign='"'`` of a name."""
    return sign + text.replace(sign, 2 * sign) + sign


def _plain(name: str) -> str:
    return name.strip().casefold()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise our error where a file cannot be read at all."""
    try:
        yield
    except (OSError, EOFError, csv.Error, pa.ArrowException) as error:
        raise RecordReadError(
            f"load_mimic_iv: {path} cannot be read: {str(error).splitlines()[0]} It is cut, "
            "damaged or of another kind than its name states. Download it again."
        ) from error


#: What to do about a file in another encoding.
RECODE = "Convert it, such as with iconv -f latin1 -t utf-8 {path} for text in latin-1."
