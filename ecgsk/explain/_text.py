"""Explanations as plain text."""

from ecgsk.explain._content import ExplanationContent
from ecgsk.explain._parts import Diagnosis
from ecgsk.plotting.figures import format_probability

DISCLAIMER = (
    "Laboratory findings are predicted from the ECG and stand beside the diagnoses;",
    "they do not cause them. Research use only.",
)
# Maximum number of findings for, and against, each diagnosis.
_N_EVIDENCE = 2
_DECISIONS = {"present": "predicted", "uncertain": "uncertain", "absent": ""}


def explanation_text(content: ExplanationContent, n_diagnoses: int, n_laboratories: int) -> str:
    """Return the top diagnoses with their evidence, and the top laboratory findings."""
    diagnoses = content.top_diagnoses(n_diagnoses)
    findings = content.top_laboratories(n_laboratories)
    names = [d.name for d in diagnoses] + [f.name for f in findings]
    width = max(map(len, names), default=0)
    lines = [f"ECG {content.record}"]
    if diagnoses:
        calibrated = any(d.answers is not None for d in content.diagnoses)
        lines.append("Diagnoses" if calibrated else "Diagnoses, not calibrated")
    for d in diagnoses:
        p = format_probability(d.probability)
        lines.append(f"  {d.name:<{width}}  p {p:<5}  {_decision(content, d)}".rstrip())
        if d.decision != "absent":
            lines += _evidence_lines(content, d.name)
    more = sum(d.predicted for d in content.diagnoses) - sum(d.predicted for d in diagnoses)
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
    return "\n".join([*lines, *DISCLAIMER])


def _decision(content: ExplanationContent, d: Diagnosis) -> str:
    """Return the decision; name the threshold of a calibrated diagnosis, which is not 0.5."""
    words = _DECISIONS[d.decision]
    if d.answers is not None and words:
        words += f" (threshold {format_probability(d.threshold)})"
    if d in content.not_calibrated:
        words = f"{words}, not calibrated".removeprefix(", ")
    return words


def _evidence_lines(content: ExplanationContent, diagnosis: str) -> list[str]:
    """Return a line of supporting and a line of contradicting findings."""
    evidence = content.evidence_for(diagnosis)
    lines = []
    for words, supports in (("goes with", True), ("speaks against it", False)):
        named = [
            f"{'' if e.seen else 'no sign of '}{e.finding} (odds ratio {e.odds_ratio:.2g})"
            for e in evidence
            if e.supports is supports
        ][:_N_EVIDENCE]
        if named:
            lines.append(f"    {words}: {', '.join(named)}")
    return lines
