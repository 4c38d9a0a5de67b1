"""
Predict laboratory findings from the ECG
========================================

:class:`ecgsk.LabAbnormalityExplainer` compares laboratory values with their reference ranges and
fits one linear head per laboratory finding, such as "potassium high", on the embedding of an
encoder. This example scores the predictions on other patients and draws ROC curves.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import RocCurveDisplay

from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.evaluation import LabelScoresDisplay
from ecgsk.metrics import patient_bootstrap
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import LabAbnormality, Resample

cohort = make_clinical_ecg(n_subjects=500, random_state=0)
X = Resample(100).fit_transform(cohort.X)
train, test = patient_split(cohort.groups, test_size=0.5, random_state=0)
cohort.reference_ranges.head()

# %%
# Train the encoder, then the heads
# ---------------------------------
# The encoder is a classifier of diagnoses, trained on the same patients and then frozen.
classifier = ECGDiagnosisClassifier(RandomConvolution(1000), random_state=0, verbose=0)
classifier.fit(X.iloc[train], cohort.Y.iloc[train])
explainer = LabAbnormalityExplainer(
    FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
)
explainer.fit(X.iloc[train], cohort.labs.iloc[train])

# %%
# AUROC per finding
# -----------------
# If a value was not measured, its label is NaN and is left out. Findings with fewer than 15
# abnormal test records are not shown, because their intervals are too wide to be useful.
targets = LabAbnormality(cohort.reference_ranges).fit(cohort.labs.iloc[train])
truth = targets.transform(cohort.labs.iloc[test])
P = pd.DataFrame(
    explainer.predict_proba(X[["ecg"]].iloc[test]), truth.index, explainer.label_names_
)
frequent = [name for name in P if truth[name].sum() >= 15]
truth, P = truth[frequent], P[frequent]
auroc = patient_bootstrap(truth, P, groups=cohort.groups.iloc[test], random_state=0)
scores = auroc.to_frame().loc[frequent].sort_values("estimate", ascending=False)
scores.round(2)

# %%
# If the interval contains 0.5, these patients do not show that the ECG predicts the finding. One
# interval in twenty misses the true value, so a single one just below 0.5 is expected.
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
LabelScoresDisplay(scores, name="AUROC, 95 % interval over patients", reference=0.5).plot(ax)
plt.show()

# %%
# ROC curves
# ----------
# The three findings with the highest AUROC.
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
styles = zip(["#0072b2", "#d55e00", "#009e73"], ["-", "--", "-."], strict=True)
for name, (color, line) in zip(scores.index[:3], styles, strict=True):
    known = truth[name].notna()
    style = {"color": color, "linestyle": line}
    RocCurveDisplay.from_predictions(
        truth.loc[known, name], P.loc[known, name], name=name, ax=ax, curve_kwargs=style
    )
ax.plot([0, 1], [0, 1], color="0.6", linestyle=":")
ax.set(xlabel="false positive rate", ylabel="true positive rate")
plt.show()
