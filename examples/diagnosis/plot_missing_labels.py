"""
Missing labels are not negative labels
======================================

In hospital data, many diagnoses are unknown for many patients. In ecgsk an unknown label is NaN and
is masked in the loss and in the scores. This example measures the effect of a common mistake, to
fill it with 0.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import patient_split

cohort = make_clinical_ecg(n_subjects=500, random_state=0)
labels = ["atrial fibrillation", "old myocardial infarction", "chronic kidney disease", "diabetes"]
Y = cohort.Y[labels]
train, test = patient_split(cohort.groups, test_size=0.5, random_state=0, Y=Y)

# %%
# Hide half of the training labels
# --------------------------------
# Labels are hidden at random. Rows without any label stay in the training set: a
# ``JointEmbeddingPretrainer`` as encoder would still use them for pre-training.
rng = np.random.default_rng(0)
Y_train = Y.iloc[train].mask(rng.random((len(train), len(labels))) < 0.5)
Y_train.head()

# %%
# Train with NaN, and with 0 in its place
# ---------------------------------------
results = []
for name, y in {"NaN, masked": Y_train, "filled with 0": Y_train.fillna(0.0)}.items():
    model = ECGDiagnosisClassifier(RandomConvolution(1000), random_state=0, verbose=0)
    P = model.fit(cohort.X.iloc[train], y).predict_proba(cohort.X[["ecg"]].iloc[test])
    results.append(
        pd.DataFrame(
            {
                "missing labels": name,
                "mean probability": P.mean(axis=0),
                "AUROC": masked_roc_auc(Y.iloc[test], P, average=None),
            },
            index=labels,
        )
    )
results = pd.concat(results)
results.round(3)

# %%
# Filled labels halve the probabilities
# -------------------------------------
# The AUROC depends only on the order of records, and hardly changes. But the model trained with 0
# for unknown labels predicts about half of the true frequency, so thresholds and risks are wrong.
table = results.pivot(columns="missing labels", values="mean probability")
table.insert(0, "observed in test patients", Y.iloc[test].mean())
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
table.loc[labels[::-1]].iloc[:, ::-1].plot.barh(
    ax=ax, color=["#d55e00", "#0072b2", "0.6"], width=0.75
)
ax.set(xlabel="frequency, or mean predicted probability", xlim=(0, 0.26))
handles, names = ax.get_legend_handles_labels()
ax.legend(handles[::-1], names[::-1], loc="upper right")
plt.show()
