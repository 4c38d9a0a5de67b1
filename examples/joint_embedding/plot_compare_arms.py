"""
Compare the joint embedding with baselines
==========================================

:func:`ecgsk.compare_arms` trains the joint embedding and simpler baselines on one split by
patient, and draws all scores with intervals.
"""

import matplotlib.pyplot as plt

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, compare_arms
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import BandpassFilter

# %%
# Compare on 500 patients
# -----------------------
# All arms fit linear heads, except ``"signal only"``, which trains all weights of the network.
# Diagnoses are known for one training patient in three; pre-training uses all training patients.
cohort = make_clinical_ecg(n_subjects=500, random_state=0)
X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
comparison = compare_arms(
    X,
    cohort.Y,
    pretrainer=JointEmbeddingPretrainer(ResNet1d(10, width=8), max_epochs=8, verbose=0),
    classifier=ECGDiagnosisClassifier(fine_tune="probe", max_epochs=8, verbose=0),
    arms=[
        "random encoder + linear",
        "table only",
        "signal only",
        "joint embedding",
        "multimodal (ECG + table at inference)",
    ],
    label_fractions=[1 / 3],
    test_size=0.4,
    random_state=0,
    verbose=0,
)
comparison.to_frame()[["arm", "macro_auroc", "auroc_low", "auroc_high"]].round(3)

# %%
comparison.plot()
plt.show()

# %%
# Paired differences from the joint embedding
# -------------------------------------------
# All arms predict the same patients, so paired differences have narrower intervals than the scores
# above. ``verdict`` is "better" or "worse" if the interval excludes 0. Here the joint embedding is
# better than the same network trained on the labels alone. More patients are needed for the other
# two baselines. The multimodal arm also uses the table of each test patient, and is better.
#
# `Joint embedding against other arms <../../benchmarks/joint_embedding.html>`__ has larger cohorts.
comparison.differences().drop(columns=["auprc_low", "auprc_high"]).round(3)
