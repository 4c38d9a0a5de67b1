"""What a model says of one ECG: diagnoses, and laboratory findings beside them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from ecgsk.explain._page import explanation_page
from ecgsk.explain._parts import (
    Attribution,
    Diagnosis,
    Evidence,
    LabFinding,
    SimilarPatient,
)
from ecgsk.plotting import plot_explanation, plot_explanations
from ecgsk.plotting.figures import format_probability
from ecgsk.signals import ECGRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ASSOCIATION = (
    "Laboratory findings are predicted from the ECG and stand beside the diagnoses;",
    "they do not cause them. Research use only.",
)

# Findings named for, and against, each diagnosis in text.
_EVIDENCE_LINES = 2


@dataclass(frozen=True)
class Explanation:
    """What a model says of one record.

    Attributes
    ----------
    record : object
        The record's index label in X.
    diagnoses : tuple of Diagnosis
        In the order of the model's labels; empty without a diagnosis model.
    laboratories : tuple of LabFinding
        In the order of the model's targets.
    ecg : ECGRecord or None
        The signal; None where X was a plain array.
    evidence : tuple of Evidence
        Findings that support or contradict diagnoses; of each diagnosis those
        first that it is most sensitive to.
    attributions : tuple of Attribution
        One per diagnosis that was asked for.
    similar : tuple of SimilarPatient
        The nearest first.
    quality : str
        What is wrong with the signal; empty where nothing is.
    model : dict
        What the model is, and was fitted on.

    Examples
    --------
    >>> from ecgsk.explain import Diagnosis, Explanation, LabFinding
    >>> print(
    ...     Explanation(
    ...         7,
    ...         (Diagnosis("hyperkalaemia", 0.82, 0.5), Diagnosis("sepsis", 0.04, 0.5)),
    ...         (LabFinding("potassium", "high", 0.71, 0.08, 3.5, 5.1, "mmol/L"),),
    ...         None,
    ...     )
    ... )
    ECG 7
    Diagnoses, not calibrated
      hyperkalaemia   p 0.82  predicted
      sepsis          p 0.04
    Laboratory abnormalities, most above their base rate first
      potassium high  p 0.71  base rate 0.08, reference 3.5-5.1 mmol/L
    Laboratory findings are predicted from the ECG and stand beside the diagnoses;
    they do not cause them. Research use only.
    """

    record: Any
    diagnoses: tuple[Diagnosis, ...]
    laboratories: tuple[LabFinding, ...]
    ecg: ECGRecord | None
    evidence: tuple[Evidence, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    similar: tuple[SimilarPatient, ...] = ()
    quality: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)

    def evidence_for(self, diagnosis: str) -> list[Evidence]:
        """Return what supports or contradicts one diagnosis, in the order of `evidence`."""
        return [item for item in self.evidence if item.diagnosis == diagnosis]

    def top_diagnoses(self, n: int = 5) -> list[Diagnosis]:
        """Return the ``n`` first diagnoses: predicted ones, then by probability."""
        return sorted(self.diagnoses, key=lambda d: (not d.predicted, -d.probability))[:n]

    def top_laboratories(self, n: int = 5) -> list[LabFinding]:
        """Return the ``n`` abnormalities that stand most above their base rate."""
        known = [finding for finding in self.laboratories if finding.base_rate > 0]
        return sorted(known, key=lambda f: f.base_rate - f.probability)[:n]

    @property
    def not_calibrated(self) -> list[Diagnosis]:
        """Diagnoses that held-out patients were too few for, where others were calibrated."""
        bare = [d for d in self.diagnoses if d.answers is None]
        return bare if len(bare) < len(self.diagnoses) else []

    def to_text(self, n_diagnoses: int = 5, n_laboratories: int = 5) -> str:
        """Return the explanation in words.

        Parameters
        ----------
        n_diagnoses : int, default=5
            Diagnoses to name; how many more are predicted is said.
        n_laboratories : int, default=5
            Laboratory abnormalities to name.
        """
        diagnoses = self.top_diagnoses(n_diagnoses)
        findings = self.top_laboratories(n_laboratories)
        names = [d.name for d in diagnoses] + [f.name for f in findings]
        width = max(map(len, names), default=0)
        lines = [f"ECG {self.record}"]
        if diagnoses:
            calibrated = any(d.answers is not None for d in self.diagnoses)
            lines.append("Diagnoses" if calibrated else "Diagnoses, not calibrated")
        for d in diagnoses:
            p = format_probability(d.probability)
            lines.append(f"  {d.name:<{width}}  p {p:<5}  {self._verdict(d)}".rstrip())
            if d.decision != "absent":
                lines += self._evidence_lines(d.name)
        more = sum(d.predicted for d in self.diagnoses) - sum(d.predicted for d in diagnoses)
        if more:
            lines.append(f"  and {more} more predicted")
        if findings:
            lines.append("Laboratory abnormalities, most above their base rate first")
        for f in findings:
            reference = f", reference {f.reference}" if f.reference else ""
            lines.append(
                f"  {f.name:<{width}}  p {format_probability(f.probability):<5} "
                f"base rate {format_probability(f.base_rate)}{reference}"
            )
        return "\n".join([*lines, *ASSOCIATION])

    def _verdict(self, d: Diagnosis) -> str:
        """Return what is said of a diagnosis; thresholds of calibrated ones are of all sizes."""
        words = {"present": "predicted", "uncertain": "uncertain", "absent": ""}[d.decision]
        if d.answers is not None and words:
            words += f" (threshold {format_probability(d.threshold)})"
        if d in self.not_calibrated:
            words = f"{words}, not calibrated".removeprefix(", ")
        return words

    def _evidence_lines(self, diagnosis: str) -> list[str]:
        """Return the findings that go with a diagnosis most, for it and against it."""
        evidence = self.evidence_for(diagnosis)
        lines = []
        for words, supports in (("goes with", True), ("speaks against it", False)):
            told = [
                f"{'' if e.seen else 'no sign of '}{e.finding} (odds ratio {e.odds_ratio:.2g})"
                for e in evidence
                if e.supports is supports
            ][:_EVIDENCE_LINES]
            if told:
                lines.append(f"    {words}: {', '.join(told)}")
        return lines

    def __str__(self) -> str:
        return self.to_text()

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the signal, as JSON takes it and `explanation_schema` describes."""
        return {
            "version": 1,
            "record": _as_json(self.record),
            "quality": self.quality,
            "diagnoses": [
                _fields(d, predicted=bool(d.predicted), decision=d.decision) for d in self.diagnoses
            ],
            "laboratories": [
                _fields(f, lift=f.lift, ppv=f.ppv, npv=f.npv) for f in self.laboratories
            ],
            "evidence": [_fields(e, supports=e.supports, seen=e.seen) for e in self.evidence],
            "attributions": [_fields(a) for a in self.attributions],
            "similar": [_fields(s) for s in self.similar],
            "model": _as_json(dict(self.model)),
            "note": " ".join(ASSOCIATION),
        }

    def to_html(self) -> str:
        """Return a page that needs nothing but itself: no script, no network."""
        return explanation_page([self])

    def plot(self) -> "Figure":
        """Draw the ECG on ECG paper (25 mm/s, 10 mm/mV) above both rankings.

        Raises
        ------
        ValueError
            Where there is no signal, because X was a plain array.
        """
        if self.ecg is None:
            raise ValueError(
                "Explanation: there is no signal to draw, X was a plain array. Explain a "
                "DataFrame with an ECG column."
            )
        return plot_explanation(
            self.ecg.signal,
            self.ecg.leads,
            self.ecg.sampling_rate,
            # A dollar sign is one, not the start of a formula.
            title=f"ECG {self.record}".replace("$", r"\$"),
            diagnoses=[(d.name, d.probability, d.threshold) for d in self.top_diagnoses()],
            findings=[
                (
                    f"{f.name}  ({f.reference})" if f.reference else f.name,
                    f.probability,
                    f.base_rate,
                )
                for f in self.top_laboratories()
            ],
        )


