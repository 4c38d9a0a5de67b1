"""
Heart rate, RR intervals and the average beat
=============================================

:func:`ecgsk.io.find_beats` finds the R peaks of a recording. This example computes the heart rate,
the irregularity of the rhythm and the average beat from them, and compares sinus rhythm with atrial
fibrillation.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgsk.datasets import make_clinical_ecg
from ecgsk.io import find_beats
from ecgsk.preprocessing import BandpassFilter

RATE = 500
cohort = make_clinical_ecg(n_subjects=60, sampling_rate=RATE, random_state=0)
X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
records = X["ecg"].ecg.to_numpy()
lead_ii = X["ecg"].ecg.leads.index("II")

# %%
# Beats of two records
# --------------------
# ``find_beats`` takes one lead, as here, or a whole record. In a whole record it uses the lead with
# the strongest QRS complexes.
in_af = cohort.latent["in_af"].to_numpy() > 0
examples = {
    "sinus rhythm": np.flatnonzero(~in_af)[9],
    "atrial fibrillation": np.flatnonzero(in_af)[0],
}
seconds = np.arange(records.shape[2]) / RATE

fig, axes = plt.subplots(2, sharex=True, sharey=True, figsize=(9, 4.4), layout="constrained")
for ax, (rhythm, row) in zip(axes, examples.items(), strict=True):
    signal = records[row, lead_ii]
    beats = find_beats(signal, RATE)
    ax.plot(seconds, signal, color="#0072b2", linewidth=0.8, label="lead II")
    ax.plot(beats, np.interp(beats, seconds, signal), "v", color="#d55e00", label="beat")
    ax.set_title(f"{rhythm}: {60 / np.diff(beats).mean():.0f} beats per minute", loc="left")
    ax.set_ylabel("mV")
axes[0].legend(loc="lower right", ncols=2)
axes[-1].set_xlabel("time, s")
plt.show()

# %%
# Heart rate and irregularity of a cohort
# ---------------------------------------
# The irregularity is the median absolute difference of successive RR intervals. A single premature
# beat raises the usual RMSSD, but not this median. Records whose beats are hidden by noise have no
# RR interval and are left out.
rows = []
for record, is_af in zip(records, in_af, strict=True):
    rr = np.diff(find_beats(record, RATE))
    if len(rr) > 1:
        change = 1000 * np.median(np.abs(np.diff(rr)))
        name = "atrial fibrillation" if is_af else "sinus rhythm"
        rows.append({"rhythm": name, "rate": 60 / rr.mean(), "irregularity": change})
rhythm = pd.DataFrame(rows)
rhythm.groupby("rhythm").agg(["median", "count"]).round(0)

# %%
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, group), color, marker in zip(
    rhythm.groupby("rhythm"), ["#d55e00", "#0072b2"], ["s", "o"], strict=True
):
    ax.scatter(group["rate"], group["irregularity"], c=color, marker=marker, alpha=0.6, label=name)
ax.set(xlabel="heart rate, per minute", ylabel="median change of the RR interval, ms", yscale="log")
ax.set_yticks([5, 10, 20, 50, 100, 200], ["5", "10", "20", "50", "100", "200"])
ax.legend()
plt.show()

# %%
# The average beat
# ----------------
# Cut the signal from 0.3 s before to 0.5 s after each R peak, and take the median over beats. One
# premature beat changes the mean, but hardly the median.
row = examples["sinus rhythm"]
peaks = np.round(find_beats(records[row, lead_ii], RATE) * RATE).astype(int)
before, after = int(0.3 * RATE), int(0.5 * RATE)
peaks = peaks[(peaks >= before) & (peaks + after <= records.shape[2])]
cut = np.stack([records[row, lead_ii, peak - before : peak + after] for peak in peaks])

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
milliseconds = 1000 * np.arange(-before, after) / RATE
ax.plot(milliseconds, cut.T, color="0.7", linewidth=0.7)
ax.plot(milliseconds, np.median(cut, axis=0), color="#0072b2", linewidth=2)
ax.set(xlabel="time from the R peak, ms", ylabel="lead II, mV")
ax.set_title(f"{len(cut)} beats and their median", loc="left")
plt.show()
