"""Journal of the finished chunks of an ingest, from which an interrupted one resumes."""

import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from ecgsk._stored_files import seal, sha256_of, unseal
from ecgsk.exceptions import DamagedFileError
from ecgsk.io._ingest_chunk import Chunk, Conversion
from ecgsk.io._record_state import source_stamp
from ecgsk.io._wfdb_header import shown
from ecgsk.io.ecg_folder import write_samples_header

_JOURNAL = "journal.jsonl"


class Journal:
    """Finished chunks: samples in one growing file, and a table and a journal line per chunk.

    A line holds the checksums of the samples, of the table and of itself, and the states of
    the files that were read. It is written after its chunk is on disk. The first chunk that
    is not as its line states, or whose records have changed since, and all after it are
    deleted and made again. To compare takes half a second per gigabyte of samples.
    """

    def __init__(
        self,
        samples: Path,
        work: Path,
        conversion: Conversion,
        folder: Path,
        chunks: Sequence[Sequence[str]],
    ):
        self.samples, self.work, self.conversion = samples, work, conversion
        self.chunks = chunks
        self.n_chunks = self.n_records = self.n_clipped = self.n_differing = 0
        self.broken: list[dict[str, str]] = []
        self.stamps: list[str] = []
        self._checksums: list[int] = []  # of the samples of each chunk
        self._sizes: list[int] = []  # and their bytes
        self._resume(folder)

    def add(self, chunk: Chunk) -> None:
        """Write a chunk, then its line."""
        part = self._part(self.n_chunks)
        chunk.table.to_parquet(part)
        with self.samples.open("ab") as file:
            _write_through(file, np.ascontiguousarray(chunk.samples).data)
        line = {
            "n_records": len(chunk.table),
            "n_clipped": chunk.n_clipped,
            "n_differing": chunk.n_differing,
            "broken": chunk.broken,
            "stamps": chunk.stamps,
            "samples": chunk.checksum,
            "table": sha256_of(part),
        }
        with (self.work / _JOURNAL).open("ab") as file:
            _write_through(file, seal(line).encode() + b"\n")
        self._count(line)

    def close(self) -> None:
        """Write the number of records into the header of the samples, and verify them."""
        with self.samples.open("r+b") as file:
            file.write(self._head())
        with self.samples.open("rb") as file:
            file.seek(len(self._head()))
            same = all(
                _same_samples(file, size, stated)
                for size, stated in zip(self._sizes, self._checksums, strict=True)
            )
        if not same:
            raise DamagedFileError(
                f"ingest: the samples in {self.samples} changed while they were written. "
                "Start the ingest again: it resumes after the last chunk that is whole."
            )

    def table(self) -> pd.DataFrame:
        """Return the table of all chunks, one row per record."""
        parts = (pd.read_parquet(self._part(number)) for number in range(self.n_chunks))
        return pd.concat([part for part in parts if len(part)], ignore_index=True)

    def sources(self) -> pd.DataFrame:
        """Return the state of the files of every record, read or broken."""
        names = [shown(name) for chunk in self.chunks for name in chunk]
        return pd.DataFrame({"record": names, "state": self.stamps})

    def _resume(self, folder: Path) -> None:
        """Count the finished chunks that are whole and whose records are unchanged."""
        n_bytes_journal = 0
        head = self._head()
        with self.samples.open("a+b") as file:
            file.seek(len(head))
            for line, end in self._lines():
                if not self._is_whole(line, file, folder):
                    break
                self._count(line)
                n_bytes_journal = end
        with (self.work / _JOURNAL).open("ab") as file:
            file.truncate(n_bytes_journal)
        with self.samples.open("r+b") as file:
            file.write(self._head())
            file.truncate(len(head) + sum(self._sizes))

    def _lines(self) -> list[tuple[dict[str, Any], int]]:
        """Return the lines up to the first that is incomplete or damaged, and where each ends."""
        path = self.work / _JOURNAL
        content = path.read_bytes() if path.exists() else b""
        lines, end = [], 0
        for text in content.splitlines(keepends=True)[: len(self.chunks)]:
            end += len(text)
            try:
                lines.append((unseal(text), end))
            except ValueError:
                break
        return lines

    def _is_whole(self, line: dict[str, Any], samples: IO[bytes], folder: Path) -> bool:
        names, part = self.chunks[self.n_chunks], self._part(self.n_chunks)
        return (
            line["stamps"] == [source_stamp(f"{folder}/{name}") for name in names]
            and part.exists()
            and sha256_of(part) == line["table"]
            and _same_samples(samples, line["n_records"] * self._record_bytes(), line["samples"])
        )

    def _count(self, line: dict[str, Any]) -> None:
        self.n_chunks += 1
        self.n_records += line["n_records"]
        self.n_clipped += line["n_clipped"]
        self.n_differing += line["n_differing"]
        self.broken += line["broken"]
        self.stamps += line["stamps"]
        self._checksums.append(line["samples"])
        self._sizes.append(line["n_records"] * self._record_bytes())

    def _head(self) -> bytes:
        head = io.BytesIO()
        write_samples_header(head, (self.n_records, *self.conversion.shape))
        return head.getvalue()

    def _record_bytes(self) -> int:
        n_leads, n_samples = self.conversion.shape
        return 2 * n_leads * n_samples

    def _part(self, number: int) -> Path:
        return self.work / f"{number:06d}.parquet"


def _same_samples(file: IO[bytes], n_bytes: int, stated: int) -> bool:
    """Read samples, and return whether their checksum is the one stated."""
    samples = file.read(n_bytes)
    return len(samples) == n_bytes and zlib.crc32(samples) == stated


def _write_through(file: IO[bytes], content: bytes | memoryview) -> None:
    """Write and sync to disk."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
