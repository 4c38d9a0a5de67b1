"""Finished parts of a long prediction, kept in a hidden folder beside the output."""

import hashlib
import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ecgsk._files import replace_file
from ecgsk._safe_text import write_csv
from ecgsk.exceptions import DamagedFileError

_N_DIGEST = 32  # bytes of a SHA-256


class Parts:
    """Tables of finished chunks, each in a file named by what it was made of.

    The name holds a digest of the model, the settings, and the records with the state of
    their files: a part of another model, or of records that have changed, is not found.
    A part is Parquet with its SHA-256 at the end; a damaged one counts as not finished.
    """

    def __init__(self, out: Path):
        self.folder = out.with_name(f".parts-{out.name}")

    def path(self, number: int, digest: str) -> Path:
        """Return the path of a part."""
        return self.folder / f"{number:06d}-{digest}.part"

    def is_finished(self, path: Path) -> bool:
        """Return whether a part is there and whole."""
        try:
            self.read(path, columns=[])
        except (OSError, DamagedFileError):
            return False
        return True

    def read(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Read a part, or some columns of it, and compare its checksum."""
        content = path.read_bytes()
        body, stated = content[:-_N_DIGEST], content[-_N_DIGEST:]
        if hashlib.sha256(body).digest() != stated:
            raise DamagedFileError(f"{path} is damaged. Start the prediction again.")
        return pq.read_table(pa.BufferReader(body), columns=columns)

    def add(self, path: Path, table: pa.Table) -> None:
        """Write a part, whole or not at all."""
        body = io.BytesIO()
        pq.write_table(table, body)
        with replace_file(path) as new:
            new.write_bytes(body.getvalue() + hashlib.sha256(body.getvalue()).digest())

    def publish(self, paths: Sequence[Path], schema: pa.Schema, out: Path) -> None:
        """Write the parts as one table, one part in memory at a time, and remove them."""
        tables = (self.read(path) for path in paths)
        if out.suffix == ".csv":
            write_csv(_as_frames(tables), out)
        else:
            with replace_file(out) as new, pq.ParquetWriter(new, schema) as writer:
                for table in tables:
                    writer.write_table(table.cast(schema))
        self.remove()

    def remove(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _as_frames(tables: Iterator[pa.Table]) -> Iterator[pd.DataFrame]:
    for table in tables:
        yield as_frame(table)


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table with nullable decisions and missing text as None."""
    mapping: dict[Any, Any] = {pa.bool_(): pd.BooleanDtype()}
    return table.replace_schema_metadata(None).to_pandas(types_mapper=mapping.get)
