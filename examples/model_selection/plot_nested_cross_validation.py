"""
Nested cross-validation by patient
==================================

A grid search reports the score of its best candidate, which is too good: the best was chosen on the
same patients. Nested cross-validation repeats the search inside each training fold and scores its
choice on patients that the search has not seen.
"""

import matplotlib.pyplot as plt
import pandas as pd
import sklearn
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import BandpassFilter

cohort = make_clinical_ecg(n_subjects=200, random_state=0)
X, Y = cohort.X[["ecg", "subject_id"]], cohort.Y[["atrial fibrillation", "diabetes"]]

# %%
# The inner search chooses filter and encoder
# -------------------------------------------
search = GridSearchCV(
    make_pipeline(
        BandpassFilter(0.5, 40),
        ECGDiagnosisClassifier(RandomConvolution(500), random_state=0, verbose=0),
    ),
    {
        "bandpassfilter__high": [20, 40],
        "ecgdiagnosisclassifier__encoder__differences": [False, True],
    },
    scoring=masked_roc_auc_scorer,
    cv=MultilabelGroupKFold(2),
)

# %%
# The outer folds score it
# ------------------------
# With scikit-learn's metadata routing, ``groups`` reaches the outer and the inner splitter. Both keep
# the records of a patient together.
with sklearn.config_context(enable_metadata_routing=True):
    outer = cross_validate(
        search,
        X,
        Y,
        cv=MultilabelGroupKFold(3),
        scoring=masked_roc_auc_scorer,
        params={"groups": cohort.groups},
        return_estimator=True,
    )
folds = pd.DataFrame(
    {
        "chosen": [
            ", ".join(f"{name.split('__')[-1]}={value}" for name, value in s.best_params_.items())
            for s in outer["estimator"]
        ],
        "inner score of the choice": [s.best_score_ for s in outer["estimator"]],
        "outer score": outer["test_score"],
    }
)
folds.round(3)

# %%
# Compare inner and outer scores
# ------------------------------
# The outer score is the honest one. With so few patients, folds differ more than the optimism of the
# search, and the folds may choose differently: the grid has no clear winner.
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for i, column, color, marker in [
    (1, "inner score of the choice", "#0072b2", "o"),
    (2, "outer score", "#d55e00", "D"),
]:
    ax.plot(folds.index + 1 + 0.1 * (i - 1.5), folds[column], marker, color=color, label=column)
    ax.axhline(folds[column].mean(), color=color, linestyle=":", linewidth=1)
ax.set(xticks=[1, 2, 3], xlim=(0.5, 3.5), xlabel="outer fold", ylabel="macro AUROC; dotted: mean")
ax.legend()
plt.show()
