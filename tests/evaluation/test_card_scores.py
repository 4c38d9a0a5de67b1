"""Model-card sections about scores."""

import numpy as np
import pytest

from ecgsk.evaluation import JOINT_EMBEDDING, model_card
from ecgsk.exceptions import ECGError


def test_scores_are_those_of_the_comparison(card, card_part, card_facts, comparison):
    score = comparison.score_of(JOINT_EMBEDDING)
    result = score.auroc
    expected = f"AUROC {result.estimate:.3f} [{result.low:.3f}, {result.high:.3f}]"
    assert expected in card_part(card, "Performance")
    brier = np.mean((score.probabilities - comparison.held_out.Y.to_numpy()) ** 2)
    assert f"Brier score {brier:.3f} [" in card_part(card, "Calibration")
    assert "| sex F" in card_part(card, "Subgroups") or "| sex female" in card_part(
        card, "Subgroups"
    )
    assert card_facts(card, "Training")["arm of the comparison"] == JOINT_EMBEDDING


def test_model_that_the_comparison_did_not_fit_raises(comparison, classifier):
    with pytest.raises(ECGError, match="expected a model that the comparison fitted"):
        model_card(classifier, comparison=comparison)
