"""Loader of VitalDB, as PhysioNet and api.vitaldb.net ship it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import joblib
import numpy as np
import pandas as pd

from ecgsk._progress import progress_bar
from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._mimic_iv._options import Window, window_seconds
from ecgsk.datasets._vitaldb import _tables
from ecgsk.datasets._vitaldb._tables import NAME
from ecgsk.datasets._vitaldb._windows import (
    DURATION_S,
    LEAD_TRACKS,
    RATE,
    VITALS,
    CaseWindows,
    WindowRules,
    read_case,
)
from ecgsk.exceptions import ECGError, LeadMismatchError, RecordReadError
from ecgsk.io.vital_file import load_vitaldb_package
from ecgsk.signals import ECGArray
from ecgsk.signals.leads import canonical_leads


def load_vitaldb(
    path: str | Path,
    *,
    cases: Iterable[int] | None = None,
    tolerance: str = "10min",
    max_amplitude: float = 5.0,
    lab_window: Window = "30D",
    target_window: str = "1h",
    vitals_window: Window = "5min",
    leads: Sequence[str] = ("II", "V5"),
    errors: Literal["list", "raise"] = "list",
    n_jobs: int | None = None,
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load VitalDB: one row per laboratory draw during an operation.

    6,388 operations of 6,090 patients with leads II and V5 at 500 Hz, 33 laboratory
    tests with times and reference ranges, vital signs and outcomes. Needs vitaldb:
    ``pip install 'ecgsk[vitaldb]'``.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``clinical_data.csv``, ``lab_data.csv``, ``lab_parameters.csv`` and,
        in it or in a folder below it such as ``vital_files``, the files ``0001.vital``
        (or ``1.vital``) to ``6388.vital``. Draws of cases without a file are left out.
    cases : iterable of int, optional
        Numbers of the cases to load; by default all.
    tolerance : str, default="10min"
        How long after the draw a window may begin.
    max_amplitude : float, default=5.0
        Largest absolute amplitude of a clean window, mV: electrocautery exceeds it.
    lab_window : str or (str, str), default="30D"
        How long before the window a laboratory input may have been drawn. Two times are
        the start and end, counted from the window. Results of the window's own draw and
        later ones are never inputs.
    target_window : str, default="1h"
        How long after the end of the window a laboratory target may be drawn.
    vitals_window : str or (str, str), default="5min"
        How long before the window a vital sign may have been measured.
    leads : sequence of str
        Of II and V5, in this order.
    errors : {"list", "raise"}, default="list"
        What to do about ``.vital`` files that cannot be read or lack a lead: list them
        in ``broken``, or raise.
    n_jobs : int, optional
        Number of files read at a time, as in joblib; a file takes seconds.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        ``X``: ``ecg`` (10 s, in memory, 20 kB per lead and row), ``age`` (years),
        ``sex``, ``height`` (cm), ``weight`` (kg), ``bmi``, ``asa_class``, ``emergency``,
        ``hypertension`` and ``diabetes`` (0 or 1), vital signs, laboratory inputs and
        ``subject_id``; columns without a single value are left out. ``Y``:
        ``death in hospital`` and ``intensive care`` (a day or more after the
        operation). ``labs``: laboratory targets. ``reference_ranges``: those of
        ``lab_parameters.csv``. ``case_id``, ``draw_time`` and ``window_time`` (seconds
        from the start of the recording) per row; ``flow`` (draws left after each step,
        and why others were left out), ``lab_counts`` and ``broken``.

    Raises
    ------
    RecordReadError
        When a table or column is absent, there is no ``.vital`` file, or none can be
        read.
    ECGError
        When a parameter is out of range, or no draw has a window.
    ImportError
        When vitaldb is not installed.

    See Also
    --------
    fetch_vitaldb : Download the database, or some of its cases, and load it.

    Notes
    -----
    * **Draw**: all results of a case with one ``dt`` in ``lab_data.csv``. The database
      does not state whether this is the time of the draw or of its arrival in the
      laboratory.
    * **Window**: the first clean 10 s that begin at the draw, or a whole number of
      seconds later within `tolerance`. For a draw before the recording, the first
      candidate is the start of the recording. Clean means that no sample is missing, no
      lead is flat or clipped, and no amplitude is above `max_amplitude`. A window that
      overlaps the window of an earlier draw is left out with its draw.
    * **Inputs and targets**: the draw parts them. Inputs are the latest results before
      the draw, so before the window; targets are the results nearest to the window
      at or after the draw. No result is both. Vital signs are the latest before the
      window; the arterial line comes before the cuff.
    * **Samples** are those of the ``.vital`` files at their own rate: the per-track CSV
      files of the database are shifted in time, and the package's own lower rates take
      the nearest sample without a filter. Packets that follow each other within 10 ms
      are joined, longer gaps are missing samples.
    * Ages such as ">89" become one year more, 90; ages such as 0.3 are years.
    * Reference ranges are the same for women and men, as the database states them.
    * Laboratory names are those of `load_mimic_iv` where the unit is the same;
      ``c_reactive_protein`` is in mg/dL.
    * Outcomes come after the recording and apply to all windows of an operation.
    * All patients are anaesthetised, and most have a normal ECG before it.

    References
    ----------
    .. [1] Lee et al., "VitalDB, a high-fidelity multi-parameter vital signs database in
       surgical patients", Scientific Data 9:279, 2022; PhysioNet, version 1.0.0,
       doi:10.13026/czw8-9p62. CC BY 4.0.

    Examples
    --------
    >>> from ecgsk.datasets import load_vitaldb
    >>> cohort = load_vitaldb("vitaldb", n_jobs=8)  # doctest: +SKIP
    """
    load_vitaldb_package()  # before the tables are read
    options = _check_options(
        tolerance, max_amplitude, lab_window, target_window, vitals_window, leads, errors
    )
    folder = Path(path)
    table = _tables.read_cases(folder, cases)
    labs, lab_counts = _tables.read_labs(folder, table.index)
    files = _find_files(folder)
    flow = _Flow(table["subjectid"])
    draws = labs[["caseid", "dt"]].drop_duplicates()
    flow.add("laboratory draws", draws["caseid"])
    draws = _during_recording(draws, table, options.rules.tolerance)
    flow.add("during a recording", draws["caseid"], "before or after the recording")
    draws = draws[draws["caseid"].isin(files)]
    flow.add("with a file", draws["caseid"], "no .vital file of the case")
    if draws.empty:
        raise RecordReadError(
            f"{NAME}: expected .vital files of cases with laboratory results during the "
            f"recording in {folder}, got {len(files)} files, none of such a case. "
            "Download further cases."
        )
    read, broken = _read_files(draws, files, options, n_jobs, progress, errors)
    windows = _collect(read, draws, flow, options)
    X, targets = _assemble(windows, read, table, labs, options)
    Y = _tables.outcomes(table).loc[windows["caseid"]].set_index(X.index)
    if return_X_y:
        X.attrs["population"] = "surgical patients of VitalDB"
        return X, Y
    counts = flow.table()
    return Cohort(
        X,
        Y,
        labs=targets,
        reference_ranges=_tables.read_ranges(folder, targets.columns),
        population="surgical patients of VitalDB",
        DESCR=_describe(counts, lab_counts, options),
        case_id=windows["caseid"].rename("case_id"),
        draw_time=windows["draw"].rename("draw_time"),
        window_time=windows["start"].rename("window_time"),
        flow=counts,
        flow_unit="draw",
        lab_counts=lab_counts,
        broken=broken,
    )


