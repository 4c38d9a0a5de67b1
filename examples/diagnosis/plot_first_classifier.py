"""
ROC and precision-recall curves of a multi-label ECG classifier
===============================================================

Train a classifier of several diagnoses, and score it on other patients. A patient may have several
records, so the confidence intervals resample patients: a bootstrap over records is too narrow.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.evaluation import LabelScoresDisplay
from ecgsk.metrics import patient_bootstrap
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter

# %%
# Split by patient and train
# --------------------------
# ``patient_split`` keeps all records of a patient on one side. ``RandomConvolution`` trains in
# seconds, because only its linear head is trained. The default encoder adds a residual network.
cohort = make_clinical_ecg(n_subjects=600, random_state=0)
train, test = patient_split(cohort.groups, test_size=0.5, random_state=0, Y=cohort.Y)
model = make_pipeline(
    BandpassFilter(0.5, 40),
    ECGDiagnosisClassifier(RandomConvolution(2000), random_state=0, verbose=0),
)
model.fit(cohort.X.iloc[train], cohort.Y.iloc[train])
Y_test, patients = cohort.Y.iloc[test], cohort.groups.iloc[test]
P_test = model.predict_proba(cohort.X[["ecg"]].iloc[test])
print(patient_bootstrap(Y_test, P_test, groups=patients, random_state=0))

# %%
# AUROC of each diagnosis
# -----------------------
# Bundle branch blocks and atrial fibrillation are easy to recognise in an ECG. For hyperthyroidism,
# sepsis and hypocalcaemia the interval includes 0.5, which is chance.
LabelScoresDisplay.from_predictions(Y_test, P_test, groups=patients, random_state=0)
plt.show()


# %%
# Curves with intervals
# ---------------------
# Each resample draws patients with replacement. The ``sample_weight`` of a record is the number of
# times that its patient is drawn. The bands hold 95 % of 200 resampled curves.
def roc(y, p, weight):
    false_positive, true_positive, _ = roc_curve(y, p, sample_weight=weight)
    return np.interp(grid, false_positive, true_positive)


def precision_recall(y, p, weight):
    precision, recall, _ = precision_recall_curve(y, p, sample_weight=weight)
    return np.interp(grid, recall[::-1], precision[::-1])


grid = np.linspace(0.01, 1, 100)
rng = np.random.default_rng(0)
codes = patients.astype("category").cat.codes.to_numpy()
draws = rng.multinomial(codes.max() + 1, np.full(codes.max() + 1, 1 / (codes.max() + 1)), 200)
fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for label, color in [
    ("atrial fibrillation", "#0072b2"),
    ("old myocardial infarction", "#d55e00"),
    ("diabetes", "#555555"),
]:
    y, p = Y_test[label].to_numpy(), P_test[:, Y_test.columns.get_loc(label)]
    for ax, curve in zip(axes, [roc, precision_recall], strict=True):
        low, high = np.quantile(
            [curve(y, p, draw[codes]) for draw in draws], [0.025, 0.975], axis=0
        )
        ax.fill_between(grid, low, high, color=color, alpha=0.2, linewidth=0)
        ax.plot(grid, curve(y, p, None), color=color, label=f"{label}, {y.sum():.0f} records")
axes[0].plot([0, 1], [0, 1], ":", color="0.5", label="chance")
axes[0].set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC")
axes[1].set(xlabel="recall (sensitivity)", ylabel="precision", title="Precision-recall")
axes[0].legend(loc="lower right")
plt.show()
