"""Explanations as one self-contained HTML page."""

import math
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from ecgsk._safe_text import without_controls
from ecgsk.explain._content import ExplanationContent
from ecgsk.explain._parts import Attribution, Diagnosis, Evidence, LabFinding
from ecgsk.plotting import ecg_svg
from ecgsk.plotting.figures import format_probability

_N_UNFOLDED = 12  # rows of a table before the rest is folded
_N_SUMMARY = 5  # diagnoses named in the summary line
_UNKNOWN = "–"


def explanation_page(explanations: Sequence[ExplanationContent]) -> str:
    """Return a self-contained HTML page without script, all text escaped."""
    views = [_View(explanation) for explanation in explanations]
    title = views[0].title if len(views) == 1 else f"{len(views)} ECGs explained"
    return render("explanation.html", title=title, views=views)


def render(template: str, **context: Any) -> str:
    """Render one of the package's templates; inserted text is escaped."""
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Any:
    # A page alone needs jinja2, and not an explanation as text.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ecgsk.explain"),
        autoescape=True,
        finalize=without_controls,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "lift": _lift,
        "recorded": {True: "present", False: "absent", None: _UNKNOWN}.get,
        "known": {True: "yes", False: "not shown", None: _UNKNOWN}.get,
        "percent": _percent,
        "plain": _plain,
        "probability": _probability,
        "ratio": _ratio,
        "signed": _signed,
        "width": lambda share: f"{100 * min(max(share, 0), 1):.1f}" if _is_known(share) else 0,
        "words": lambda name: (text := str(name).replace("_", " "))[:1].upper() + text[1:],
    }
    environment.filters["is_share"] = lambda mark: _is_known(mark) and 0 <= mark <= 1
    return environment


