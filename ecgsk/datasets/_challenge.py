"""The PhysioNet/CinC Challenges of 2020 and 2021: WFDB headers that state SNOMED CT codes."""

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


def load_challenge(
    path: str | Path,
    *,
    labels: Literal["scored", "all"] = "scored",
    min_count: int = 1,
    sampling_rate: float | None = None,
    duration: float | None = None,
    leads: Sequence[str] = STANDARD_12_LEADS,
    errors: Literal["list", "raise"] = "list",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    r"""Load records of the PhysioNet/CinC Challenges 2020 and 2021.

    CPSC and CPSC-Extra, INCART (St Petersburg), PTB, PTB-XL, Georgia,
    Chapman-Shaoxing and Ningbo, all together or any of them.

    Parameters
    ----------
    path : path-like
        A folder of ``.hea`` and ``.mat`` files, in subfolders or not.
    labels : {"scored", "all"}, default="scored"
        ``"scored"``: the 26 classes that the Challenge of 2021 scored, by its
        abbreviations; the four pairs it held equal (such as right bundle branch
        block and a complete one) are one class each. ``"all"``: every SNOMED CT
        code, by its number.
    min_count : int, default=1
        ECGs a label must have.
    sampling_rate : float, optional
        Hz. INCART has 257 Hz, PTB 1000 Hz, the others 500 Hz: give one for
        several of them, and the rest is resampled as it is read.
    duration : float, optional
        Seconds. Records have 5 s to 30 min: give one length to which longer ones
        are cropped and shorter ones padded with NaN.
    leads : sequence of str
        Leads wanted, in the order wanted.
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar on a terminal.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex`` and ``subject_id``, indexed by
        ``record`` (the path within the folder). ``Y``: 0 or 1, NaN in records
        without any code. ``codes``: SNOMED CT codes of each label, with names
        where known. ``broken``.

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
    * **Patients are not stated**, so that each record counts as a subject of its
      own. Some are not: PTB has 516 records of 290 patients at most, INCART 74 of 32,
      PTB-XL 21,837 of 18,885. Take PTB-XL from `load_ptbxl`, and PTB and INCART
      for training or for testing alone.
    * **0 means that the code is not stated.** Sources were labelled by different
      people from different lists: CPSC knows nine classes, Ningbo states no
      atrial fibrillation and Georgia no pacing. A model trained across sources
      can learn the source; set a class to NaN in sources that never state it.

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
    frame = read_wfdb_folder(
        path,
        leads=leads,
        sampling_rate=sampling_rate,
        duration=duration,
        errors=errors,
        progress=progress,
    )
    frame.index = pd.Index(frame["record"], name="record")
    stated = _codes(frame, path)
    known = pd.read_csv(
        str(files("ecgsk.datasets") / "data" / "challenge_2021_codes.csv"), dtype=str
    )
    if labels == "scored":
        label_of = dict(zip(known["code"], known["label"], strict=True))
        stated = [
            None if codes is None else {label_of[code] for code in codes if code in label_of}
            for codes in stated
        ]
    Y = label_table(stated, frame.index, min_count=min_count, name="load_challenge")
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
    if return_X_y:
        return X, Y
    return Cohort(
        X,
        Y,
        DESCR=f"PhysioNet/CinC Challenge: {len(X):,} records, {X['ecg'].dtype}. Patients are not "
        "stated: each record counts as its own. CC BY 4.0, Perez Alday et al., Reyna et al.",
        codes=known[known["label" if labels == "scored" else "code"].isin(Y.columns)],
        broken=frame.attrs["broken"],
    )


def _codes(frame: pd.DataFrame, path: str | Path) -> list[set[str] | None]:
    """SNOMED CT codes of each record; None where its header states none."""
    if "dx" not in frame:
        raise ECGError(
            f"load_challenge: no header in {path} has a line '#Dx:' with SNOMED CT codes. Is it a "
            "Challenge folder? ecgsk.io.read_wfdb_folder reads any other."
        )
    return [
        set(re.findall(r"\d+", text)) or None if isinstance(text, str) else None
        for text in frame["dx"]
    ]
