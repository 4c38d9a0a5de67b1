"""
Explain one patient's ECG, from training to an HTML page
========================================================

    python examples/laboratory/explain_one_patient.py [--subjects 500] [--out explanation.html]

Simulated patients in three parts: training, calibration, and one unseen patient with an ECG
alone.
"""

import argparse
from pathlib import Path

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.explain import Explanation
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter, Resample


def explain_one(n_subjects: int, max_epochs: int | str = "auto") -> Explanation:
    """Train, calibrate, and explain the unseen record with the most probable abnormality."""
    cohort = make_clinical_ecg(n_subjects, random_state=0)
    train, rest = patient_split(cohort.groups, test_size=0.5, random_state=0)
    held_out, unseen = patient_split(cohort.groups.iloc[rest], test_size=0.1, random_state=0)
    held_out, unseen = rest[held_out], rest[unseen]
    X = make_pipeline(Resample(100), BandpassFilter(0.5, 40)).fit_transform(cohort.X)
    Y, labs = cohort.Y, cohort.labs

    classifier = ECGDiagnosisClassifier(max_epochs=max_epochs, random_state=0, verbose=False)
    classifier.fit(X.iloc[train], Y.iloc[train])
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier),
        reference_ranges=cohort.reference_ranges,
        keep_patients=True,  # the model then holds the training tables; these are simulated
        random_state=0,
    )
    explainer.fit(X.iloc[train], labs.iloc[train], diagnoses=Y.iloc[train])
    explainer.calibrate(X.iloc[held_out], labs.iloc[held_out], Y.iloc[held_out])

    ecg = X[["ecg"]].iloc[unseen]
    striking = explainer.predict_proba(ecg).max(axis=1).argmax()
    return explainer.explain(ecg.iloc[[striking]], n_attributions=1, n_similar=3)[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("explanation.html"))
    options = parser.parse_args()
    explanation = explain_one(options.subjects)
    print(explanation.to_text())
    options.out.write_text(explanation.to_html(), encoding="utf-8")
    print(f"\nThe page: {options.out}")
