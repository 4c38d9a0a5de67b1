"""
Simulate ECGs of atrial fibrillation, LBBB, infarction and hyperkalaemia
========================================================================

Most examples use synthetic patients. :func:`~ecgsk.datasets.make_clinical_ecg` returns the causes
of each record in ``latent``, and :func:`~ecgsk.datasets.synthesize_ecg` simulates the ECG of given
causes. With the same seed, the noise stays the same and only the effect of the cause changes.
"""

import matplotlib.pyplot as plt
import numpy as np

from ecgsk.datasets import make_clinical_ecg, synthesize_ecg
from ecgsk.plotting import plot_ecg

# %%
# Start from one healthy patient with average values.
heart = make_clinical_ecg(1, random_state=0).latent.iloc[:1].copy()
territories = ["acute_infarct_territory", "old_infarct_territory"]
heart[heart.columns.difference(territories)] = 0.0
heart[[name for name in heart if name.startswith("gain_")]] = 1.0
heart = heart.assign(age=62.0, male=1.0, height=176.0, bmi=27.0, heart_rate=72.0)
heart = heart.assign(potassium=4.2, calcium=9.3, magnesium=2.0, haemoglobin=14.5)

# %%
# Change one cause at a time
# --------------------------
# The cases are severe, as in a textbook. In a cohort, most changes are smaller.
cases = {
    "Healthy": {},
    "Atrial fibrillation: no P waves, irregular RR intervals": {"in_af": 1.0, "heart_rate": 105.0},
    "Left bundle branch block: wide QRS, notched in I and V6": {"lbbb": 1.0},
    "Acute anterior infarction: ST elevation in V1 to V4": {
        "acute_infarct": 2.5,
        "acute_infarct_territory": "anterior",
        "heart_rate": 90.0,
    },
    "Hyperkalaemia, 8.2 mmol/L: tall narrow T waves, wide QRS": {"potassium": 8.2},
}
fig, axes = plt.subplots(5, figsize=(9, 21.8), layout="constrained")
for ax, (title, cause) in zip(axes, cases.items(), strict=True):
    ecg = synthesize_ecg(heart.assign(**cause), random_state=30)
    plot_ecg(ecg.read()[0], ecg.leads, ecg.sampling_rate, title=title, ax=ax)
plt.show()

# %%
# Increase the potassium step by step
# -----------------------------------
# In one beat of lead V3, the T wave becomes taller and the QRS complex wider. The seed is the same,
# so the beats are at the same times.
levels = [4.2, 5.2, 6.2, 7.2, 8.2]
colors = plt.cm.viridis(np.linspace(0, 0.85, len(levels)))
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for level, color in zip(levels, colors, strict=True):
    ecg = synthesize_ecg(heart.assign(potassium=level), sampling_rate=500, random_state=30)
    v3 = ecg.read()[0, ecg.leads.index("V3")]
    ax.plot(np.arange(v3.size) / 500, v3, color=color, label=f"{level} mmol/L")
ax.set(xlim=(4.4, 5.3), xlabel="time, s", ylabel="lead V3, mV")
ax.legend(title="potassium")
plt.show()