class Explanations(Sequence[Explanation]):
    """Explanations of several records, in the order of X.

    Parameters
    ----------
    items : sequence of Explanation
        One per record.
    """

    def __init__(self, items: Sequence[Explanation]):
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, i: int) -> Explanation: ...
    @overload
    def __getitem__(self, i: slice) -> "Explanations": ...
    def __getitem__(self, i: Any) -> Any:
        return Explanations(self._items[i]) if isinstance(i, slice) else self._items[i]

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"<Explanations of {len(self)} records>"

    def to_dict(self) -> list[dict[str, Any]]:
        """Return one dictionary per record, as JSON takes it."""
        return [explanation.to_dict() for explanation in self]

    def to_html(self) -> str:
        """Return one page of all records, after an index of them."""
        return explanation_page(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per record and statement.

        Returns
        -------
        DataFrame
            ``record``, ``kind`` ("diagnosis" or "laboratory"), ``name``,
            ``probability``, ``threshold``; of a diagnosis ``decision``; of an
            abnormality ``base_rate``, ``lift``, ``ppv``, ``npv``, and the reference
            range ``low``, ``high``, ``unit``. What is not known is missing.
        """
        rows: list[dict[str, Any]] = []
        for e in self:
            rows += [
                {"record": e.record, "kind": "diagnosis"} | _take(d, _OF_DIAGNOSES)
                for d in e.diagnoses
            ]
            rows += [
                {"record": e.record, "kind": "laboratory"} | _take(f, _OF_LABORATORIES)
                for f in e.laboratories
            ]
        columns = ["record", "kind", *dict.fromkeys(_OF_DIAGNOSES + _OF_LABORATORIES)]
        frame = pd.DataFrame(rows, columns=columns)
        text = ["record", "kind", "name", "decision", "unit"]
        return frame.astype({name: float for name in columns if name not in text})

    def evidence_to_frame(self) -> pd.DataFrame:
        """Return one row per record, diagnosis and finding that supports or contradicts it.

        Returns
        -------
        DataFrame
            ``record``, the fields of :class:`Evidence`, ``supports`` and ``seen``.
        """
        names = [f.name for f in fields(Evidence)] + ["supports", "seen"]
        rows = [{"record": e.record} | _take(item, names) for e in self for item in e.evidence]
        return pd.DataFrame(rows, columns=["record", *names])

    def plot(self) -> "Figure":
        """Draw the probabilities of all records side by side; ``[i].plot()`` draws one ECG."""
        return plot_explanations(self.to_frame())


_OF_DIAGNOSES = ["name", "probability", "threshold", "decision"]
_OF_LABORATORIES = ["name", "probability", "threshold", "base_rate", "lift", "ppv", "npv"]
_OF_LABORATORIES += ["low", "high", "unit"]


def _take(item: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def _fields(item: Any, **computed: Any) -> dict[str, Any]:
    """Return what a part holds, bar what is not shown, and what follows from it."""
    held = {f.name: getattr(item, f.name) for f in fields(item) if f.repr}
    return {name: _as_json(value) for name, value in (held | computed).items()}


def _as_json(value: Any) -> Any:
    """JSON has no NaN, which is null, and no dates, which are text."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (tuple, list)):
        return [_as_json(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
