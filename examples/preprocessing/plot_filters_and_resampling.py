"""
Band-pass filter and resample ECGs
==================================

Breathing and moving electrodes add drift below 0.5 Hz, and the mains add 50 or 60 Hz.
:class:`~ecgsk.preprocessing.BandpassFilter` removes frequencies outside a pass band, and
:class:`~ecgsk.preprocessing.Resample` converts records to one sampling rate. Both are scikit-learn
transformers of the ECG column.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.signal import welch
from sklearn.pipeline import make_pipeline

from ecgsk.datasets import make_clinical_ecg
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.signals import ECGArray

cohort = make_clinical_ecg(n_subjects=12, sampling_rate=500, random_state=4)
clean = cohort.X["ecg"].iloc[[7]]

# %%
# Add drift of 0.2 Hz and mains interference of 50 Hz to one record.
seconds = np.arange(clean.ecg.n_samples) / 500
drift = 0.5 * np.sin(2 * np.pi * 0.2 * seconds)
mains = 0.1 * np.sin(2 * np.pi * 50 * seconds)
samples = clean.ecg.to_numpy() + (drift + mains).astype(np.float32)
X = pd.DataFrame({"ecg": ECGArray.from_numpy(samples, leads=clean.ecg.leads, sampling_rate=500)})

# %%
# Filter, then resample
# ---------------------
# The pipeline takes a table and returns a table. The new dtype shows the new sampling rate: 100 Hz
# is enough for frequencies up to 40 Hz, and a record has a fifth of the samples.
pipeline = make_pipeline(BandpassFilter(0.5, 40), Resample(100))
filtered = pipeline.fit_transform(X)
print(X["ecg"].dtype, "->", filtered["ecg"].dtype)

# %%
# The filter runs forwards and backwards, so it does not shift the waves in time.
lead = X["ecg"].ecg.leads.index("II")
raw, new = X["ecg"].ecg.to_numpy()[0, lead], filtered["ecg"].ecg.to_numpy()[0, lead]
fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
ax.plot(seconds, raw, color="0.6", linewidth=0.8, label="as recorded, 500 Hz")
ax.plot(np.arange(new.size) / 100, new, color="#d55e00", label="0.5 to 40 Hz, 100 Hz")
ax.set(xlim=(2, 7), ylim=(-1, 2.4), xlabel="time, s", ylabel="lead II, mV")
ax.legend(loc="upper right", ncols=2)
plt.show()

# %%
# Compare the spectra
# -------------------
# Drift and mains are peaks outside the pass band. Between its edges both curves agree.
fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
for signal, rate, color, label in [
    (raw, 500, "0.6", "as recorded"),
    (new, 100, "#d55e00", "0.5 to 40 Hz, 100 Hz"),
]:
    frequency, power = welch(signal, rate, nperseg=8 * rate)
    ax.semilogy(frequency, power, color=color, label=label)
ax.axvspan(0.5, 40, color="#0072b2", alpha=0.1, label="pass band")
ax.set(xlim=(0, 60), ylim=(1e-9, 1), xlabel="frequency, Hz", ylabel="power, mV²/Hz")
ax.legend(loc="upper right", ncols=3)
plt.show()
