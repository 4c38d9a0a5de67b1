"""A model card: what a fit knows of itself, and what its authors have to add."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecgsk.datasets import Cohort
from ecgsk.evaluation import _card_data, _card_fit, _card_scores
from ecgsk.evaluation._card_parts import TO_FILL
from ecgsk.evaluation._comparison import ArmsComparison
from ecgsk.evaluation._tripod import checklist
from ecgsk.explain import Section

_LEAD = (
    "Ordered after TRIPOD+AI (Collins et al., BMJ 2024;385:e078378). Filled with what the fit "
    f'knows of itself; "{TO_FILL}" stands where it cannot know.'
)
_USE = (
    "Research software, not a medical device: it must not guide the care of a patient. "
    "Predictions are associations in the training patients, not causes."
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

    Parameters
    ----------
    model : ECGDiagnosisClassifier or Pipeline
        Fitted; of a pipeline that ends in one, the steps before are told as
        preprocessing.
    cohort : Cohort, optional
        That the comparison was made of, row by row: its patients, labels and table.
    comparison : ArmsComparison, optional
        That fitted and scored the model: its split and performance.
    intended_use : str, optional
        What the model is for; None leaves it to the authors.
    title : str, default="Model card"
        Heading.

    Returns
    -------
    str
        Markdown. What is not known is marked "to be filled in by the authors" and
        never made up; the last table says so for every item of TRIPOD+AI.

    Raises
    ------
    ECGError
        If the model is no fitted classifier, the comparison did not fit it, or the
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
    >>> model = ECGDiagnosisClassifier(max_epochs=1, random_state=0, verbose=False).fit(X, Y)
    >>> print(model_card(model)[:12])
    # Model card
    """
    return as_markdown(title, card_sections(model, cohort, comparison, intended_use))


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the parts of a card as Markdown."""
    environment = Environment(
        loader=PackageLoader("ecgsk.evaluation"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "quoted": _quoted}
    template = environment.get_template("model_card.md")
    return template.render(title=title, lead=_LEAD, sections=sections)


def card_sections(
    model: Any,
    cohort: Cohort | None,
    comparison: ArmsComparison | None,
    intended_use: str | None,
) -> list[Section]:
    """Return the parts of a card, for a page as for Markdown."""
    steps, classifier = _card_fit.take_apart(model)
    score = _card_scores.score_of_model(classifier, comparison)
    parts: Sequence[Section] = [
        Section("Intended use", f"{intended_use or TO_FILL}\n\n{_USE}"),
        *_card_fit.describe_model(steps, classifier),
        *_card_data.describe_data(cohort, comparison),
        *_card_fit.describe_training(classifier, score, comparison),
        *_card_scores.describe_scores(classifier, score, comparison),
        *_card_fit.describe_limits(classifier, cohort, comparison),
    ]
    return [*parts, checklist({part.heading for part in parts if part.text != TO_FILL})]


def _cell(value: Any) -> str:
    """Return text that stays inside its cell of a Markdown table, and text."""
    text = " ".join(str(value).split())
    for sign in ("\\", "|", "`", "*", "_", "[", "]", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text


def _quoted(text: str) -> str:
    """Return a text word by word, as Markdown's indented code."""
    return "\n".join(f"    {line}".rstrip() for line in text.strip().splitlines())
