"""
Cardiologists' marks of P, QRS and T waves (LUDB)
=================================================

The `Lobachevsky University Electrocardiography Database <https://doi.org/10.13026/eegm-h675>`__
(LUDB, Open Data Commons Attribution License 1.0) has 10 s ECGs in which cardiologists marked the
waves of each lead. This example draws the marks of one lead, and compares them with the beats of
:func:`ecgsk.io.find_beats`.

.. only:: not real_data

   LUDB is not part of ecgsk, so the script was not run for this page. The pictures are stored
   outputs of LUDB's first 40 records; ``python docs/make_real_outputs.py`` renews them.

   .. image:: /_static/real/plot_real_ludb_waves_1.png
      :alt: Lead II of one record with shaded P, QRS and T waves

   .. image:: /_static/real/plot_real_ludb_waves_2.png
      :alt: Histogram of the time between found beats and marked QRS peaks
"""

# sphinx_gallery_thumbnail_path = '_static/real/plot_real_ludb_waves_1.png'
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import wfdb

from ecgsk.datasets import load_ludb
from ecgsk.io import find_beats

folder = Path(os.environ["ECGSK_REAL_DATA"], "ludb")
X = load_ludb(folder, progress=False).X[["ecg"]].iloc[:40]  # 40 of the records, to be quick
RATE = 500
WAVES = {"p": ("P wave", "#009e73"), "N": ("QRS complex", "#d55e00"), "t": ("T wave", "#0072b2")}


def read_marks(record):
    """Return start, peak and end of each wave of lead II, in s, and its symbol."""
    marks = wfdb.rdann(str(folder / "data" / str(record)), "ii")
    times, symbols = marks.sample / RATE, marks.symbol
    return [
        (symbols[i], times[i - 1], times[i], times[i + 1])
        for i in range(1, len(symbols) - 1)
        if symbols[i] in WAVES and symbols[i - 1] == "(" and symbols[i + 1] == ")"
    ]


# %%
# The marks of one record
# -----------------------
# Cardiologists did not mark the first waves of a record.
record = X.index[0]
signal = X["ecg"].ecg.to_numpy()[:, X["ecg"].ecg.leads.index("II")]
fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
ax.plot(np.arange(signal.shape[1]) / RATE, signal[0], color="black", linewidth=0.9)
named = set()
for symbol, start, _, end in read_marks(record):
    name, color = WAVES[symbol]
    ax.axvspan(start, end, color=color, alpha=0.3, label=None if name in named else name)
    named.add(name)
ax.set(xlabel="time, s", ylabel="lead II, mV", xlim=(1, 6))
ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3)
plt.show()

# %%
# Compare found and marked beats
# ------------------------------
# For each marked QRS complex, the time to the nearest beat of ``find_beats`` in the same lead.
distances = []
for row, name in enumerate(X.index):
    marked = [peak for symbol, _, peak, _ in read_marks(name) if symbol == "N"]
    found = find_beats(signal[row], RATE)
    if len(found):
        distances.append([min(found - peak, key=abs) for peak in marked])
distances = 1000 * np.concatenate(distances)
print(f"{len(distances)} marked beats, {(np.abs(distances) <= 75).mean():.1%} found within 75 ms")

# %%
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.hist(np.clip(distances, -100, 100), bins=50, color="#0072b2")
ax.set(xlabel="found minus marked, ms (beyond 100 ms at the edge)", ylabel="beats", yscale="log")
plt.show()
