"""Loader of the PhysioNet/CinC Challenges 2020 and 2021, with SNOMED CT codes."""

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._layouts import label_table
from ecgsk.exceptions import ECGError
from ecgsk.io import read_wfdb_folder
from ecgsk.signals import STANDARD_12_LEADS

_SOURCES = {
    "A": "CPSC",
    "Q": "CPSC-Extra",
    "I": "INCART",
    "S": "PTB",
    "HR": "PTB-XL",
    "E": "Georgia",
}
#: Chapman-Shaoxing has JS00001 to JS10646, Ningbo the rest.
_LAST_CHAPMAN_NUMBER = 10646


def load_challenge(
    path: str | Path,
    *,
    labels: Literal["scored", "all"] = "scored",
    unstated: Literal["missing", "negative"] = "missing",
    min_count: int = 1,
    sampling_rate: float | None = None,
    duration: float | None = None,
    leads: Sequence[str] = STANDARD_12_LEADS,
    errors: Literal["list", "raise"] = "list",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    r"""Load records of the PhysioNet/CinC Challenges 2020 and 2021.

    All or any of CPSC, CPSC-Extra, INCART (St Petersburg), PTB, PTB-XL, Georgia,
    Chapman-Shaoxing and Ningbo.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``.hea`` and ``.mat`` files, in subfolders or not.
    labels : {"scored", "all"}, default="scored"
        ``"scored"``: the 26 classes scored by the Challenge of 2021, by its
        abbreviations; each of the four pairs it scored as equal (such as right
        bundle branch block and the complete one) is one class. ``"all"``: every
        SNOMED CT code, by its number.
    unstated : {"missing", "negative"}, default="missing"
        Value of a scored class in records of a source that never states it: NaN,
        or 0 as in the Challenge's scores.
    min_count : int, default=1
        Minimum number of ECGs per label.
    sampling_rate : float, optional
        Hz. INCART has 257 Hz, PTB 1000 Hz, the others 500 Hz. Required for sources
        of several rates; records of another rate are resampled when read.
    duration : float, optional
        Seconds. Records have 5 s to 30 min: longer ones are cropped to this length
        and shorter ones padded with NaN.
    leads : sequence of str
        Leads to read, in this order.
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex`` and ``subject_id``, indexed by
        ``record`` (the path within the folder). ``Y``: 0 or 1, NaN in records
        without any code. ``source`` of each record, by its name; NaN for a name
        outside the Challenge. ``codes``: SNOMED CT codes of each label, with known
        names and numbers of records per source. ``broken``.

    Raises
    ------
    RecordReadError
        When no record is found or none can be read.
    SamplingRateError, DurationError
        When records differ and `sampling_rate` or `duration` is not given.
    ECGError
        When no record has a code, or no label is frequent enough.

    Notes
    -----
    * **Patients are not stated**: each record counts as a subject of its own. PTB
      has 516 records of at most 290 patients, INCART 74 of 32, PTB-XL 21,837 of
      18,885. Load PTB-XL with `load_ptbxl`, and use each of PTB and INCART either
      for training or for testing.
    * **Sources were labelled from different lists**: CPSC has six of the 26 scored
      classes, Ningbo no atrial fibrillation and Georgia no pacing. A class that a
      source states in none of its records of the Challenge of 2021 [2]_ is unknown
      there; with ``labels="all"``, 0 only means that a code is not stated.
    * The headers of 2020 state Georgia's gain five times too high; use those of
      2021.

    References
    ----------
    .. [1] Perez Alday et al., "Classification of 12-lead ECGs: the
       PhysioNet/Computing in Cardiology Challenge 2020", Physiological
       Measurement 41, 2020, doi:10.1088/1361-6579/abc960.
    .. [2] Reyna et al., "Will Two Do? Varying Dimensions in Electrocardiography:
       The PhysioNet/Computing in Cardiology Challenge 2021", Computing in
       Cardiology 48, 2021, doi:10.23919/CinC53138.2021.9662687; data: CC BY 4.0.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ecgsk.datasets import load_challenge
    >>> header = "A1 1 500 5000\nA1.mat 16 1000/mV 16 0 0 0 0 II\n#Age: 74\n#Sex: Male\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "A1.hea").write_text(header + "#Dx: 164889003,59118001\n")
    ...     np.zeros(5000, "<i2").tofile(Path(folder, "A1.mat"))
    ...     cohort = load_challenge(folder, leads=["II"])
    >>> cohort.Y
             AF  RBBB
    record
    A1      1.0   1.0
    """
    if labels not in ("scored", "all"):
        raise ECGError(f"load_challenge: expected labels='scored' or 'all', got {labels!r}.")
    if unstated not in ("missing", "negative"):
        raise ECGError(
            f"load_challenge: expected unstated='missing' or 'negative', got {unstated!r}."
        )
    frame = read_wfdb_folder(
        path,
        leads=leads,
        sampling_rate=sampling_rate,
        duration=duration,
        errors=errors,
        progress=progress,
    )
    frame.index = pd.Index(frame["record"], name="record")
    stated, known = _codes(frame, path), _known_codes()
    if labels == "scored":
        label_of = dict(zip(known["code"], known["label"], strict=True))
        stated = [
            None if codes is None else {label_of[code] for code in codes if code in label_of}
            for codes in stated
        ]
    Y = label_table(stated, frame.index, min_count=min_count, name="load_challenge")
    source = pd.Series([_source(record) for record in frame.index], frame.index, name="source")
    if labels == "scored" and unstated == "missing":
        Y = _without_unstated(Y, source, known)
    X = pd.DataFrame(
        {
            "ecg": frame["ecg"],
            "age": frame.get("age", np.nan),
            "sex": frame.get("sex", pd.NA),
            "subject_id": frame.index,
        },
        index=frame.index,
    )
    X["sex"] = X["sex"].astype(pd.CategoricalDtype(["F", "M"]))
    X.attrs["population"] = (
        "patients of the PhysioNet/CinC Challenge"  # a model that is fitted on X states it
    )
    if return_X_y:
        return X, Y
    return Cohort(
        X,
        Y,
        DESCR=f"PhysioNet/CinC Challenge: {len(X):,} records, {X['ecg'].dtype}. Patients are not "
        "stated: each record counts as its own. CC BY 4.0, Perez Alday et al., Reyna et al.",
        codes=known[known["label" if labels == "scored" else "code"].isin(Y.columns)],
        source=source,
        broken=frame.attrs["broken"],
    )


def _codes(frame: pd.DataFrame, path: str | Path) -> list[set[str] | None]:
    """Return the SNOMED CT codes of each record; None where its header states none."""
    if "dx" not in frame:
        raise ECGError(
            f"load_challenge: no header in {path} has a line '#Dx:' with SNOMED CT codes. Is it a "
            "Challenge folder? ecgsk.io.read_wfdb_folder reads any other."
        )
    return [
        set(re.findall(r"\d+", text)) or None if isinstance(text, str) else None
        for text in frame["dx"]
    ]


def _known_codes() -> pd.DataFrame:
    """Return the codes scored in 2021: ``code``, ``label``, ``name`` and records per source."""
    path = files("ecgsk.datasets") / "data" / "challenge_2021_codes.csv"
    return pd.read_csv(str(path), dtype={"code": str})


def _source(record: str) -> Any:
    """Return the source of a record by its name; NaN for other names."""
    name = re.fullmatch(r"([A-Z]+)(\d+)", record.rpartition("/")[2])
    if name and name[1] == "JS":
        return "Ningbo" if int(name[2]) > _LAST_CHAPMAN_NUMBER else "Chapman-Shaoxing"
    return _SOURCES.get(name[1], np.nan) if name else np.nan


def _without_unstated(Y: pd.DataFrame, source: pd.Series, known: pd.DataFrame) -> pd.DataFrame:
    """Replace 0 by NaN where the record's source never states the class."""
    sources = known.columns[3:]
    states = known.groupby("label")[sources.tolist()].sum().loc[Y.columns] > 0
    column = sources.get_indexer(pd.Index(source))
    never = ~states.to_numpy().T[column] & (column >= 0)[:, None]
    return Y.mask(never & (Y == 0).to_numpy())
