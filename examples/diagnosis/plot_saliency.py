"""
Saliency of an ECG classifier, on ECG paper
===========================================

:func:`ecgsk.explain.attribute` measures how much a prediction depends on each beat of each lead: it
replaces the beat by a flat line, and returns the loss in the log odds of the diagnosis. The result
is shaded behind the ECG.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.explain import attribute
from ecgsk.model_selection import patient_split
from ecgsk.plotting import plot_ecg
from ecgsk.preprocessing import BandpassFilter

labels = ["right bundle branch block", "atrial fibrillation"]
cohort = make_clinical_ecg(n_subjects=400, random_state=0)
X, Y = BandpassFilter(0.5, 40).fit_transform(cohort.X), cohort.Y[labels]
train, test = patient_split(cohort.groups, test_size=0.3, random_state=0, Y=Y)
model = ECGDiagnosisClassifier(RandomConvolution(1000), random_state=0, verbose=0)
model.fit(X.iloc[train], Y.iloc[train])

# %%
# Explain the test record with the most probable right bundle branch block
# ------------------------------------------------------------------------
# In right bundle branch block, the end of the QRS complex is wide, with a second R wave in V1 and a
# broad S wave in I and V6.
P = pd.DataFrame(model.predict_proba(X[["ecg"]].iloc[test]), columns=labels)
record = X["ecg"].iloc[test[P[labels[0]].argmax()]]
attributions = attribute(
    model.net_.module_.eval(),
    record.signal,
    record.leads,
    record.sampling_rate,
    {label: column for column, label in enumerate(labels)},
)
print({label: float(p) for label, p in P.loc[P[labels[0]].argmax()].round(3).items()})

# %%
# Positive values support the diagnosis. Only these are shaded.
block = attributions[0]
plot_ecg(
    record.signal,
    record.leads,
    record.sampling_rate,
    title=f"Attribution of {block.diagnosis}",
    shade=np.clip(block.values, 0, None),
)
plt.show()

# %%
# Share of each lead
# ------------------
# The shares are of absolute values and sum to 1.
shares = pd.DataFrame({a.diagnosis: a.leads for a in attributions})
ax = shares.plot.bar(figsize=(8, 3.5), color=["#0072b2", "#e69f00"], width=0.8, rot=0)
ax.set(xlabel="lead", ylabel="share of the attribution")
plt.tight_layout()
plt.show()

# %%
# Check the map with shuffled weights
# -----------------------------------
# The map should depend on the training, so its rank correlation with the map of a network with
# shuffled weights should be near 0. Do not interpret single beats:
# `Attribution <../../benchmarks/attribution.html>`__ has how well such maps agree.
pd.Series({a.diagnosis: a.randomisation for a in attributions}, name="correlation").round(2)
