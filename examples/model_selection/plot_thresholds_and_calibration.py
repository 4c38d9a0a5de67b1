"""
Calibrate probabilities and choose decision thresholds
======================================================

A model that was trained on selected patients predicts probabilities that are too high or too low.
:class:`~ecgsk.calibration.ProbabilityCalibrator` corrects them with held-out patients: of 100
patients with a probability of 20 %, about 20 should have the disease.
:func:`~ecgsk.calibration.choose_thresholds` then chooses the thresholds of decisions.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgsk import ECGDiagnosisClassifier
from ecgsk.calibration import ProbabilityCalibrator, choose_thresholds
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.evaluation import MultilabelCalibrationDisplay
from ecgsk.metrics import calibration_slope
from ecgsk.model_selection import patient_split

# %%
# Train on selected patients
# --------------------------
# The training set has all records with one of the diagnoses and one in five of the others, as some
# research databases do. Calibration and test patients are not selected.
labels = ["atrial fibrillation", "old myocardial infarction", "chronic kidney disease"]
cohort = make_clinical_ecg(n_subjects=1000, random_state=0)
X, Y = cohort.X, cohort.Y[labels]
train, rest = patient_split(cohort.groups, test_size=0.7, random_state=0, Y=Y)
held_out, test = patient_split(cohort.groups.iloc[rest], 0.5, random_state=0, Y=Y.iloc[rest])
held_out, test = rest[held_out], rest[test]
is_ill = Y.iloc[train].any(axis=1).to_numpy()
train = train[is_ill | (np.random.default_rng(0).random(len(train)) < 0.2)]

model = ECGDiagnosisClassifier(RandomConvolution(1000), random_state=0, verbose=0)
model.fit(X.iloc[train], Y.iloc[train])
P_held_out = model.predict_proba(X[["ecg"]].iloc[held_out])
P_test = model.predict_proba(X[["ecg"]].iloc[test])

# %%
# Calibrate on held-out patients
# ------------------------------
# ``"sigmoid"`` fits two numbers per label (Platt scaling) and suits small samples.
calibrator = ProbabilityCalibrator("sigmoid")
calibrator.fit(P_held_out, Y.iloc[held_out], cohort.groups.iloc[held_out])
P_calibrated = calibrator.transform(P_test)

# %%
# Calibration curves of test patients before (top) and after (bottom). Each point is a sixth of the
# records; the bars are 95 % intervals that resample patients. The diagonal is perfect calibration.
# For chronic kidney disease the model is close to chance, so all calibrated probabilities are near
# the prevalence.
Y_test, patients = Y.iloc[test], cohort.groups.iloc[test]
fig, axes = plt.subplots(2, 3, figsize=(10, 7), layout="constrained")
for row, P in zip(axes, [P_test, P_calibrated], strict=True):
    MultilabelCalibrationDisplay.from_predictions(
        Y_test, P, groups=patients, labels=labels, n_bins=6, random_state=0, ax=row
    )
plt.show()

# %%
# An intercept below 0 means that probabilities are too high. A slope of 1 is perfect.
columns = ["intercept", "intercept_low", "intercept_high", "slope", "slope_low", "slope_high"]
pd.concat(
    {
        "before": calibration_slope(Y_test, P_test, groups=patients),
        "after": calibration_slope(Y_test, P_calibrated, groups=patients),
    }
)[columns].round(2)

# %%
# Choose thresholds, also on held-out patients
# --------------------------------------------
# ``"youden"`` weighs sensitivity and specificity equally. ``("ppv", 0.5)`` requires that at least
# half of the alarms are correct. On test patients the PPV can be lower, because few held-out
# patients have the label.
P_chosen = calibrator.transform(P_held_out)
rows = []
for rule in ["youden", ("ppv", 0.5)]:
    thresholds = choose_thresholds(
        Y.iloc[held_out], P_chosen, rule, groups=cohort.groups.iloc[held_out]
    )
    for j, label in enumerate(labels):
        alarm, truth = P_calibrated[:, j] > thresholds[j], Y_test[label].to_numpy() == 1
        hits = (alarm & truth).sum()
        rows.append([str(rule), label, thresholds[j], hits / truth.sum(), hits / alarm.sum()])
pd.DataFrame(rows, columns=["rule", "label", "threshold", "sensitivity", "PPV"]).round(2)
