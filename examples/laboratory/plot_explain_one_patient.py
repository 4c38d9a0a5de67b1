"""
Explain one patient's ECG
=========================

Train a model, calibrate it on other patients, and explain the ECG of a patient it has not seen. The
explanation has diagnoses, laboratory findings, the links between them, an attribution to beats and
leads, and similar patients.
"""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.exceptions import CalibrationWarning
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter, Resample

N_SUBJECTS = 200
cohort = make_clinical_ecg(N_SUBJECTS, random_state=0)
cohort.Y = cohort.Y.loc[:, cohort.Y.sum() > 0.08 * len(cohort.Y)]  # diagnoses frequent enough
train, rest = patient_split(cohort.groups, test_size=0.5, random_state=0)
held_out, unseen = patient_split(cohort.groups.iloc[rest], test_size=0.1, random_state=0)
held_out, unseen = rest[held_out], rest[unseen]
X = make_pipeline(Resample(100), BandpassFilter(0.5, 40)).fit_transform(cohort.X)
Y, labs = cohort.Y, cohort.labs

# %%
# Train and calibrate
# -------------------
# ``keep_patients=True`` stores the training tables in the model, to find similar patients. With
# real patients, the model then contains personal data.
classifier = ECGDiagnosisClassifier(RandomConvolution(100), random_state=0, verbose=False)
classifier.fit(X.iloc[train], Y.iloc[train])
explainer = LabAbnormalityExplainer(
    FrozenEstimator(classifier),
    reference_ranges=cohort.reference_ranges,
    keep_patients=True,
    random_state=0,
)
explainer.fit(X.iloc[train], labs.iloc[train], diagnoses=Y.iloc[train])
with warnings.catch_warnings():
    # Rare findings are not calibrated in so few patients; the text below names them.
    warnings.simplefilter("ignore", CalibrationWarning)
    explainer.calibrate(X.iloc[held_out], labs.iloc[held_out], Y.iloc[held_out])

# %%
# Explain the unseen record with the most probable laboratory finding
# -------------------------------------------------------------------
ecg = X[["ecg"]].iloc[unseen]
striking = explainer.predict_proba(ecg).max(axis=1).argmax()
explanations = explainer.explain(ecg.iloc[[striking]], n_attributions=1, n_similar=3)
explanation = explanations[0]
_ = explanation.plot()
plt.show()

# %%
# The explanation as text
# -----------------------
# "Not calibrated" marks a label with too few held-out patients.
print(explanation.to_text())

# %%
# The explanation as a page
# -------------------------
# ``to_html`` returns one page that needs no other file. `Explanations
# <../../guide/explanations.html>`__ has a picture of it. ``to_dict`` returns the same as data.
with TemporaryDirectory() as folder:
    page = Path(folder, "explanation.html")
    page.write_text(explanation.to_html(), encoding="utf-8")
    print(f"{page.name}: {page.stat().st_size / 1000:.0f} kB")
