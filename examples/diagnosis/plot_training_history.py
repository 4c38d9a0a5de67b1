"""
Training curves and early stopping
==================================

A network that trains too long on few patients overfits. ``early_stopping=True`` measures the loss
on held-out patients after each epoch, and keeps the weights of the best epoch.
:class:`~ecgsk.plotting.TrainingHistoryDisplay` draws the losses.
"""

import matplotlib.pyplot as plt

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import patient_bootstrap
from ecgsk.model_selection import patient_split
from ecgsk.plotting import TrainingHistoryDisplay
from ecgsk.training import Trainer

cohort = make_clinical_ecg(n_subjects=300, random_state=0)
train, test = patient_split(cohort.groups, test_size=0.4, random_state=0, Y=cohort.Y)

# %%
# Train with early stopping
# -------------------------
# A fifth of the training patients are held out. Training ends after six epochs without a lower
# validation loss.
model = ECGDiagnosisClassifier(
    ResNet1d(10, width=16),
    max_epochs=25,
    learning_rate=1e-2,
    early_stopping=True,
    trainer=Trainer(validation_fraction=0.2, n_iter_no_change=6),
    random_state=0,
    verbose=0,
).fit(cohort.X.iloc[train], cohort.Y.iloc[train])
model.history_.tail(3).round(3)

# %%
# The ring marks the epoch whose weights are kept. After it, only the training loss falls. Before
# it, the training loss can be the higher one: it is measured on augmented halves of records, with
# noise and missing leads, and the validation loss on whole records.
TrainingHistoryDisplay.from_estimator(model)
plt.show()

# %%
# Score the model on test patients
# --------------------------------
# With so few patients the interval is wide. The held-out patients are lost for training, so by
# default early stopping is on with 4,000 labelled patients or more.
P_test = model.predict_proba(cohort.X[["ecg"]].iloc[test])
print(
    patient_bootstrap(cohort.Y.iloc[test], P_test, groups=cohort.groups.iloc[test], random_state=0)
)
