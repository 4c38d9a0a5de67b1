"""
Grid search over encoders, on folds of patients
===============================================

:class:`sklearn.model_selection.GridSearchCV` searches over encoders like over any other parameter:
here two residual networks and two learning rates. All records of a patient are in one fold, and the
score masks unknown labels.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import BandpassFilter, Resample

cohort = make_clinical_ecg(n_subjects=200, random_state=0)
model = ECGDiagnosisClassifier(max_epochs=3, random_state=0, verbose=False)
search = GridSearchCV(
    make_pipeline(Resample(100), BandpassFilter(0.5, 40), model),
    {
        "ecgdiagnosisclassifier__encoder": [ResNet1d(10, width=8), ResNet1d(18, width=8)],
        "ecgdiagnosisclassifier__learning_rate": [1e-3, 1e-2],
    },
    scoring=masked_roc_auc_scorer,
    cv=MultilabelGroupKFold(2),
)
search.fit(cohort.X, cohort.Y, groups=cohort.groups)

# %%
# Mean and standard deviation of the macro AUROC over folds. Three epochs keep the example quick,
# but are too few for good scores.
results = pd.DataFrame(search.cv_results_).rename(columns=lambda name: name.split("__")[-1])
table = results[["encoder", "learning_rate", "mean_test_score", "std_test_score"]]
table.round(3)

# %%
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for encoder, rows in table.groupby(table["encoder"].astype(str)):
    ax.errorbar(
        rows["learning_rate"], rows["mean_test_score"], rows["std_test_score"],
        marker="o", capsize=3, label=encoder,
    )  # fmt: skip
ax.set(xscale="log", xlabel="peak learning rate", ylabel="macro AUROC, mean and SD of folds")
ax.legend()
plt.show()
