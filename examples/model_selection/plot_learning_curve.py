"""
Learning curve: would more patients help?
=========================================

:func:`sklearn.model_selection.learning_curve` trains on growing shares of the training set and
scores each model on the same test folds. If the score still rises at the end, more patients would
help; if it is flat, another model or other inputs are needed.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import learning_curve
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import BandpassFilter

# %%
# Train on growing sets of patients
# ---------------------------------
# ``MultilabelGroupKFold`` keeps each patient in one fold. ``learning_curve`` takes the first rows of
# a training set. The rows of this cohort are sorted by patient, so that these are whole patients.
cohort = make_clinical_ecg(n_subjects=400, random_state=0)
X, Y = (
    cohort.X[["ecg", "subject_id"]],
    cohort.Y[["atrial fibrillation", "old myocardial infarction"]],
)
n_records, train_scores, test_scores = learning_curve(
    make_pipeline(
        BandpassFilter(0.5, 40),
        ECGDiagnosisClassifier(RandomConvolution(500), random_state=0, verbose=0),
    ),
    X,
    Y,
    groups=cohort.groups,
    cv=MultilabelGroupKFold(3),
    scoring=masked_roc_auc_scorer,
    train_sizes=[0.125, 0.25, 0.5, 1.0],
)

# %%
# Draw mean and standard deviation over folds
# -------------------------------------------
# The gap between training and test scores is overfitting; it closes as patients are added. The
# curve is noisy: three folds of a few hundred patients. The standard deviation shows the spread of
# folds and is no confidence interval.
n_patients = n_records * cohort.groups.nunique() / len(X)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for scores, color, marker, label in [
    (train_scores, "#0072b2", "o", "training patients"),
    (test_scores, "#d55e00", "D", "test patients"),
]:
    mean, sd = scores.mean(axis=1), scores.std(axis=1)
    ax.fill_between(n_patients, mean - sd, np.minimum(mean + sd, 1), color=color, alpha=0.2)
    ax.plot(n_patients, mean, color=color, marker=marker, label=label)
ax.set(xscale="log", xlabel="training patients", ylabel="macro AUROC, mean and SD of 3 folds")
ax.set_xticks(n_patients, [f"{n:.0f}" for n in n_patients])
ax.minorticks_off()
ax.legend()
plt.show()
