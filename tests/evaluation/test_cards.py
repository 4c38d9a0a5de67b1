"""Model cards of a model alone: no facts that the fit does not have."""

import re

import ecgsk
from ecgsk.evaluation import model_card

TO_FILL = "To be filled in by the authors."


def test_card_of_a_model_alone_leaves_scores_to_the_authors(card_part, classifier):
    card = model_card(classifier)
    unknown = ("Data", "Participants", "Outcome", "Performance", "Calibration", "Subgroups")
    for heading in unknown:
        assert card_part(card, heading).strip() == TO_FILL
    items = card.split("## TRIPOD+AI items")[1]
    assert f"| 23a | Performance with intervals, in subgroups too | {TO_FILL} |" in items
    assert "Not scored" in card_part(card, "Limits")


def test_numbers_of_a_model_alone_are_in_its_parameters(card_part, classifier):
    card = model_card(classifier)
    body = card.split("## Intended use")[1].split("## TRIPOD+AI items")[0]
    body = body.replace(card_part(card, "Versions"), "").replace("\\", "").replace(",", "")
    known = repr(classifier.get_params()) + repr(classifier.encoder_spec_)
    known += repr((classifier.shape_, classifier.sampling_rate_, classifier.leads_))
    known += f" {sum(p.numel() for p in classifier.net_.module_.parameters())}"
    known += f" {classifier.n_outputs_} {classifier.thresholds_} {len(classifier.history_)}"
    known += " ".join(classifier.label_names_)
    rate = classifier.sampling_rate_
    known += f" {rate:g} {classifier.shape_[1] / rate:g} {ecgsk.__version__}"
    listed = set(re.findall(r"\d+(?:\.\d+)?", body))
    assert listed <= set(re.findall(r"\d+(?:\.\d+)?", known)) | {"0.5"}
