"""
Stack an ECG model with a model of the clinical table
=====================================================

The emergency department has an ECG and laboratory values. :class:`sklearn.ensemble.StackingClassifier`
combines a model of each: a logistic regression learns from their out-of-fold probabilities how much
to rely on either.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.metrics import paired_difference, patient_bootstrap
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter

cohort = make_clinical_ecg(n_subjects=1000, random_state=0)
y = cohort.Y["acute myocardial infarction"].astype(int)
train, test = patient_split(cohort.groups, test_size=0.5, random_state=0, Y=y)
X_train, y_train, X_test = cohort.X.iloc[train], y.iloc[train], cohort.X.iloc[test]

# %%
# Two models, each of its own columns
# -----------------------------------
# The ECG model ignores the clinical columns. The gradient boosting takes the numeric columns, missing
# values included, and not the identifier of the patient.
ecg_model = make_pipeline(
    BandpassFilter(0.5, 40),
    ECGDiagnosisClassifier(RandomConvolution(1000), random_state=0, verbose=0),
)
table_model = make_pipeline(
    make_column_transformer(
        ("drop", ["subject_id"]),
        ("passthrough", make_column_selector(dtype_include="number")),
    ),
    HistGradientBoostingClassifier(max_iter=60, learning_rate=0.05, random_state=0),
)

# %%
# Stack them
# ----------
# The out-of-fold probabilities must come from other patients, so the folds are given as a list.
folds = StratifiedGroupKFold(3).split(X_train, y_train, cohort.groups.iloc[train])
stack = StackingClassifier(
    [("ecg", ecg_model), ("table", table_model)],
    final_estimator=LogisticRegression(),
    cv=list(folds),
)
stack.fit(X_train, y_train)
dict(zip(["ECG", "table"], stack.final_estimator_.coef_[0].round(2), strict=True))
