"""
Cut a long recording into windows and combine the predictions
=============================================================

A Holter monitor records hours, but most diagnosis models are trained on ten seconds.
:func:`~ecgsk.preprocessing.cut_windows` cuts recordings into rows of a table without copying
samples, and :func:`~ecgsk.metrics.aggregate_windows` combines the predictions of a recording.
This example finds a two-minute episode of atrial fibrillation in a recording of five minutes.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg, synthesize_ecg
from ecgsk.encoders import RandomConvolution
from ecgsk.exceptions import SignalQualityWarning
from ecgsk.metrics import aggregate_windows
from ecgsk.preprocessing import BandpassFilter, cut_windows
from ecgsk.signals import ECGArray

# %%
# Make one long recording
# -----------------------
# Thirty synthetic records of ten seconds of one patient are concatenated. From 100 to 220 s the
# patient is in atrial fibrillation. From 260 to 280 s the electrodes are off.
others = make_clinical_ecg(n_subjects=300, random_state=0)
patient = make_clinical_ecg(n_subjects=1, random_state=5).latent.iloc[:1]
minutes = patient.loc[patient.index.repeat(30)].reset_index(drop=True)
minutes["in_af"] = [float(10 <= tens < 22) for tens in range(30)]
parts = synthesize_ecg(minutes, random_state=0).read()
samples = np.concatenate(list(parts), axis=1)
samples[:, 26_000:28_000] = np.nan
ecg = ECGArray.from_numpy(samples[None], leads=others.X["ecg"].ecg.leads, sampling_rate=100)
holter = pd.DataFrame({"ecg": ecg}, index=["recording A"])
print(holter["ecg"].dtype)

# %%
# Cut it into overlapping windows
# -------------------------------
# Windows with a signal in less than 90 % of their samples are dropped. The warning that counts them
# is expected here, so it is not shown; the reasons are in ``attrs``.
with warnings.catch_warnings(action="ignore", category=SignalQualityWarning):
    windows = cut_windows(holter, duration=10, stride=5, min_quality=0.9)
print("dropped windows:", windows.attrs["dropped_windows"])
windows.head(3)

# %%
# Predict each window
# -------------------
# The model is trained on ten-second records of other patients. The filter is applied after the cut,
# as in training.
label = "atrial fibrillation"
bandpass = BandpassFilter(0.5, 40).fit(others.X)
model = ECGDiagnosisClassifier(RandomConvolution(2000), random_state=0, verbose=0)
model.fit(bandpass.transform(others.X[["ecg", "subject_id"]]), others.Y[[label]])
probability = model.predict_proba(bandpass.transform(windows[["ecg"]]))[:, 0]

fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
ax.axvspan(100, 220, color="#e69f00", alpha=0.25, label="atrial fibrillation")
ax.axvspan(260, 280, color="0.85", label="electrodes off")
ax.plot(windows["window_start_s"] + 5, probability, "o", color="#0072b2", label="window of 10 s")
ax.set(xlabel="middle of the window, s", ylabel=f"probability of {label}", ylim=(0, 1))
ax.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=3, frameon=False)
plt.show()

# %%
# Combine the windows of a recording
# ----------------------------------
# Use ``"mean"`` for persistent diagnoses, such as a bundle branch block, and ``"max"`` for
# episodes. The maximum increases with the number of windows, so choose its threshold on recordings
# of the same length.
pd.DataFrame(
    {how: aggregate_windows(probability, windows["record"], how) for how in ["mean", "max"]}
).round(2)
