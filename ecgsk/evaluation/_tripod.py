"""Items of TRIPOD+AI and the sections of a model card that answer them.

The topics are paraphrased and numbered as in Collins et al., BMJ 2024;385:e078378.
"""

import pandas as pd

from ecgsk.evaluation._card_parts import TO_FILL
from ecgsk.explain import Section

# Item, topic, and the sections of the card that answer it.
_ITEMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("1", "Title", ()),
    ("2", "Abstract", ()),
    ("3a", "Health context, rationale and existing models", ()),
    ("3b", "Target population, purpose and intended users", ()),
    ("3c", "Known health inequalities between groups", ()),
    ("4", "Objectives", ()),
    ("5a", "Sources of the data and their representativeness", ()),
    ("5b", "Dates of the data", ()),
    ("6a", "Setting, number and place of centres", ()),
    ("6b", "Eligibility", ()),
    ("6c", "Treatments received", ()),
    ("7", "Preparation of the data", ("Model",)),
    ("8a", "Outcome: definition, time horizon, assessment", ()),
    ("8b", "Outcome: who assessed it", ()),
    ("8c", "Outcome: blinding of its assessment", ()),
    ("9a", "Predictors: choice", ("Model", "Training")),
    ("9b", "Predictors: definition, when and how measured", ()),
    ("9c", "Predictors: who assessed them", ()),
    ("10", "Sample size: how it was arrived at", ()),
    ("11", "Missing data: how they were handled", ("Missing values",)),
    ("12a", "Use of the data: development and evaluation", ("Data",)),
    ("12b", "Handling of predictors in the analysis", ("Model",)),
    ("12c", "Type of model, steps of its building, internal validation", ("Model", "Training")),
    ("12d", "Heterogeneity between clusters", ()),
    ("12e", "Measures of performance", ("Performance", "Calibration")),
    ("12f", "Updating of the model", ()),
    ("12g", "How predictions are computed", ("Model", "Versions")),
    ("13", "Class imbalance", ("Outcome",)),
    ("14", "Fairness: approaches and rationale", ()),
    ("15", "Output of the model, thresholds", ("Model", "Thresholds")),
    ("16", "Differences between development and evaluation data", ("Participants",)),
    ("17", "Ethical approval and consent", ()),
    ("18a", "Funding", ()),
    ("18b", "Conflicts of interest", ()),
    ("18c", "Protocol", ()),
    ("18d", "Registration", ()),
    ("18e", "Sharing of data", ()),
    ("18f", "Sharing of code", ()),
    ("19", "Involvement of patients and the public", ()),
    ("20a", "Flow of participants", ("Data",)),
    ("20b", "Characteristics of participants", ("Participants",)),
    ("20c", "Comparison of development and evaluation participants", ("Participants",)),
    ("21", "Numbers of participants and events in each analysis", ("Data", "Outcome")),
    ("22", "Full specification of the model", ("Model", "Training", "Versions")),
    ("23a", "Performance with intervals, in subgroups too", ("Performance", "Subgroups")),
    ("23b", "Heterogeneity of performance between clusters", ()),
    ("24", "Results of updating the model", ()),
    ("25", "Interpretation, fairness included", ()),
    ("26", "Limitations", ("Limits",)),
    ("27a", "Use with poor or missing input", ("Limits",)),
    ("27b", "Interaction with the user, expertise needed", ()),
    ("27c", "Next steps, generalisability", ()),
)


def checklist(answered: set[str]) -> Section:
    """Return the section that lists each item with its sections among `answered`."""
    rows = []
    for item, topic, parts in _ITEMS:
        found = [part for part in parts if part in answered]
        where = f"{', '.join(found)}; authors to complete" if found else TO_FILL
        rows.append((item, topic, where))
    return Section(
        "TRIPOD+AI items",
        "Sections answer an item from the fitted model and its data; the authors complete it.",
        pd.DataFrame(rows, columns=["item", "topic", "in this card"]),
    )
