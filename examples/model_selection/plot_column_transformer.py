"""
ECG embedding and clinical columns in a ColumnTransformer
=========================================================

A pre-trained encoder is a scikit-learn transformer. :class:`sklearn.compose.ColumnTransformer`
combines its embedding with scaled laboratory values and encoded categories, as input of any
scikit-learn classifier.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import patient_bootstrap
from ecgsk.model_selection import patient_split

# %%
# Pre-train on an archive of other patients
# -----------------------------------------
archive = make_clinical_ecg(n_subjects=400, random_state=1)
pretrainer = JointEmbeddingPretrainer(
    ResNet1d(10, width=8), max_epochs=8, random_state=0, verbose=0
).fit(archive.X)

# %%
# Transform each kind of column
# -----------------------------
# The embedding is reduced to sixteen principal components of unit variance, the scale of the other
# columns. ``add_indicator`` adds a column that marks missing values. Columns that are not named,
# such as the patient's identifier, are dropped.
study = make_clinical_ecg(n_subjects=500, random_state=0)
numbers = ["age", "bmi", "heart_rate", "potassium", "creatinine", "haemoglobin", "troponin"]
embed = (
    "ecg",
    make_pipeline(FrozenEstimator(pretrainer), StandardScaler(), PCA(16, whiten=True)),
    ["ecg"],
)
table = (
    "numbers",
    make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True)),
    [*numbers, "nt_probnp"],
)
sex = ("sex", OneHotEncoder(drop="if_binary"), ["sex"])
models = {
    name: make_pipeline(
        ColumnTransformer(parts), OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=2000))
    )
    for name, parts in [
        ("ECG", [embed]),
        ("table", [table, sex]),
        ("ECG + table", [embed, table, sex]),
    ]
}
models["ECG + table"]

# %%
# Train and score by patient
# --------------------------
labels = ["atrial fibrillation", "old myocardial infarction", "chronic kidney disease", "anaemia"]
X, Y, patients = study.X, study.Y[labels], study.groups
train, test = patient_split(patients, test_size=0.5, random_state=0, Y=Y)
scores = pd.concat(
    {
        name: patient_bootstrap(
            Y.iloc[test],
            model.fit(X.iloc[train], Y.iloc[train]).predict_proba(X.iloc[test]),
            groups=patients.iloc[test],
            random_state=0,
        ).to_frame()
        for name, model in models.items()
    },
    names=["inputs", "label"],
)
scores["estimate"].unstack("inputs")[list(models)].round(3)

# %%
# Draw the scores with intervals
# ------------------------------
# The ECG is better for old infarctions, and the table for kidney disease and anaemia. The
# combination is close to the better of the two. With so few patients most intervals overlap.
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for i, (name, color, marker) in enumerate(
    zip(models, ["#0072b2", "#e69f00", "#d55e00"], ["o", "s", "D"], strict=True)
):
    rows = scores.loc[name].loc[labels]
    ax.errorbar(
        [j + 0.15 * (i - 1) for j in range(len(labels))],
        rows["estimate"],
        [rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]],
        fmt=marker,
        color=color,
        capsize=3,
        label=name,
    )
ax.axhline(0.5, color="0.5", linestyle=":")
ax.set(ylabel="AUROC, 95 % interval", ylim=(0.4, 1), xticks=range(len(labels)), xticklabels=labels)
ax.legend(ncols=3)
plt.show()
