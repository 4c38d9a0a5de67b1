"""Explanations of ECGs: diagnoses, and laboratory findings beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, overload

import pandas as pd
from markupsafe import escape

from ecgsk.explain._content import ExplanationContent
from ecgsk.explain._page import explanation_page
from ecgsk.explain._parts import Evidence
from ecgsk.explain._schema import explanation_dict
from ecgsk.explain._text import explanation_text
from ecgsk.plotting import plot_explanation, plot_explanations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DIAGNOSIS_COLUMNS = ["name", "probability", "threshold", "decision", "recorded"]
_LAB_COLUMNS = ["name", "probability", "threshold", "recorded", "base_rate", "lift", "ppv", "npv"]
_LAB_COLUMNS += ["low", "high", "unit"]
_N_IN_NOTEBOOK = 20


@dataclass(frozen=True, repr=False)
class Explanation(ExplanationContent):
    """Explanation of one record.

    .. versionadded:: 0.1

    Attributes
    ----------
    record : object
        Index label of the record in X.
    diagnoses : tuple of Diagnosis
        In the order of the model's labels; empty without a diagnosis model.
    laboratories : tuple of LabFinding
        In the order of the model's targets.
    ecg : ECGRecord or None
        The signal; None if X was a plain array.
    evidence : tuple of Evidence
        Findings that support or contradict diagnoses; for each diagnosis by
        odds ratio, the largest first.
    attributions : tuple of Attribution
        One per requested diagnosis.
    similar : tuple of SimilarPatient
        The nearest first.
    quality : str
        Problems of the signal; empty if there are none.
    model : dict
        Description of the model and its training.
    patient : dict
        Age, sex and heart rate, where known.

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
      hyperkalaemia   p 0.82  above threshold 0.50
      sepsis          p 0.04
    Laboratory abnormalities, most above their base rate first
      potassium high  p 0.71  base rate 0.08, reference 3.5-5.1 mmol/L
    Laboratory findings are predicted from the ECG; they are not shown to cause a
    diagnosis. Research use only.
    """

    def to_text(self, n_diagnoses: int = 5, n_laboratories: int = 5) -> str:
        """Return the explanation as text.

        Parameters
        ----------
        n_diagnoses : int, default=5
            Maximum number of diagnoses; the text counts further predicted ones.
        n_laboratories : int, default=5
            Maximum number of laboratory abnormalities.
        """
        return explanation_text(self, n_diagnoses, n_laboratories)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        found = [d.title for d in self.top_diagnoses() if d.predicted]
        return f"<Explanation of {self.title}; above threshold: {', '.join(found) or 'none'}>"

    def _repr_html_(self) -> str:
        return _frame_of(explanation_page([self]))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the signal as JSON values; see `explanation_schema`."""
        return explanation_dict(self)

    def to_html(self) -> str:
        """Return a self-contained HTML page, without script or network access."""
        return explanation_page([self])

    def plot(self) -> "Figure":
        """Draw the ECG on ECG paper (25 mm/s, 10 mm/mV) above both rankings.

        Raises
        ------
        ValueError
            If there is no signal because X was a plain array.
        """
        if self.ecg is None:
            raise ValueError(
                "Explanation.plot expected a signal; got none because X was a plain array. "
                "Explain a DataFrame with an ECG column."
            )
        return plot_explanation(
            self.ecg.signal,
            self.ecg.leads,
            self.ecg.sampling_rate,
            # Escape dollar signs, which start a formula in matplotlib.
            title=self.title.replace("$", r"\$"),
            diagnoses=[(d.title, d.probability, d.threshold) for d in self.top_diagnoses()],
            findings=[
                (
                    f"{f.title}  ({f.reference})" if f.reference else f.title,
                    f.probability,
                    f.base_rate,
                )
                for f in self.top_laboratories()
            ],
        )


class Explanations(Sequence[Explanation]):
    """Explanations of several records, in the order of X.

    .. versionadded:: 0.1

    Parameters
    ----------
    items : sequence of Explanation
        One per record.

    Examples
    --------
    >>> from ecgsk.explain import Explanations
    >>> len(Explanations([]))
    0
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

    def _repr_html_(self) -> str:
        more = len(self) - _N_IN_NOTEBOOK
        note = f"<p>{more} more records are left out here; see to_html().</p>" if more > 0 else ""
        return _frame_of(explanation_page(self[:_N_IN_NOTEBOOK])) + note

    def to_dict(self) -> list[dict[str, Any]]:
        """Return one dictionary of JSON values per record."""
        return [explanation.to_dict() for explanation in self]

    def to_html(self) -> str:
        """Return one page with an index and all records."""
        return explanation_page(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per record and diagnosis or abnormality.

        Returns
        -------
        DataFrame
            ``record``, ``kind`` ("diagnosis" or "laboratory"), ``name``,
            ``probability``, ``threshold``, ``recorded``; for diagnoses ``decision``; for
            abnormalities ``base_rate``, ``lift``, ``ppv``, ``npv``, and the reference
            range ``low``, ``high``, ``unit``. Unknown values are missing.
        """
        rows: list[dict[str, Any]] = []
        for e in self:
            rows += [
                {"record": e.record, "kind": "diagnosis"} | _select(d, _DIAGNOSIS_COLUMNS)
                for d in e.diagnoses
            ]
            rows += [
                {"record": e.record, "kind": "laboratory"} | _select(f, _LAB_COLUMNS)
                for f in e.laboratories
            ]
        columns = ["record", "kind", *dict.fromkeys(_DIAGNOSIS_COLUMNS + _LAB_COLUMNS)]
        frame = pd.DataFrame(rows, columns=columns)
        text = ["record", "kind", "name", "decision", "recorded", "unit"]
        return frame.astype({name: float for name in columns if name not in text})

    def evidence_to_frame(self) -> pd.DataFrame:
        """Return one row per record and item of evidence.

        Returns
        -------
        DataFrame
            ``record``, the fields of :class:`Evidence`, ``supports`` and ``seen``.
        """
        names = [f.name for f in fields(Evidence)] + ["supports", "seen"]
        rows = [{"record": e.record} | _select(item, names) for e in self for item in e.evidence]
        return pd.DataFrame(rows, columns=["record", *names])

    def plot(self) -> "Figure":
        """Draw the probabilities of all records side by side; ``[i].plot()`` draws one ECG."""
        return plot_explanations(self.to_frame())


def _select(item: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def _frame_of(page: str) -> str:
    """Return a page as a frame, whose style does not reach the notebook around it."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="Explanation" sandbox '
        'style="width: 100%; height: 44rem; border: 1px solid #ccc"></iframe>'
    )
