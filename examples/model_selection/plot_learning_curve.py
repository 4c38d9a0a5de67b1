"""
Learning curve: scores by number of patients
============================================

:func:`sklearn.model_selection.learning_curve` trains on growing shares of the training set and
scores each model on the same test folds. If the test score still rises at the end, more labelled
patients probably help; if it is flat, try another model or other inputs.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold

# %%
# Pre-train on other patients, then embed the study
# -------------------------------------------------
archive = make_clinical_ecg(n_subjects=300, random_state=1)
pretrainer = JointEmbeddingPretrainer(
    ResNet1d(10, width=8), max_epochs=8, random_state=0, verbose=0
).fit(archive.X)
study = make_clinical_ecg(n_subjects=600, random_state=0)
X = pretrainer.transform(study.X[["ecg"]])
Y = study.Y[["atrial fibrillation", "old myocardial infarction", "heart failure"]]

# %%
# Train on growing sets of patients
# ---------------------------------
# ``MultilabelGroupKFold`` keeps each patient in one fold. ``learning_curve`` uses the first rows of
# a training set. The rows of this cohort are sorted by patient, so these are whole patients.
n_records, train_scores, test_scores = learning_curve(
    make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(C=0.01))),
    X,
    Y,
    groups=study.groups,
    cv=MultilabelGroupKFold(5),
    scoring=masked_roc_auc_scorer,
    train_sizes=[0.1, 0.2, 0.4, 0.7, 1.0],
)

# %%
# Draw mean and standard deviation over folds
# -------------------------------------------
# The gap between training and test scores shows overfitting; more patients reduce it. From about
# 200 patients on, the test score hardly rises: more labels help this frozen encoder little. The
# band is the spread over folds, not a confidence interval.
n_patients = n_records * study.groups.nunique() / len(X)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for scores, color, marker, label in [
    (train_scores, "#0072b2", "o", "training patients"),
    (test_scores, "#d55e00", "D", "test patients"),
]:
    mean, sd = scores.mean(axis=1), scores.std(axis=1)
    ax.fill_between(n_patients, mean - sd, np.minimum(mean + sd, 1), color=color, alpha=0.2)
    ax.plot(n_patients, mean, color=color, marker=marker, label=label)
ax.set(xscale="log", xlabel="training patients", ylabel="macro AUROC, mean and SD of 5 folds")
ax.set_xticks(n_patients, [f"{n:.0f}" for n in n_patients])
ax.minorticks_off()
ax.legend()
plt.show()
