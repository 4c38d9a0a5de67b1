"""
Find flat, clipped, noisy and incomplete ECGs
=============================================

``X["ecg"].ecg.quality()`` reports missing samples, flat leads, clipping, wrong units and swapped
electrodes of each record. :class:`~ecgsk.preprocessing.QualityGate` replaces unusable records by
missing ones inside a pipeline. Neither measures high-frequency noise; this example does so with
NumPy.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgsk.datasets import make_clinical_ecg
from ecgsk.preprocessing import QualityGate
from ecgsk.signals import ECGArray

cohort = make_clinical_ecg(n_subjects=12, sampling_rate=250, random_state=4)
x = cohort.X["ecg"].ecg.to_numpy()[[7, 17, 16, 3, 4, 5, 6]]
leads = list(cohort.X["ecg"].ecg.leads)

# %%
# Damage six of seven records in ways that occur in practice.
names = ["good", "V2 flat", "clipped", "2 s missing", "arm leads swapped", "muscle noise", "in µV"]
rng = np.random.default_rng(0)
x[1, leads.index("V2")] = 0.0
x[2] = np.clip(x[2], -0.3, 0.3)
x[3, :, 1000:1500] = np.nan
limb = {name: x[4, leads.index(name)].copy() for name in ["I", "II", "III", "aVR", "aVL"]}
for lead, source, sign in [
    ("I", "I", -1), ("II", "III", 1), ("III", "II", 1), ("aVR", "aVL", 1), ("aVL", "aVR", 1)
]:  # fmt: skip
    x[4, leads.index(lead)] = sign * limb[source]
x[5] += rng.normal(scale=0.25, size=x[5].shape)
x[6] *= 1000.0
ecg = ECGArray.from_numpy(x, leads=leads, sampling_rate=250)
X = pd.DataFrame({"ecg": ecg}, index=pd.Index(names, name="record"))

# %%
# Describe the quality of each record
# -----------------------------------
# ``problem`` lists all problems as text. ``usable`` is False if an estimator refuses the record.
# Noise is not listed, because a noisy lead still has a signal.
quality = X["ecg"].ecg.quality()
quality.index = X.index
quality[["n_flat_leads", "n_clipped_leads", "n_nan_samples", "max_abs_mv", "usable", "problem"]]

# %%
# Measure the noise
# -----------------
# Muscle noise changes from sample to sample, while the waves of an ECG are smooth. So the median
# absolute second difference is a robust measure of noise.
noise = np.nanmedian(np.abs(np.diff(x, n=2, axis=2)), axis=(1, 2))
pd.Series(noise, index=names, name="noise, mV").drop("in µV").round(3)

# %%
# Plot two leads of every record
# ------------------------------
fig, axes = plt.subplots(7, 2, sharex=True, figsize=(10, 9), layout="constrained")
seconds = np.arange(x.shape[2]) / 250
for panels, name, record in zip(axes, names, x, strict=True):
    for ax, lead in zip(panels, ["I", "V2"], strict=True):
        ax.plot(seconds, record[leads.index(lead)], color="#0072b2", linewidth=0.8)
        ax.set_title(f"{name}: lead {lead}", loc="left", fontsize=10)
    panels[0].set_ylabel("µV" if name == "in µV" else "mV")
for ax in axes[-1]:
    ax.set_xlabel("time, s")
plt.show()

# %%
# Mark unusable records as missing in a pipeline
# ----------------------------------------------
# The gate replaces a record by a missing one if too few of its samples have a signal: here less
# than 90 %, by default less than 50 %. Estimators skip missing records in training and predict NaN
# for them.
gate = QualityGate(min_quality=0.9).fit(X)
gate.describe(X)
