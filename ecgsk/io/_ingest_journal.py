"""Journal of the finished chunks of an ingest, from which an interrupted one resumes."""

import io
import json
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from ecgsk.io._ingest_chunk import Chunk, Conversion
from ecgsk.io.ecg_folder import write_samples_header

_JOURNAL = "journal.jsonl"


class Journal:
    """Finished chunks: samples in one growing file, and a table and a journal line per chunk.

    A line is written after its chunk is on disk. Data without a line is deleted
    and made again.
    """

    def __init__(self, samples: Path, work: Path, conversion: Conversion):
        self.samples, self.work, self.conversion = samples, work, conversion
        self.n_chunks = self.n_records = self.n_clipped = 0
        self.broken: list[dict[str, str]] = []
        for line in self._whole_lines():
            self._count(line)
        head, n_bytes = self._head(), self._n_bytes()
        size = samples.stat().st_size if samples.exists() else 0
        if size < n_bytes and self.n_chunks:
            raise OSError(
                f"ingest_wfdb: {samples} is shorter than its journal states. Pass overwrite=True."
            )
        with samples.open("r+b" if size else "wb") as file:
            file.write(head)
            file.truncate(n_bytes)

    def add(self, chunk: Chunk) -> None:
        """Write a chunk, then its line."""
        chunk.table.to_parquet(self._part(self.n_chunks))
        with self.samples.open("ab") as file:
            _write_through(file, np.ascontiguousarray(chunk.samples).data)
        line = {
            "n_records": len(chunk.table),
            "n_clipped": chunk.n_clipped,
            "broken": chunk.broken,
        }
        with (self.work / _JOURNAL).open("ab") as file:
            _write_through(file, json.dumps(line).encode() + b"\n")
        self._count(line)

    def close(self) -> None:
        """Write the number of records into the header of the samples."""
        with self.samples.open("r+b") as file:
            file.write(self._head())

    def table(self) -> pd.DataFrame:
        """Return the table of all chunks, one row per record."""
        parts = (pd.read_parquet(self._part(number)) for number in range(self.n_chunks))
        return pd.concat([part for part in parts if len(part)], ignore_index=True)

    def _whole_lines(self) -> list[dict[str, Any]]:
        path = self.work / _JOURNAL
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]  # the last line may be incomplete
        path.write_bytes(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _count(self, line: dict[str, Any]) -> None:
        self.n_chunks += 1
        self.n_records += line["n_records"]
        self.n_clipped += line["n_clipped"]
        self.broken += line["broken"]

    def _head(self) -> bytes:
        head = io.BytesIO()
        write_samples_header(head, (self.n_records, *self.conversion.shape))
        return head.getvalue()

    def _n_bytes(self) -> int:
        n_leads, n_samples = self.conversion.shape
        return len(self._head()) + 2 * self.n_records * n_leads * n_samples

    def _part(self, number: int) -> Path:
        return self.work / f"{number:06d}.parquet"


def _write_through(file: IO[bytes], content: bytes | memoryview) -> None:
    """Write and sync to disk."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
