"""A pre-training that collapses is told; the loss alone would not show it."""

import warnings

import numpy as np
import pytest
from torch.nn import functional as F

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.exceptions import CollapseWarning
from ecgsk.metrics import effective_rank
from ecgsk.objectives import Objective, ObjectiveModule


class _Agree(ObjectiveModule):
    def forward(self, encode, table, patients):
        one, other = F.normalize(encode(), dim=1), F.normalize(encode(), dim=1)
        return (1 - (one * other).sum(1)).mean()


class Agree(Objective):
    """Two views are to be alike, and nothing is to be apart: the classic collapse."""

    uses_table = False

    def build(self, n_features, n_columns):
        return _Agree()


@pytest.fixture(scope="module")
def cohort():
    return make_clinical_ecg(150, random_state=0)


def pretrainer(**parameters):
    parameters = {"max_epochs": 3, "random_state": 0, "verbose": False} | parameters
    return JointEmbeddingPretrainer(ResNet1d(10, width=4), **parameters)


def test_collapse_is_warned_of_while_the_loss_falls(cohort):
    with pytest.warns(CollapseWarning, match=r"use [1-4]\.\d directions .* used [5-9]\.\d before"):
        history = (
            pretrainer(objective=Agree(), max_epochs=10, learning_rate=0.02).fit(cohort.X).history_
        )
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0] / 3


def test_rank_of_every_epoch_is_that_of_the_embeddings(cohort):
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        fitted = pretrainer(early_stopping=False).fit(cohort.X)
    ranks = fitted.history_["effective_rank"]
    assert ranks.notna().all()
    assert len(ranks) == 3
    # Of other records, and of averaged weights: near, not equal.
    assert effective_rank(fitted.transform(cohort.X)[:64]) == pytest.approx(ranks.iloc[-1], rel=0.5)


def test_watching_changes_no_weight_and_no_random_number(cohort, monkeypatch):
    watched = pretrainer().fit(cohort.X)
    monkeypatch.setattr(
        "ecgsk.training.callbacks.EffectiveRank.on_epoch_end", lambda *_, **__: None
    )
    monkeypatch.setattr(
        "ecgsk.training.callbacks.EffectiveRank.on_train_end", lambda *_, **__: None
    )
    alone = pretrainer().fit(cohort.X)
    np.testing.assert_array_equal(watched.transform(cohort.X), alone.transform(cohort.X))


def test_a_few_records_are_not_judged():
    X = make_clinical_ecg(12, random_state=0).X
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        history = pretrainer(objective=Agree(), learning_rate=0.05).fit(X).history_
    assert history["effective_rank"].isna().all()
