"""Nearest training patients in an embedding."""

import hashlib
import secrets
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import pairwise_distances_chunked
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from ecgsk._alignment import check_row_order
from ecgsk._privacy import disclosed
from ecgsk.explain._parts import SimilarPatient

# Length of a patient's hash: two million patients collide in one of ten thousand models.
_HASH_BYTES = 8
# Neighbouring records per requested patient in the first search; doubled until enough.
_RECORDS_PER_PATIENT = 4
# Kept column types: text and dates may identify a patient.
_KEPT_DTYPES: list[Any] = ["number", "bool", "boolean", "category"]


class SimilarPatients(BaseEstimator):
    """Find the nearest training patients in an embedding, by cosine similarity.

    Identifiers are replaced by random codes, drawn anew in each fit: hashes with a salt that
    is not kept. They can neither be read nor matched with those of another model.

    A fitted object holds the embeddings, diagnoses and tables of the training patients, and
    so does a model with it. Fit it only on data that may be shared with the model.

    .. versionadded:: 0.1

    Attributes
    ----------
    embedding_ : ndarray of shape (n_records, n_features), float16
        Training embeddings, of length 1.
    patients_ : ndarray of shape (n_records,) of str
        Random codes of the patients.
    diagnoses_ : DataFrame of shape (n_records, n_labels)
        1 present, 0 absent, NaN not known.
    table_ : DataFrame of shape (n_records, n_columns)
        Clinical table.
    n_features_in_ : int
        Number of features of the embedding.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.explain import SimilarPatients
    >>> similar = SimilarPatients().fit(
    ...     np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]),
    ...     ["Ann", "Ann", "Bob"],
    ...     pd.DataFrame({"sepsis": [0, 1, 1]}),
    ...     pd.DataFrame({"potassium": [4.1, 4.0, np.nan]}),
    ... )
    >>> [first, second] = similar.find(np.array([[1.0, 0.0]]), n_patients=2)[0]
    >>> round(first.similarity, 2), first.diagnoses, first.table
    (1.0, (), {'potassium': 4.1})
    >>> round(second.similarity, 2), second.diagnoses, second.table
    (0.0, ('sepsis',), {})
    """

    def fit(
        self,
        embedding: np.ndarray,
        patients: Any,
        diagnoses: pd.DataFrame | None = None,
        table: pd.DataFrame | None = None,
    ) -> "SimilarPatients":
        """Keep the training records.

        Parameters
        ----------
        embedding : ndarray of shape (n_records, n_features)
            Embedding of the training records.
        patients : array-like of shape (n_records,)
            Patient of each record; only a random code is kept.
        diagnoses : DataFrame of shape (n_records, n_labels) or None
            1 present, 0 absent, NaN not known.
        table : DataFrame of shape (n_records, n_columns) or None
            Table to show. Numbers, booleans and categories are kept; text and dates, which may
            identify a patient, are not. From 20 patients on, categories of fewer than five are
            pooled, and the extremes are replaced by the median of the five most extreme patients.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For no record, different numbers of rows, or embeddings that are not finite.
        """
        aligned = {"patients": patients, "diagnoses": diagnoses, "table": table}
        check_row_order("SimilarPatients", embedding, "embedding", **aligned)
        check_row_order("SimilarPatients", diagnoses, "diagnoses", patients=patients, table=table)
        embedding = np.asarray(embedding, dtype=np.float32)
        names = np.asarray(patients)
        frames = [
            pd.DataFrame(index=range(len(embedding))) if frame is None else frame
            for frame in (diagnoses, table)
        ]
        n_rows = [len(embedding), len(names), *map(len, frames)]
        if embedding.ndim != 2 or not len(embedding) or len(set(n_rows)) > 1:
            raise ValueError(
                "SimilarPatients expected equal numbers of rows, at least one, of embedding (2-D), "
                f"patients, diagnoses and table; got {n_rows}. Give the same records of each."
            )
        _check_finite(embedding)
        diagnoses, table = (frame.reset_index(drop=True) for frame in frames)
        salt = secrets.token_bytes(16)
        self.embedding_ = normalize(embedding).astype(np.float16)
        self.patients_ = np.array([_hash(name, salt) for name in names.tolist()])
        self.diagnoses_ = diagnoses.astype(np.float32)
        self.table_ = disclosed(table.select_dtypes(_KEPT_DTYPES), names)
        self.n_features_in_ = embedding.shape[1]
        return self

    def find(self, embedding: np.ndarray, n_patients: int = 3) -> list[list[SimilarPatient]]:
        """Return the nearest patients of each record, by each patient's nearest record.

        Parameters
        ----------
        embedding : ndarray of shape (n_records, n_features)
            Embedding of the new records, by the same model.
        n_patients : int, default=3
            Number of patients; at most those in training.

        Returns
        -------
        list of list of SimilarPatient
            Nearest first. ``table`` has the measured columns.

        Raises
        ------
        ValueError
            For another number of features, values that are not finite, or ``n_patients < 1``.
        """
        check_is_fitted(self)
        embedding = np.asarray(embedding, dtype=np.float32)
        if embedding.ndim != 2 or embedding.shape[1] != self.n_features_in_:
            raise ValueError(
                f"SimilarPatients was fitted on embeddings of {self.n_features_in_} features; got "
                f"shape {embedding.shape}. Embed both by the same model."
            )
        if n_patients < 1:
            raise ValueError(f"SimilarPatients.find expected n_patients >= 1; got {n_patients!r}.")
        _check_finite(embedding)
        if not len(embedding):
            return []
        n_patients = min(n_patients, len(np.unique(self.patients_)))
        nearest = self._nearest(embedding, n_patients)
        facts = self._facts(np.unique(np.concatenate([rows for rows, _ in nearest])))
        return [
            [
                SimilarPatient(str(self.patients_[row]), 1 - distance, *facts[row])
                for row, distance in zip(rows.tolist(), distances.tolist(), strict=True)
            ]
            for rows, distances in nearest
        ]

    def _nearest(
        self, embedding: np.ndarray, n_patients: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the nearest rows of different patients, and their distances, per record."""
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        known, n_records = self.embedding_.astype(np.float32), len(self.patients_)
        n_wanted = min(_RECORDS_PER_PATIENT * n_patients, n_records)
        while left := [i for i in range(len(embedding)) if i not in found]:
            for i, distances, rows in zip(
                left, *_nearest_rows(embedding[left], known, n_wanted), strict=True
            ):
                _, first = np.unique(self.patients_[rows], return_index=True)
                if len(first) >= n_patients or n_wanted == n_records:
                    first = np.sort(first)[:n_patients]
                    found[i] = rows[first], distances[first]
            n_wanted = min(2 * n_wanted, n_records)
        return [found[i] for i in range(len(embedding))]

    def _facts(self, rows: np.ndarray) -> dict[int, tuple[tuple[str, ...], dict[str, Any]]]:
        """Return present diagnoses and measured values of each row."""
        names = self.diagnoses_.columns.astype(str).to_numpy()
        present = self.diagnoses_.iloc[rows].to_numpy() == 1
        # Before version 3, pandas returns no records for a table without columns.
        tables = self.table_.iloc[rows].to_dict("records") or [{} for _ in rows]
        return {
            row: (
                tuple(names[has].tolist()),
                {str(name): value for name, value in table.items() if pd.notna(value)},
            )
            for row, has, table in zip(rows.tolist(), present, tables, strict=True)
        }


def _nearest_rows(x: np.ndarray, known: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cosine distances and numbers of the ``n`` nearest known rows, nearest first.

    As scikit-learn's NearestNeighbors, whose package takes much longer to import.
    """

    def nearest(distances: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.argpartition(distances, n - 1, axis=1)[:, :n]
        of_rows = np.take_along_axis(distances, rows, axis=1)
        order = np.argsort(of_rows, axis=1)
        return np.take_along_axis(of_rows, order, 1), np.take_along_axis(rows, order, 1)

    parts = pairwise_distances_chunked(x, known, reduce_func=nearest, metric="cosine")
    distances, rows = zip(*parts, strict=True)
    return np.concatenate(distances), np.concatenate(rows)


def _check_finite(embedding: np.ndarray) -> None:
    if not np.isfinite(embedding).all():
        raise ValueError(
            "SimilarPatients expected finite embeddings; got NaN or infinity. "
            "Leave out records that could not be embedded."
        )


def _hash(name: Any, salt: bytes) -> str:
    return hashlib.blake2b(str(name).encode(), digest_size=_HASH_BYTES, key=salt).hexdigest()