class _View:
    """View of one explanation: the order and the wording of the page."""

    def __init__(self, explanation: ExplanationContent):
        self.e = explanation
        self.title = explanation.title

    @property
    def in_short(self) -> list[tuple[str, str]]:
        """Decisions other than "absent", each with its diagnoses."""
        lines = []
        calibrated = any(d.answers is not None for d in self.e.diagnoses)
        for decision, words in (("present", "above threshold"), ("uncertain", "uncertain")):
            found = [d for d in self._ranked if d.decision == decision]
            names = [
                f"{d.title} (probability {_probability(d.probability)}, threshold "
                f"{_probability(d.threshold)}"
                f"{', not calibrated' if d in self.e.not_calibrated else ''})"
                for d in found[:_N_SUMMARY]
            ]
            if len(found) > _N_SUMMARY:
                names.append(f"{len(found) - _N_SUMMARY} more")
            if names:
                how = words if calibrated else f"{words}, though not calibrated"
                lines.append((how, ", ".join(names)))
        return lines

    @cached_property
    def _ranked(self) -> list[Diagnosis]:
        order = ("present", "uncertain", "absent")
        return sorted(self.e.diagnoses, key=lambda d: (order.index(d.decision), -d.probability))

    @property
    def diagnoses(self) -> tuple[list[Diagnosis], list[Diagnosis]]:
        """Unfolded and folded diagnoses."""
        return self._ranked[:_N_UNFOLDED], self._ranked[_N_UNFOLDED:]

    @property
    def certainty(self) -> str:
        """Text on calibration and uncertainty."""
        sets = [d for d in self.e.diagnoses if d.answers is not None]
        if not sets:
            return (
                "The diagnoses were not calibrated: probabilities may be too high or too low, "
                "and no diagnosis is marked as uncertain."
            )
        known = sorted({d.coverage for d in sets if d.coverage is not None})
        words = (
            "Probabilities are calibrated on held-out patients. Uncertain: the prediction set "
            "holds both answers, none, or only the one that the threshold does not give."
        )
        if known:
            share = " to ".join(dict.fromkeys(_percent(c) for c in (known[0], known[-1])))
            words += (
                " On average, the set holds the true answer in at least "
                f"{share} of the patients with a diagnosis, and of those without."
            )
        if self.e.not_calibrated:
            words += (
                " Not calibrated: too few held-out patients with or without the diagnosis; its "
                "probability may be far too high or too low."
            )
        return words

    @cached_property
    def laboratories(self) -> tuple[list[LabFinding], list[LabFinding]]:
        """Unfolded and folded findings."""
        ranked = self.e.top_laboratories(len(self.e.laboratories))
        ranked += [f for f in self.e.laboratories if f not in ranked]
        return ranked[:_N_UNFOLDED], ranked[_N_UNFOLDED:]

    @property
    def titles(self) -> dict[str, str]:
        """Names to show of diagnoses and findings."""
        diagnoses = {d.name: d.title for d in self.e.diagnoses}
        return diagnoses | {f.name: f.title for f in self.e.laboratories}

    @property
    def has(self) -> dict[str, bool]:
        """Columns that the laboratory findings fill."""
        findings = self.e.laboratories
        return {
            "reference": any(f.reference for f in findings),
            "threshold": any(f.threshold is not None for f in findings),
            "recorded": any(f.recorded is not None for f in findings),
            "diagnosed": any(d.recorded is not None for d in self.e.diagnoses),
            "predictive": any(f.ppv is not None or f.npv is not None for f in findings),
        }

    @property
    def evidence(self) -> tuple[list[tuple[str, list[Evidence]]], list[tuple[str, list[Evidence]]]]:
        """Evidence by diagnosis, in the order of the table; that of absent ones is folded."""
        names = [d.name for d in self._ranked] + [e.diagnosis for e in self.e.evidence]
        found = {name: list(self.e.evidence_for(name)) for name in names}
        absent = {d.name for d in self.e.diagnoses if d.decision == "absent"}
        items = [(name, items) for name, items in found.items() if items]
        return [i for i in items if i[0] not in absent], [i for i in items if i[0] in absent]

    @property
    def largest(self) -> float:
        """Largest absolute contribution, whose bar is full."""
        return max((abs(item.contribution) for item in self.e.evidence), default=0) or 1.0

    @property
    def similar_rows(self) -> list[tuple[str, list[str]]]:
        """Tables of the similar patients side by side, without rows that none has."""
        tables = [s.table for s in self.e.similar]
        names = dict.fromkeys(name for table in tables for name in table)
        rows = [(str(name), [_plain(table.get(name)) for table in tables]) for name in names]
        return [(name, values) for name, values in rows if set(values) != {_UNKNOWN}]

    @property
    def cut(self) -> str:
        """Note on a record that the sheet shows only in part."""
        if self.e.ecg is None or self.e.ecg.duration <= 10:
            return ""
        return f" Shown are the first 10 s of {self.e.ecg.duration:g} s."

    def drawing(self, title: str = "", shade: np.ndarray | None = None) -> Markup:
        """Return the ECG on ECG paper."""
        ecg = self.e.ecg
        assert ecg is not None
        svg = ecg_svg(
            ecg.signal, ecg.leads, ecg.sampling_rate, title=self.title + title, shade=shade
        )
        return Markup(svg)  # ecg_svg escapes its text

    def overlay(self, attribution: Attribution) -> Markup:
        """Return the ECG with the attribution shaded behind each lead."""
        assert self.e.ecg is not None
        rows = dict(zip(attribution.leads, np.abs(attribution.values), strict=True))
        none = np.zeros(attribution.values.shape[1])
        shade = np.stack([rows.get(lead, none) for lead in self.e.ecg.leads])
        return self.drawing(f", attribution of {attribution.diagnosis}", shade)


def _is_known(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def _probability(p: float | None) -> str:
    if p is None or math.isnan(p):
        return _UNKNOWN
    # An infinite threshold predicts a label never or always.
    return format_probability(p) if math.isfinite(p) else "never" if p > 0 else "always"


def _lift(lift: float) -> str:
    if not math.isfinite(lift):
        return _UNKNOWN
    return "<0.1×" if lift < 0.05 else f"{lift:.1f}×"


def _ratio(ratio: float) -> str:
    return (
        f"{ratio:.2g}"
        if abs(ratio) < 0.1
        else f"{ratio:.1f}"
        if abs(ratio) >= 10
        else f"{ratio:.2f}"
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _percent(share: float | None) -> str:
    if share is None or math.isnan(share):
        return _UNKNOWN
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _plain(value: Any) -> str:
    """Return a table cell as text."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(part) for part in value)
    return str(value)
