"""Two encoders by two learning rates in one pipeline, on folds of patients.

    python examples/plot_grid_search_encoders.py [--out grid.png]

A grid search as scikit-learn has it: the encoder is a parameter like any other,
patients stay on one side of each fold, and labels that are not known are masked.
"""

import argparse

import pandas as pd
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import BandpassFilter, Resample


def search_encoders(n_subjects: int) -> GridSearchCV:
    cohort = make_clinical_ecg(n_subjects, random_state=0)
    model = ECGDiagnosisClassifier(max_epochs=5, random_state=0, verbose=False)
    search = GridSearchCV(
        make_pipeline(Resample(100), BandpassFilter(0.5, 40), model),
        {
            "ecgdiagnosisclassifier__encoder": [ResNet1d(10, width=8), ResNet1d(18, width=8)],
            "ecgdiagnosisclassifier__learning_rate": [1e-3, 1e-2],
        },
        scoring=masked_roc_auc_scorer,
        cv=MultilabelGroupKFold(3),
        n_jobs=2,
    )
    return search.fit(cohort.X, cohort.Y, groups=cohort.groups)


def table_of(search: GridSearchCV) -> pd.DataFrame:
    results = pd.DataFrame(search.cv_results_).rename(columns=lambda name: name.split("__")[-1])
    return results[["encoder", "learning_rate", "mean_test_score", "std_test_score"]]


def plot(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    ax = figure.subplots()
    for encoder, rows in table.groupby(table["encoder"].astype(str)):
        ax.errorbar(
            rows["learning_rate"], rows["mean_test_score"], rows["std_test_score"],
            marker="o", capsize=3, label=encoder,
        )  # fmt: skip
    ax.set(xscale="log", xlabel="peak learning rate", ylabel="macro AUROC, mean and SD of folds")
    ax.legend()
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=400)
    parser.add_argument("--out", default="grid_search_encoders.png")
    options = parser.parse_args()
    search = search_encoders(options.subjects)
    table = table_of(search)
    print(table.round(3).to_string(index=False))
    print("best:", search.best_params_)
    plot(table).savefig(options.out, dpi=150)
