"""
Predict a folder of recordings into a table
===========================================

:func:`ecgsk.deployment.predict_records` reads files of any supported format and returns one row per
record. If a file cannot be predicted, its row has the reason, and the other files are predicted.
"""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.deployment import predict_records
from ecgsk.encoders import RandomConvolution
from ecgsk.exceptions import SignalQualityWarning
from ecgsk.preprocessing import BandpassFilter, Resample

cohort = make_clinical_ecg(n_subjects=180, sampling_rate=250, random_state=0)
labels = ["atrial fibrillation", "right bundle branch block"]
new = slice(0, 60)
train = ~cohort.groups.isin(cohort.groups.iloc[new]).to_numpy()  # other patients
classifier = ECGDiagnosisClassifier(RandomConvolution(200), random_state=0, verbose=0)
model = make_pipeline(Resample(100), BandpassFilter(0.5, 40), classifier)
model.fit(cohort.X[["ecg", "subject_id"]].iloc[train], cohort.Y[labels].iloc[train])

# %%
# Write a folder of recordings
# ----------------------------
# Sixty WFDB records, one of them cut off, and another record with flat leads only.
folder = TemporaryDirectory()
ecg = cohort.X["ecg"].iloc[new].ecg
records = {f"record_{row}": record for row, record in enumerate(ecg.to_numpy())}
records["record_flat"] = 0 * records["record_0"]
for name, record in records.items():
    rows = [f"{name}.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in ecg.leads]
    header = "\n".join([f"{name} {len(ecg.leads)} 250 {record.shape[1]}", *rows, ""])
    Path(folder.name, f"{name}.hea").write_text(header, encoding="utf-8")
    np.round(1000 * record).T.astype("<i2").tofile(Path(folder.name, f"{name}.dat"))
damaged = Path(folder.name, "record_59.dat")
damaged.write_bytes(damaged.read_bytes()[:1000])

# %%
# Predict the folder
# ------------------
# ``predict_records`` warns that two records were not predicted, and the column ``reason`` has the
# cause. The warning is expected here, so it is not shown.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", SignalQualityWarning)
    table = predict_records(model, folder.name, progress=False)
folder.cleanup()
for record, reason in table.loc[~table["usable"], ["record", "reason"]].to_numpy():
    print(f"{record}: {reason.replace(folder.name, 'FOLDER')}")

# %%
columns = ["record", "diagnoses", *(f"probability/{label}" for label in labels)]
table.loc[table["usable"], columns].head().round(3)

# %%
# Plot the probabilities
# ----------------------
# The colours are the true diagnoses of the simulated records.
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
usable = table[table["usable"]]
number = usable["record"].str.extract(r"(\d+)")[0].astype(int)
for row, label in enumerate(labels):
    true = cohort.Y[label].to_numpy()[number] == 1
    probability = usable[f"probability/{label}"].to_numpy(float)
    height = row + np.random.default_rng(0).uniform(-0.25, 0.25, len(usable))
    for known, color, marker, name in [
        (~true, "#0072b2", "o", "no"),
        (true, "#d55e00", "s", "yes"),
    ]:
        ax.scatter(
            probability[known], height[known], c=color, marker=marker, alpha=0.7,
            label=f"diagnosis present: {name}" if row == 0 else None,
        )  # fmt: skip
ax.set_yticks([0, 1], labels)
ax.set(xlabel="predicted probability", ylim=(-0.5, 1.5), xlim=(-0.02, 1.02))
ax.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.2))
plt.show()
