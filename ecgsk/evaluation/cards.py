"""Model card of a fitted classifier, in the order of TRIPOD+AI."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecgsk._safe_text import without_controls
from ecgsk.datasets import Cohort
from ecgsk.evaluation import _card_data, _card_fit, _card_scores
from ecgsk.evaluation._card_parts import TO_FILL
from ecgsk.evaluation._comparison import ArmsComparison
from ecgsk.evaluation._tripod import checklist
from ecgsk.explain import Section

_LEAD = (
    "In the order of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378). Written from the fitted "
    f'model and its data; "{TO_FILL}" marks what they do not contain.'
)
_USE = (
    "Research software, not a medical device: do not use it for patient care. "
    "Predictions are associations in the training patients, not causal effects."
)


def model_card(
    model: Any,
    *,
    cohort: Cohort | None = None,
    comparison: ArmsComparison | None = None,
    intended_use: str | None = None,
    title: str = "Model card",
) -> str:
    """Describe a fitted classifier as Markdown, in the order of TRIPOD+AI.

    .. versionadded:: 0.1

    Parameters
    ----------
    model : ECGDiagnosisClassifier or Pipeline
        Fitted. The steps of a pipeline before the classifier are listed as
        preprocessing. The classifier may be calibrated by a MultilabelCalibrator, or be the
        encoder of a LabAbnormalityExplainer: the thresholds are then those of the calibration.
    cohort : Cohort, optional
        Cohort of the comparison, with the same rows. Adds patients, labels and missing values.
    comparison : ArmsComparison, optional
        Comparison that fitted and scored the model. Adds the split and the scores.
    intended_use : str, optional
        Intended use of the model; None leaves it to the authors.
    title : str, default="Model card"
        Heading of the card.

    Returns
    -------
    str
        Markdown. Missing facts are marked "To be filled in by the authors." The last
        table lists the items of TRIPOD+AI with the sections that answer them.

    Raises
    ------
    ECGError
        If the model is not a fitted classifier, the comparison did not fit it, or the
        cohort has other rows than the comparison.

    References
    ----------
    Collins et al., "TRIPOD+AI statement: updated guidance for reporting clinical
    prediction models that use regression or machine learning methods", BMJ 2024;
    385:e078378.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.evaluation import model_card
    >>> X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
    >>> Y = Y[["atrial fibrillation", "diabetes"]]
    >>> model = ECGDiagnosisClassifier(max_epochs=1, random_state=0, verbose=False).fit(X, Y)
    >>> print(model_card(model)[:12])
    # Model card
    """
    return as_markdown(title, card_sections(model, cohort, comparison, intended_use))


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Render the sections of a card as Markdown."""
    environment = Environment(
        loader=PackageLoader("ecgsk.evaluation"),
        finalize=without_controls,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "prose": _prose, "quoted": _quoted}
    template = environment.get_template("model_card.md")
    return template.render(title=title, lead=_LEAD, sections=sections)


def card_sections(
    model: Any,
    cohort: Cohort | None,
    comparison: ArmsComparison | None,
    intended_use: str | None,
) -> list[Section]:
    """Return the sections of a card, for Markdown or an HTML page."""
    steps, classifier, calibrator = _card_fit.split_pipeline(model)
    score = _card_scores.score_of_model(classifier, comparison)
    sections = [
        Section("Intended use", f"{intended_use or TO_FILL}\n\n{_USE}"),
        *_card_fit.describe_model(steps, classifier),
        *_card_data.describe_data(cohort, comparison),
        *_card_fit.describe_training(classifier, score, comparison),
        *_card_scores.describe_scores(classifier, calibrator, score, comparison),
        *_card_fit.describe_limits(classifier, calibrator, cohort, comparison),
    ]
    answered = {section.heading for section in sections if section.text != TO_FILL}
    return [*sections, checklist(answered)]


def _cell(value: Any) -> str:
    """Escape text for a cell of a Markdown table."""
    text = " ".join(str(value).split())
    for sign in ("\\", "|", "`", "*", "_", "[", "]", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text


def _prose(text: str) -> str:
    """Escape what Markdown would pass on as HTML."""
    return str(text).replace("<", "\\<")


def _quoted(text: str) -> str:
    """Return text as an indented code block of Markdown."""
    return "\n".join(f"    {line}".rstrip() for line in text.strip().splitlines())
