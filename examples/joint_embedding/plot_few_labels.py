"""
Pre-train with the clinical table, then learn from few labels
=============================================================

Many hospitals have ECGs with laboratory values, but few with a confirmed diagnosis.
:class:`~ecgsk.JointEmbeddingPretrainer` aligns ECGs with their clinical tables, without diagnoses.
:class:`~ecgsk.ECGDiagnosisClassifier` then trains on the labels. This example compares it with the
same network trained from scratch, for 40, 100 and 250 labelled patients.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import paired_difference, patient_bootstrap
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter

cohort = make_clinical_ecg(n_subjects=700, random_state=0)
X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
train, test = patient_split(cohort.groups, test_size=0.4, random_state=0, Y=cohort.Y)
Y_test, patients = cohort.Y.iloc[test], cohort.groups.iloc[test]

# %%
# Pre-train once, on all training rows without their diagnoses
# ------------------------------------------------------------
pretrainer = JointEmbeddingPretrainer(
    ResNet1d(10, width=8), max_epochs=8, random_state=0, verbose=0
)
pretrainer.fit(X.iloc[train])
print(len(train), "records,", len(pretrainer.clinical_columns_), "clinical columns")

# %%
# Learn from the labels of few patients
# -------------------------------------
# All other training labels are NaN. ``FrozenEstimator`` keeps the fitted pretrainer, so it is not
# trained again for each number of labels. ``fine_tune="probe"`` fits a linear head on its features.
# The predictions need the ECG only.
models = {
    "joint embedding": ECGDiagnosisClassifier(
        FrozenEstimator(pretrainer), fine_tune="probe", random_state=0, verbose=0
    ),
    "from scratch": ECGDiagnosisClassifier(
        ResNet1d(10, width=8), max_epochs=8, random_state=0, verbose=0
    ),
}
order = np.random.default_rng(0).permutation(cohort.groups.iloc[train].unique())
rows, predictions = [], {}
for n_labelled in [40, 100, 250]:
    labelled = cohort.groups.iloc[train].isin(order[:n_labelled]).to_numpy()
    Y_train = cohort.Y.iloc[train].where(pd.Series(labelled, index=cohort.Y.index[train]), axis=0)
    for name, model in models.items():
        P = model.fit(X.iloc[train], Y_train).predict_proba(X[["ecg"]].iloc[test])
        score = patient_bootstrap(Y_test, P, groups=patients, random_state=0)
        rows.append([n_labelled, name, score.estimate, score.low, score.high])
        predictions[n_labelled, name] = P
scores = pd.DataFrame(rows, columns=["labelled patients", "model", "AUROC", "low", "high"])
scores.round(3)

# %%
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, group), color, marker, shift in zip(
    scores.groupby("model", sort=False),
    ["#d55e00", "#0072b2"],
    ["D", "o"],
    [0.97, 1.03],
    strict=True,
):
    ax.errorbar(
        shift * group["labelled patients"],
        group["AUROC"],
        [group["AUROC"] - group["low"], group["high"] - group["AUROC"]],
        color=color,
        marker=marker,
        capsize=3,
        label=name,
    )
ax.set(xscale="log", xlabel="labelled patients", ylabel="macro AUROC, 95 % interval")
ax.set_xticks([40, 100, 250], ["40", "100", "250"])
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# Paired differences
# ------------------
# Both models predict the same patients, so their errors correlate, and the interval of the
# difference is narrower than those of the scores. The gain is smaller with more labels. The
# intervals are over test patients only: another seed of the training changes the scores too.
for n_labelled in [40, 100, 250]:
    gain = paired_difference(
        Y_test,
        predictions[n_labelled, "joint embedding"],
        predictions[n_labelled, "from scratch"],
        groups=patients,
        random_state=0,
    )
    print(
        f"{n_labelled} labelled patients: {gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    )