def cases_with_draws(
    folder: Path, cases: Iterable[int] | None = None, tolerance: str = "10min"
) -> list[int]:
    """Return the cases with a laboratory draw during the recording, from the tables alone."""
    table = _tables.read_cases(folder, cases)
    labs, _ = _tables.read_labs(folder, table.index)
    draws = _during_recording(labs, table, _seconds("tolerance", tolerance))
    return sorted(int(case) for case in draws["caseid"].unique())


def _during_recording(draws: pd.DataFrame, cases: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Return the draws after which a window may begin, by the recording's stated end."""
    end = draws["caseid"].map(cases["caseend"])
    return draws[(draws["dt"] >= -tolerance) & (draws["dt"] <= end - DURATION_S)]


def _seconds(name: str, text: str) -> float:
    return -window_seconds(text, f"{NAME}: {name}")[0]


class _Options(NamedTuple):
    """Checked parameters; times in seconds, counted from the window."""

    rules: WindowRules
    lab_window: tuple[float, float]
    target_window: float
    texts: dict[str, Any]  # as given, for the description


class _Flow:
    """Counts of draws and patients left after each step."""

    def __init__(self, patients: pd.Series):
        self._patients = patients
        self._steps: list[tuple[str, int, int, str]] = []

    def add(self, step: str, cases: pd.Series, reason: str = "") -> None:
        patients = self._patients.reindex(cases.unique()).nunique()
        self._steps.append((step, len(cases), patients, reason))

    def table(self) -> pd.DataFrame:
        columns = ["step", "records", "subjects", "reason"]
        table = pd.DataFrame(self._steps, columns=columns).set_index("step")
        left_out = -table["records"].diff().fillna(0).astype("int64")
        table.insert(2, "left_out", left_out)
        return table


def _check_options(
    tolerance: str,
    max_amplitude: float,
    lab_window: Window,
    target_window: str,
    vitals_window: Window,
    leads: Sequence[str],
    errors: str,
) -> _Options:
    texts = {"tolerance": tolerance, "lab_window": lab_window, "target_window": target_window}
    if errors not in ("list", "raise"):
        raise ECGError(f"{NAME}: errors must be 'list' or 'raise', got {errors!r}.")
    if not max_amplitude > 0:
        raise ECGError(f"{NAME}: expected max_amplitude above 0 mV, got {max_amplitude!r}.")
    names = canonical_leads(leads)
    if unknown := [lead for lead in names if lead not in LEAD_TRACKS]:
        raise LeadMismatchError(
            f"{NAME}: VitalDB has the leads {', '.join(LEAD_TRACKS)}; got {', '.join(unknown)}. "
            "Give one or both of them."
        )
    windows = {}
    for name, window in {"lab_window": lab_window, "vitals_window": vitals_window}.items():
        windows[name] = window_seconds(window, f"{NAME}: {name}")
        if windows[name][1] > 0:
            raise ECGError(
                f"{NAME}: {name} ends {windows[name][1]:g} s after the start of the window, so "
                "inputs could be measured after it. End it at '0s'."
            )
    within = _seconds("tolerance", tolerance)
    rules = WindowRules(names, within, float(max_amplitude), windows["vitals_window"])
    return _Options(rules, windows["lab_window"], _seconds("target_window", target_window), texts)


def _find_files(folder: Path) -> dict[int, Path]:
    """Return the file of each case, in the folder or below it."""
    found: dict[int, Path] = {}
    for file in sorted(folder.rglob("*.vital")):
        if not file.stem.isdecimal():
            continue
        if (case := int(file.stem)) in found:
            raise RecordReadError(
                f"{NAME}: {found[case]} and {file} are of the same case, {case}. Remove one."
            )
        found[case] = file
    return found


def _read_files(
    draws: pd.DataFrame,
    files: dict[int, Path],
    options: _Options,
    n_jobs: int | None,
    progress: bool,
    errors: str,
) -> tuple[dict[int, CaseWindows], list[dict[str, str]]]:
    """Read the windows of each case; list the files that cannot be read."""
    by_case: dict[int, list[float]] = {}
    for case, time in zip(draws["caseid"], draws["dt"], strict=True):
        by_case.setdefault(int(case), []).append(float(time))
    jobs = (
        joblib.delayed(read_case)(files[case], times, options.rules, NAME)
        for case, times in by_case.items()
    )
    done: Iterator[CaseWindows] = joblib.Parallel(n_jobs, return_as="generator")(jobs)
    bar = progress_bar(
        zip(by_case, done, strict=True),
        show=progress,
        desc="Read VitalDB",
        total=len(by_case),
        unit=" files",
    )
    read, broken = {}, []
    for case, result in bar:
        if not result.problem:
            read[case] = result
            continue
        if errors == "raise":
            raise RecordReadError(result.problem)
        broken.append({"record": files[case].name, "reason": result.problem})
    if not read:
        raise RecordReadError(
            f"{NAME}: none of {len(broken)} files can be read; the first: {broken[0]['reason']}"
        )
    return read, broken


def _collect(
    read: dict[int, CaseWindows], draws: pd.DataFrame, flow: _Flow, options: _Options
) -> pd.DataFrame:
    """Return case, draw and start of each window in seconds, and count what was left out."""
    in_read = draws["caseid"][draws["caseid"].isin(read)]
    flow.add("with leads " + " and ".join(options.rules.leads), in_read, "file broken, or no lead")
    found = [
        (case, draw, start / RATE)
        for case, windows in read.items()
        for draw, start in zip(windows.draws, windows.starts, strict=True)
    ]
    clean = [
        case
        for case, windows in read.items()
        for _ in range(len(windows.draws) + windows.n_overlapping)
    ]
    reason = f"no clean 10 s within {options.texts['tolerance']}"
    flow.add("with a clean window", pd.Series(clean, dtype="int64"), reason)
    windows = pd.DataFrame(found, columns=["caseid", "draw", "start"])
    flow.add("in the cohort", windows["caseid"], "overlaps the window of an earlier draw")
    if windows.empty:
        raise ECGError(
            f"{NAME}: none of {len(in_read)} draws has a clean window within "
            f"{options.texts['tolerance']}. Raise tolerance or max_amplitude."
        )
    return windows


def _assemble(
    windows: pd.DataFrame,
    read: dict[int, CaseWindows],
    cases: pd.DataFrame,
    labs: pd.DataFrame,
    options: _Options,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return X and the laboratory targets."""
    start = windows["start"]
    inputs = _tables.nearest_results(
        windows,
        labs,
        start + options.lab_window[0],
        # Before the draw, which chose the window: its own results are targets.
        (start + options.lab_window[1]).clip(upper=np.nextafter(windows["draw"], -np.inf)),
    )
    last = start + DURATION_S + options.target_window
    targets = _tables.nearest_results(windows, labs, windows["draw"], last)
    samples = np.concatenate([case.signals for case in read.values()])
    ecg = ECGArray.from_numpy(samples, sampling_rate=RATE, leads=options.rules.leads)
    signs = pd.DataFrame(
        {name: np.concatenate([case.vitals[name] for case in read.values()]) for name in VITALS}
    )
    of_case = cases.loc[windows["caseid"]].set_index(windows.index)
    parts = [_tables.clinical_columns(of_case), signs, inputs]
    patients = of_case["subjectid"].astype("int64").rename("subject_id")
    X = pd.concat([pd.DataFrame({"ecg": ecg}), *parts, patients], axis=1)
    # A column without a single value carries no information and cannot be scaled.
    return X.dropna(axis=1, how="all"), targets


def _describe(flow: pd.DataFrame, lab_counts: pd.DataFrame, options: _Options) -> str:
    last = flow.iloc[-1]
    left_out = flow["left_out"] > 0
    lines = [
        f"VitalDB, leads {' and '.join(options.rules.leads)}, {RATE} Hz, {DURATION_S} s: "
        f"{last['records']:,} windows of {last['subjects']:,} patients.",
        f"Window: the first clean {DURATION_S} s within {options.texts['tolerance']} after each "
        f"laboratory draw, no amplitude above {options.rules.max_amplitude:g} mV.",
        f"Laboratory inputs: before the draw, {options.texts['lab_window']} at most; targets: "
        f"from the draw to {options.texts['target_window']} after the window.",
        *(
            f"Left out: {row.left_out:,} draws, {row.reason}."
            for row in flow[left_out].itertuples()
        ),
        f"Left out: {lab_counts['not_a_number'].sum():,} results without a number.",
        "CC BY 4.0, Lee et al., Scientific Data 9:279, 2022; PhysioNet.",
    ]
    return "\n".join(lines)
