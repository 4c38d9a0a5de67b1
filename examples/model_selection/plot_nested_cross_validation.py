"""
Nested cross-validation by patient
==================================

A grid search reports the score of its best candidate. This score is too high, because the candidate
was chosen on the same patients. Nested cross-validation repeats the search inside each training
fold, and scores the chosen candidate on other patients.
"""

import matplotlib.pyplot as plt
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold

# %%
# Pre-train on other patients
# ---------------------------
# The encoder is pre-trained on an archive without diagnoses, and embeds the study once. There is no
# leakage, because no patient of the archive is in the study. A pretrainer that is fitted on the
# study must be a step of the pipeline, so that each fold fits its own.
archive = make_clinical_ecg(n_subjects=300, random_state=1)
pretrainer = JointEmbeddingPretrainer(
    ResNet1d(10, width=8), max_epochs=8, random_state=0, verbose=0
).fit(archive.X)

# %%
# Choose the regularisation by an inner search
# --------------------------------------------
study = make_clinical_ecg(n_subjects=300, random_state=0)
X = pretrainer.transform(study.X[["ecg"]])
Y = study.Y[["atrial fibrillation", "old myocardial infarction"]]
search = GridSearchCV(
    make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(max_iter=2000))),
    {"onevsrestclassifier__estimator__C": [1e-4, 1e-3, 1e-2, 1e-1, 1.0]},
    scoring=masked_roc_auc_scorer,
    cv=MultilabelGroupKFold(3),
)

# %%
# Score the search on outer folds
# -------------------------------
# With scikit-learn's metadata routing, ``groups`` reaches the outer and the inner splitter. Both
# keep the records of a patient together.
with sklearn.config_context(enable_metadata_routing=True):
    outer = cross_validate(
        search,
        X,
        Y,
        cv=MultilabelGroupKFold(4),
        scoring=masked_roc_auc_scorer,
        params={"groups": study.groups},
        return_estimator=True,
    )
folds = pd.DataFrame(
    {
        "chosen C": [next(iter(fitted.best_params_.values())) for fitted in outer["estimator"]],
        "inner score": [fitted.best_score_ for fitted in outer["estimator"]],
        "outer score": outer["test_score"],
    },
    index=pd.RangeIndex(1, 5, name="fold"),
)
folds.round(3)

# %%
# Compare inner and outer scores
# ------------------------------
# Report the mean of the outer scores. With so few patients, the scores differ more between folds
# than between inner and outer means.
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for column, color, marker, shift in [
    ("inner score", "#0072b2", "o", -0.05),
    ("outer score", "#d55e00", "D", 0.05),
]:
    ax.plot(folds.index + shift, folds[column], marker, color=color, label=column)
    ax.axhline(folds[column].mean(), color=color, linestyle=":", linewidth=1.2)
ax.set(xticks=folds.index, xlabel="outer fold", ylabel="macro AUROC; dotted: mean")
ax.legend()
plt.show()
