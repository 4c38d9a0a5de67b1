"""
Your own encoder, with the package's checks
===========================================

An encoder has two parts: a specification, which scikit-learn can clone and search over, and the
torch module that ``build`` returns. This example adds a recurrent network, runs the package's
checks on it, and trains it like any other encoder.
"""

import matplotlib.pyplot as plt
import pandas as pd
from torch import Tensor, nn

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import Encoder, EncoderModule, ResNet1d
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import patient_split
from ecgsk.plotting import TrainingHistoryDisplay
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.utils.estimator_checks import CHECKS


class GRUEncoder(Encoder):
    """Recurrent network over short pieces of the signal."""

    def __init__(self, hidden_size: int = 16, stride: int = 10):
        self.hidden_size = hidden_size
        self.stride = stride

    def build(self, n_leads: int, n_times: int) -> "GRUModule":
        return GRUModule(n_leads, self.hidden_size, self.stride)


class GRUModule(EncoderModule):
    """Torch module for any number of leads and any length."""

    def __init__(self, n_leads: int, hidden_size: int, stride: int):
        super().__init__()
        self.n_features = 4 * hidden_size  # two directions; mean and maximum of each
        self.pieces = nn.Sequential(
            nn.Conv1d(n_leads, hidden_size, 15, stride, padding=7),
            nn.BatchNorm1d(hidden_size),
            nn.ReLU(),
        )
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True, bidirectional=True)

    def forward_features(self, x: Tensor) -> Tensor:
        states, _ = self.gru(self.pieces(x).transpose(1, 2))
        return states.transpose(1, 2)


# %%
# Run the checks
# --------------
# :mod:`ecgsk.utils.estimator_checks` fits an estimator with the encoder on small data, and raises
# an error if a check fails. Three checks run here. In a test suite, ``parametrize_with_ecg_checks``
# runs all of them, and scikit-learn's ``parametrize_with_checks`` runs scikit-learn's.
estimator = ECGDiagnosisClassifier(GRUEncoder(4), max_epochs=1, verbose=False, device="cpu")
results = {}
for check in CHECKS[:3]:
    check(estimator)
    results[check.__name__] = "passed"
pd.Series(results, name="result").to_frame()

# %%
# Train it and a residual network
# -------------------------------
cohort = make_clinical_ecg(n_subjects=200, random_state=0)
X, Y = Resample(100).fit_transform(cohort.X), cohort.Y[["atrial fibrillation"]]
X = BandpassFilter(0.5, 40).fit_transform(X)[["ecg", "subject_id"]]
train, test = patient_split(cohort.groups, test_size=0.4, random_state=0, Y=Y)
models = {}
for encoder in [GRUEncoder(), ResNet1d(10, width=4)]:
    model = ECGDiagnosisClassifier(encoder, max_epochs=8, random_state=0, verbose=0)
    models[type(encoder).__name__] = model.fit(X.iloc[train], Y.iloc[train])
auroc = {
    name: masked_roc_auc(Y.iloc[test], model.predict_proba(X.iloc[test]))
    for name, model in models.items()
}
pd.Series(auroc, name="AUROC of atrial fibrillation").round(2).to_frame()

# %%
# About 120 training patients are few, so these scores do not show which encoder is better. The
# falling losses show that both train.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    TrainingHistoryDisplay.from_estimator(model, ax=ax)
    ax.set_title(name)
plt.show()
