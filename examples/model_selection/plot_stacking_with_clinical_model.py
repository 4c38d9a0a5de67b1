"""
Stack an ECG model with a model of the clinical table
=====================================================

:class:`sklearn.ensemble.StackingClassifier` combines a model of the ECG with a model of the
laboratory values: a logistic regression weighs their out-of-fold probabilities.
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

cohort = make_clinical_ecg(n_subjects=400, random_state=0)
y = cohort.Y["acute myocardial infarction"].astype(int)
train, test = patient_split(cohort.groups, test_size=0.5, random_state=0, Y=y)
X_train, y_train, X_test = cohort.X.iloc[train], y.iloc[train], cohort.X.iloc[test]

# %%
# Define a model of the ECG and a model of the table
# --------------------------------------------------
# The ECG model ignores the clinical columns. Gradient boosting uses the numeric columns with their
# missing values, without the identifier of the patient.
ecg_model = make_pipeline(
    BandpassFilter(0.5, 40),
    ECGDiagnosisClassifier(RandomConvolution(500), random_state=0, verbose=0),
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
# By default ``StackingClassifier`` passes no groups to a splitter, so the folds of patients are
# given as a list.
folds = StratifiedGroupKFold(3).split(X_train, y_train, cohort.groups.iloc[train])
stack = StackingClassifier(
    [("ecg", ecg_model), ("table", table_model)],
    final_estimator=LogisticRegression(),
    cv=list(folds),
)
stack.fit(X_train, y_train)
weights = stack.final_estimator_.coef_[0]
print(f"weight of the ECG {weights[0]:.1f}, of the table {weights[1]:.1f}")

# %%
# Compare on test patients
# ------------------------
# The intervals resample patients. The differences are paired, because both models predict the same
# patients. With so few infarctions, both intervals include 0: a gain is not shown.
y_test, patients = y.iloc[test], cohort.groups.iloc[test]
predictions = {
    "ECG": stack.named_estimators_["ecg"].predict_proba(X_test)[:, 1],
    "table": stack.named_estimators_["table"].predict_proba(X_test)[:, 1],
    "stacked": stack.predict_proba(X_test)[:, 1],
}
scores = pd.concat(
    patient_bootstrap(y_test, p, groups=patients, random_state=0).to_frame()
    for p in predictions.values()
).set_axis(list(predictions))
for name in ["ECG", "table"]:
    gain = paired_difference(
        y_test, predictions["stacked"], predictions[name], groups=patients, random_state=0
    )
    print(f"stacked - {name}: {gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")

# %%
fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
errors = [scores["estimate"] - scores["low"], scores["high"] - scores["estimate"]]
ax.errorbar(scores["estimate"], scores.index, xerr=errors, fmt="D", color="#d55e00", capsize=3)
ax.invert_yaxis()
ax.set(xlabel="AUROC of acute myocardial infarction, 95 % interval", ylim=(2.5, -0.5))
plt.show()
