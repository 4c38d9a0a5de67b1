"""Explanations assembled from arrays and frames; needs no estimator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.explain._explanation import Explanation, Explanations
from ecgsk.explain._parts import Attribution, Diagnosis, Evidence, LabFinding, SimilarPatient
from ecgsk.signals import ECGRecord

# Answers of a prediction set, by 1 for "absent" plus 2 for "present".
_ANSWERS = ((), (False,), (True,), (False, True))
_RANGE = ["low", "high", "unit"]
_CALIBRATED = ["threshold", "sensitivity", "specificity", "prevalence"]
_RATIOS = ["odds_ratio", "crude_odds_ratio", "adjusted_odds_ratio", "sensitivity"]


def assemble_explanations(
    records: Sequence[Any],
    laboratories: pd.DataFrame,
    lab_facts: pd.DataFrame,
    *,
    diagnoses: pd.DataFrame | None = None,
    thresholds: np.ndarray | None = None,
    prediction_sets: np.ndarray | None = None,
    calibrated: np.ndarray | None = None,
    coverage: float | None = None,
    ecgs: Sequence[ECGRecord | None] | None = None,
    problems: Sequence[str] | None = None,
    links: pd.DataFrame | None = None,
    contributions: np.ndarray | None = None,
    attributions: Sequence[Sequence[Attribution]] | None = None,
    similar: Sequence[Sequence[SimilarPatient]] | None = None,
    model: Mapping[str, Any] | None = None,
    patients: Sequence[Mapping[str, Any]] | None = None,
    titles: Mapping[str, str] | None = None,
    recorded: pd.DataFrame | None = None,
) -> Explanations:
    """Assemble explanations from predictions of any model.

    .. versionadded:: 0.1

    Parameters
    ----------
    records : sequence of length n_records
        Names of the records.
    laboratories : DataFrame of shape (n_records, n_targets)
        Probabilities, with targets such as ``"potassium high"`` as columns.
    lab_facts : DataFrame indexed by target
        Columns ``base_rate``; ``low``, ``high`` and ``unit`` of the reference range;
        after calibration also ``threshold``, ``sensitivity``, ``specificity`` and
        ``prevalence``. NaN is unknown.
    diagnoses : DataFrame of shape (n_records, n_labels) or None
        Probabilities.
    thresholds : ndarray of shape (n_labels,) or None
        Their thresholds; None is 0.5.
    prediction_sets : ndarray of bool, shape (n_records, n_labels, 2), or None
        Whether "absent" and "present" is in the set; None if not calibrated.
    calibrated : ndarray of bool, shape (n_labels,), or None
        Labels with prediction sets; None is all.
    coverage : float or None
        Coverage of the sets.
    ecgs : sequence of ECGRecord or None
        Signals.
    problems : sequence of str or None
        Problems of the signals, as of `ecgsk.signals.quality`.
    links : DataFrame or None
        Links that hold, as of ``LabEvidence.held_links_``.
    contributions : ndarray of shape (n_records, n_links) or None
        Their contributions, as of `LabEvidence.contributions`.
    attributions, similar : sequence of length n_records, or None
        Attributions and similar patients of each record.
    model : mapping or None
        Description of the model.
    patients : sequence of mapping, or None
        Age, sex and heart rate of each record, as text.
    titles : mapping or None
        Names to show, such as ``{"I48": "Atrial fibrillation (I48)"}``.
    recorded : DataFrame of shape (n_records, n_columns) or None
        What is known of the records: 1, 0 or NaN, with diagnoses and targets as columns.

    Returns
    -------
    Explanations

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk.explain import assemble_explanations
    >>> laboratories = pd.DataFrame({"potassium high": [0.71]})
    >>> facts = pd.DataFrame(
    ...     {"base_rate": 0.08, "low": 3.5, "high": 5.1, "unit": "mmol/L"}, index=["potassium high"]
    ... )
    >>> diagnoses = pd.DataFrame({"hyperkalaemia": [0.82]})
    >>> [explanation] = assemble_explanations(["ECG 7"], laboratories, facts, diagnoses=diagnoses)
    >>> explanation.laboratories[0].reference
    '3.5-5.1 mmol/L'
    """
    n = len(records)
    nothing: Sequence[Any] = [()] * n
    titles = {} if titles is None else titles
    known = [{}] * n if recorded is None else [_known(row) for _, row in recorded.iterrows()]
    parts = zip(
        records,
        nothing
        if diagnoses is None
        else _diagnoses(diagnoses, thresholds, prediction_sets, calibrated, coverage),
        _laboratories(laboratories, lab_facts),
        [None] * n if ecgs is None else ecgs,
        nothing if links is None or contributions is None else _evidence(links, contributions),
        nothing if attributions is None else attributions,
        nothing if similar is None else map(tuple, similar),
        [""] * n if problems is None else problems,
        [dict(model or {})] * n,
        [{}] * n if patients is None else patients,
        strict=True,
    )
    return Explanations(
        [
            Explanation(record, _named(items, titles, row), _named(findings, titles, row), *rest)
            for (record, items, findings, *rest), row in zip(parts, known, strict=True)
        ]
    )


def _known(row: pd.Series) -> dict[str, bool]:
    return {str(name): bool(value) for name, value in row.items() if not pd.isna(value)}


def _named(
    parts: tuple[Any, ...], titles: Mapping[str, str], recorded: Mapping[str, bool]
) -> tuple[Any, ...]:
    """Return diagnoses or findings with their titles and what is recorded."""
    return tuple(
        replace(part, title=titles.get(part.name, ""), recorded=recorded.get(part.name))
        for part in parts
    )


def _diagnoses(
    probabilities: pd.DataFrame,
    thresholds: np.ndarray | None,
    sets: np.ndarray | None,
    calibrated: np.ndarray | None,
    coverage: float | None,
) -> Iterator[tuple[Diagnosis, ...]]:
    P = probabilities.to_numpy()
    thresholds = np.full(P.shape[1], 0.5) if thresholds is None else thresholds
    has_set = np.zeros(P.shape[1], bool) if sets is None else np.ones(P.shape[1], bool)
    has_set = has_set if calibrated is None else has_set & calibrated
    answers = np.zeros(P.shape, int) if sets is None else sets @ [1, 2]
    for row, row_answers in zip(P, answers, strict=True):
        columns = zip(probabilities, row, thresholds, row_answers, has_set, strict=True)
        yield tuple(
            Diagnosis(str(name), float(p), float(threshold), _ANSWERS[number], coverage)
            if is_calibrated
            else Diagnosis(str(name), float(p), float(threshold))
            for name, p, threshold, number, is_calibrated in columns
        )


def _laboratories(
    probabilities: pd.DataFrame, facts: pd.DataFrame
) -> Iterator[tuple[LabFinding, ...]]:
    facts = facts.loc[list(probabilities)].reindex(columns=["base_rate", *_RANGE, *_CALIBRATED])
    findings = [_describe_finding(str(name), fact) for name, fact in facts.iterrows()]
    for row in probabilities.to_numpy().tolist():
        yield tuple(
            LabFinding(probability=p, **finding) for finding, p in zip(findings, row, strict=True)
        )


def _describe_finding(name: str, fact: pd.Series) -> dict[str, Any]:
    laboratory, _, direction = name.rpartition(" ")
    known: dict[Any, Any] = {key: None if pd.isna(value) else value for key, value in fact.items()}
    return {
        "laboratory": laboratory,
        "direction": direction,
        **known,
        "base_rate": fact["base_rate"],
        "unit": known["unit"] or "",
    }


def _evidence(links: pd.DataFrame, contributions: np.ndarray) -> Iterator[tuple[Evidence, ...]]:
    """Yield the evidence of each record, in the order of the links."""
    # Where the model sees it the other way, the ECG does not show what the patients do.
    shown = (links["sensitivity"] > 0).to_numpy()
    rows = [_describe_link(link) for _, link in links[shown].iterrows()]
    for record in contributions[:, shown].tolist():
        yield tuple(
            Evidence(contribution=contribution, **link)
            for link, contribution in zip(rows, record, strict=True)
        )


def _describe_link(link: pd.Series) -> dict[str, Any]:
    carried = link["carried_by_ecg"]
    return {
        "diagnosis": str(link["diagnosis"]),
        "finding": str(link["finding"]),
        "odds_ratio_low": float(link["low"]),
        "odds_ratio_high": float(link["high"]),
        "is_definition": bool(link["is_definition"]),
        "carried_by_ecg": None if pd.isna(carried) else bool(carried),
        **{name: float(link[name]) for name in _RATIOS},
    }
