"""
Subgroup scores and net benefit (decision curves)
=================================================

:class:`~ecgsk.evaluation.SubgroupDisplay` compares scores by sex and age, and
:class:`~ecgsk.evaluation.NetBenefitDisplay` weighs patients found against false alarms. Both have
intervals that resample patients.
"""

import matplotlib.pyplot as plt

from ecgsk import ECGDiagnosisClassifier
from ecgsk.calibration import ProbabilityCalibrator
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.evaluation import NetBenefitDisplay, SubgroupDisplay
from ecgsk.model_selection import patient_split

# %%
# Train, calibrate and predict on three groups of patients
# --------------------------------------------------------
# Decision curves need calibrated probabilities, so a third group of patients calibrates the model.
cohort = make_clinical_ecg(n_subjects=750, random_state=0)
labels = ["atrial fibrillation", "old myocardial infarction", "heart failure", "diabetes"]
X, Y = cohort.X, cohort.Y[labels]
train, rest = patient_split(cohort.groups, test_size=0.6, random_state=0, Y=Y)
held_out, test = patient_split(cohort.groups.iloc[rest], 0.6, random_state=0, Y=Y.iloc[rest])
held_out, test = rest[held_out], rest[test]

model = ECGDiagnosisClassifier(RandomConvolution(1000), random_state=0, verbose=0)
model.fit(X.iloc[train], Y.iloc[train])
calibrator = ProbabilityCalibrator().fit(
    model.predict_proba(X[["ecg"]].iloc[held_out]), Y.iloc[held_out], cohort.groups.iloc[held_out]
)
P = calibrator.transform(model.predict_proba(X[["ecg"]].iloc[test]))
Y_test, patients = Y.iloc[test], cohort.groups.iloc[test]

# %%
# Scores by sex and age
# ---------------------
# The right panel is the difference from all other patients. An interval that excludes 0 needs a
# closer look. Patients under 50 have the lowest score, but few of them are ill: the interval is
# wide and includes 0, so the difference can be chance.
SubgroupDisplay.from_predictions(
    Y_test,
    P,
    groups=patients,
    by=X[["sex", "age"]].iloc[test],
    edges={"age": [50, 65, 80]},
    random_state=0,
)
plt.show()

# %%
# Decision curves
# ---------------
# The threshold is the risk at which a doctor would act. At 10 %, nine false alarms are accepted for
# one patient found. A model is useful if its curve is above "treat all" and "treat none".
NetBenefitDisplay.from_predictions(
    Y_test,
    P,
    groups=patients,
    labels=["atrial fibrillation", "old myocardial infarction", "diabetes"],
    random_state=0,
)
plt.show()
