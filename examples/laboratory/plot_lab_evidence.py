"""
Laboratory evidence: conditional and crude odds ratios
======================================================

:class:`ecgsk.explain.LabEvidence` links laboratory findings to diagnoses. A crude odds ratio is
confounded: kidney disease raises both urea and creatinine, so both are associated with the same
diagnoses. The conditional odds ratio is adjusted for all other laboratory values, age, sex and
vital signs. A link is an association, not a proof of a cause.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator

from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.exceptions import CalibrationWarning
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import Resample

warnings.simplefilter("ignore", CalibrationWarning)  # rare findings are not calibrated

cohort = make_clinical_ecg(n_subjects=1000, random_state=0)
X, Y = Resample(100).fit_transform(cohort.X), cohort.Y
train, held_out = patient_split(cohort.groups, test_size=0.4, random_state=0)

classifier = ECGDiagnosisClassifier(RandomConvolution(100), random_state=0, verbose=0)
classifier.fit(X[["ecg", "subject_id"]].iloc[train], Y.iloc[train])
explainer = LabAbnormalityExplainer(
    FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
)
explainer.fit(X.iloc[train], cohort.labs.iloc[train], diagnoses=Y.iloc[train])

# %%
# Links that hold in other patients
# ---------------------------------
# ``calibrate`` compares the links with held-out patients. A link holds if its interval in training
# is above 1, its odds ratio is at least 1.15, and held-out patients have an odds ratio above 1 too.
explainer.calibrate(X.iloc[held_out], cohort.labs.iloc[held_out], Y.iloc[held_out])
links = explainer.evidence_.links_
held = links[links["holds"].astype(bool)]
columns = ["diagnosis", "finding", "odds_ratio", "low", "high", "crude_odds_ratio"]
held[columns].head(10).round(2)

# %%
# Crude against conditional
# -------------------------
# These ten links have the largest ratio of crude to conditional odds ratio or its inverse. The bars
# are 95 % intervals of the conditional odds ratio, per standard deviation of the value.
known = links.dropna(subset=["odds_ratio", "crude_odds_ratio"])
gap = np.abs(np.log(known["crude_odds_ratio"] / known["odds_ratio"]))
shown = known.loc[gap.sort_values(ascending=False).index[:10]].iloc[::-1]
names = shown["finding"].str.replace("_", " ") + ", " + shown["diagnosis"]

fig, ax = plt.subplots(figsize=(9, 4.4), layout="constrained")
height = np.arange(len(shown))
error = [shown["odds_ratio"] - shown["low"], shown["high"] - shown["odds_ratio"]]
ax.errorbar(
    shown["odds_ratio"], height, xerr=error, fmt="o", color="#0072b2", capsize=3,
    label="conditional",
)  # fmt: skip
ax.plot(shown["crude_odds_ratio"], height, "s", color="#d55e00", label="crude")
ax.axvline(1, color="0.5", linestyle="--")
ax.set_yticks(height, names)
ax.set(xscale="log", xlabel="odds ratio of the diagnosis per standard deviation of the value")
ax.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# Number of links that hold
# -------------------------
# 600 training patients are few for rare diagnoses: their intervals are wide and few links hold.
counts = {"pairs with enough patients": len(known), "links that hold": len(held)}
pd.Series(counts, name="number").to_frame()
