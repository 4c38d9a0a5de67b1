"""Model-card sections about the fitted model."""

import pytest

from ecgsk.evaluation import model_card
from ecgsk.exceptions import ECGError


def test_model_lists_architecture_leads_and_steps(card, card_facts, comparison):
    listed = card_facts(card, "Model")
    module = comparison.score_of().model.net_.module_
    assert listed["parameters"] == f"{sum(p.numel() for p in module.parameters()):,}"
    assert listed["architecture"] == "ResNet1d(depth=10, width=4)"
    assert listed["leads"].startswith("I, II, III, aVR")
    assert listed["sampling rate"] == "100 Hz"
    assert "BandpassFilter" in listed["preprocessing"]


def test_limits_count_rare_labels(card, card_part, comparison):
    limits = card_part(card, "Limits")
    warned = f"Only {comparison.n_test_patients} test patients" in limits
    assert warned == (comparison.n_test_patients < 20)
    assert "4 of 4 labels have fewer than 20 positive test patients" in limits


def test_model_that_is_no_classifier_raises(pretrainer):
    with pytest.raises(ECGError, match="got JointEmbeddingPretrainer"):
        model_card(pretrainer)
