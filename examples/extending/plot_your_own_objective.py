"""
Your own objective for pre-training
===================================

An objective is a specification and a torch module that returns a loss. Here the embedding predicts
which clinical values were *measured*, because a doctor orders a test for a reason. The objective
uses neither diagnoses nor the values.
"""

import matplotlib.pyplot as plt
from torch import nn

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.objectives import Objective, ObjectiveModule
from ecgsk.plotting import TrainingHistoryDisplay
from ecgsk.preprocessing import BandpassFilter


class MeasuredModule(ObjectiveModule):
    """Binary cross-entropy of which columns of the table hold a value."""

    def __init__(self, n_features, n_columns):
        super().__init__()
        self.head = nn.Linear(n_features, n_columns)

    def forward(self, encode, table, patients):
        measured = (~table.isnan()).float()  # NaN: not measured
        return nn.functional.binary_cross_entropy_with_logits(self.head(encode()), measured)


class Measured(Objective):
    """Predict which clinical columns were measured."""

    def build(self, n_features, n_columns):
        return MeasuredModule(n_features, n_columns)


# %%
# Pre-train with it
# -----------------
# In ``forward``, ``encode()`` returns embeddings of the batch, and ``table`` holds scaled clinical
# columns. scikit-learn can clone the objective and search over it.
X = BandpassFilter(0.5, 40).fit_transform(make_clinical_ecg(n_subjects=300, random_state=0).X)
pretrainer = JointEmbeddingPretrainer(
    ResNet1d(10, width=8), objective=Measured(), max_epochs=6, random_state=0, verbose=False
)
pretrainer.fit(X)

# %%
TrainingHistoryDisplay.from_estimator(pretrainer)
plt.show()

# %%
# The embedding
# -------------
# One column per dimension, from the ECG alone. The loss falls mainly because the head learns how
# often each test is ordered: in these simulated patients, orders depend little on the ECG.
pretrainer.transform(X[["ecg"]].head(3)).round(2)
