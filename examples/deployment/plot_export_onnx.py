"""
Export a model to ONNX and compare latency
==========================================

:func:`ecgsk.export` writes preprocessing, network, heads and calibration as one ONNX graph. ONNX
Runtime predicts from it without ecgsk and torch. This example compares the probabilities, and the
time for one ECG. It needs ``pip install "ecgsk[onnx]"``.
"""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import BandpassFilter

onnxruntime.set_default_logger_severity(3)  # errors only

cohort = make_clinical_ecg(n_subjects=150, random_state=0)
classifier = ECGDiagnosisClassifier(ResNet1d(10, width=8), max_epochs=2, random_state=0, verbose=0)
model = make_pipeline(BandpassFilter(0.5, 40), classifier)
model.fit(cohort.X, cohort.Y)

# %%
# Export
# ------
# The metadata of the file has leads, sampling rate, labels and thresholds.
with TemporaryDirectory() as folder:
    path = ecgsk.export(model, Path(folder, "model.onnx"))
    print(f"{path.stat().st_size / 1e6:.1f} MB")
    session = onnxruntime.InferenceSession(path)
facts = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
print(facts["leads"], facts["sampling_rate"], "Hz", facts["unit"])
print(facts["diagnoses"][:3])

# %%
# Compare probabilities
# ---------------------
# The input is an array in mV, of shape (n_records, n_leads, n_samples).
new = make_clinical_ecg(n_subjects=60, random_state=1).X[["ecg"]]
x = new["ecg"].array.read()
names = [output.name for output in session.get_outputs()]
exported = dict(zip(names, session.run(None, {"ecg": x}), strict=True))["diagnoses"]
expected = model.predict_proba(new)
print(f"largest difference: {np.abs(exported - expected).max():.1e}")

# %%
fig, ax = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", zorder=0)
ax.scatter(expected, exported, s=12, c="#0072b2", alpha=0.5)
ax.set(xlabel="probability, ecgsk", ylabel="probability, ONNX Runtime")
plt.show()

# %%
# Latency of one ECG
# ------------------
# Thirty predictions of single records each, after two that warm up. The times depend on the machine
# that built this page and on its other programs.
# `Latency of one record <../../benchmarks/prediction_speed.html#latency-of-one-record>`__ was
# measured on an idle machine.
calls = {
    "ecgsk": lambda row: model.predict_proba(new.iloc[[row]]),
    "ONNX Runtime": lambda row: session.run(["diagnoses"], {"ecg": x[[row]]}),
}
milliseconds = pd.DataFrame(index=range(32), columns=list(calls), dtype=float)
for name, call in calls.items():
    for row in milliseconds.index:
        start = time.perf_counter()
        call(row)
        milliseconds.loc[row, name] = 1000 * (time.perf_counter() - start)
milliseconds = milliseconds.iloc[2:]
milliseconds.median().round(2).rename("median, ms").to_frame()

# %%
fig, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for height, values in enumerate(milliseconds.to_numpy().T):
    ax.scatter(values, np.full(len(values), height), c="#0072b2", alpha=0.4)
    ax.scatter(np.median(values), height, c="#d55e00", marker="|", s=400, linewidths=3)
ax.set_yticks(range(len(calls)), calls)
ax.set(xlabel="ms per ECG; the bar is the median", xlim=(0, None), ylim=(-0.5, 1.5))
plt.show()
