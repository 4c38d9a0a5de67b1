"""Explanations as plain text."""

from ecgsk.explain._content import ExplanationContent
from ecgsk.explain._parts import Diagnosis, display_name
from ecgsk.plotting.figures import format_probability

_DISCLAIMER = (
    "Laboratory findings are predicted from the ECG; they are not shown to cause a",
    "diagnosis. Research use only.",
)
_WITHOUT_LABORATORIES = ("Diagnoses are predicted from the ECG. Research use only.",)
# Maximum number of findings for, and against, each diagnosis.
_N_EVIDENCE = 2
_RECORDED = {True: "recorded: present", False: "recorded: absent", None: ""}


def explanation_text(content: ExplanationContent, n_diagnoses: int, n_laboratories: int) -> str:
    """Return the top diagnoses with their evidence, and the top laboratory findings."""
    diagnoses = content.top_diagnoses(n_diagnoses)
    findings = content.top_laboratories(n_laboratories)
    names = [d.title for d in diagnoses] + [f.title for f in findings]
    width = max(map(len, names), default=0)
    lines = [content.title]
    if content.training_population:
        lines.append(f"Training population: {content.training_population}")
    if diagnoses:
        calibrated = any(d.answers is not None for d in content.diagnoses)
        lines.append("Diagnoses" if calibrated else "Diagnoses, not calibrated")
    for d in diagnoses:
        p = format_probability(d.probability)
        words = "; ".join(filter(None, [_decision(content, d), _RECORDED[d.recorded]]))
        lines.append(f"  {d.title:<{width}}  p {p:<5}  {words}".rstrip())
        if d.decision != "absent":
            lines += _evidence_lines(content, d.name)
    more = sum(d.predicted for d in content.diagnoses) - sum(d.predicted for d in diagnoses)
    if more:
        lines.append(f"  and {more} more above their thresholds")
    if findings:
        lines.append("Laboratory abnormalities, most above their base rate first")
    for f in findings:
        reference = f", reference {f.reference}" if f.reference else ""
        recorded = "" if f.recorded is None else "; " + _RECORDED[f.recorded]
        lines.append(
            f"  {f.title:<{width}}  p {format_probability(f.probability):<5} "
            f"base rate {format_probability(f.base_rate)}{reference}{recorded}"
        )
    return "\n".join([*lines, *disclaimer(content)])


def disclaimer(content: ExplanationContent) -> tuple[str, ...]:
    """Return the lines that say what the predictions are not."""
    return _DISCLAIMER if content.laboratories else _WITHOUT_LABORATORIES


def _decision(content: ExplanationContent, d: Diagnosis) -> str:
    """Return the side of the threshold, doubts about it, and whether it was calibrated."""
    words = [f"above threshold {format_probability(d.threshold)}"] if d.predicted else []
    words += ["uncertain"] if d.decision == "uncertain" else []
    words += ["not calibrated"] if d in content.not_calibrated else []
    return ", ".join(words)


def _evidence_lines(content: ExplanationContent, diagnosis: str) -> list[str]:
    """Return a line of supporting and a line of contradicting findings."""
    evidence = content.evidence_for(diagnosis)
    lines = []
    for words, supports in (("supported by", True), ("contradicted by", False)):
        chosen = [e for e in evidence if e.supports is supports][:_N_EVIDENCE]
        named = [
            f"{'' if e.seen else 'no sign of '}{display_name(e.finding)} "
            f"(odds ratio {e.odds_ratio:.2g}"
            f"{'; defined by this laboratory value' if e.is_definition else ''})"
            for e in chosen
        ]
        if named:
            lines.append(f"    {words}: {', '.join(named)}")
    return lines
