"""
Build a cohort from MIMIC-IV tables
===================================

:func:`ecgsk.datasets.load_mimic_iv` joins ECGs to laboratory values, vital signs and diagnoses by
time. This example uses the tables of the `MIMIC-IV clinical demo
<https://physionet.org/content/mimic-iv-demo/>`__ (Open Database License 1.0). The demo has no ECG
waveforms. Recordings of other people replace them, so ECG and table are unrelated.

.. only:: not real_data

   The demo is not part of ecgsk, so the script was not run for this page. The pictures are stored
   outputs of 113 records of 17 patients of the demo, in whose tables item ids and reference ranges
   were filled in; ``python docs/make_real_outputs.py`` renews them.

   .. image:: /_static/real/plot_real_mimic_flow_1.png
      :alt: Number of records left after each step

   .. image:: /_static/real/plot_real_mimic_flow_2.png
      :alt: Share of records with a value of each laboratory
"""

# sphinx_gallery_thumbnail_path = '_static/real/plot_real_mimic_flow_1.png'
import os
from pathlib import Path

import matplotlib.pyplot as plt

from ecgsk.datasets import MimicFolds, MimicInputs, MimicTargets, load_mimic_iv

folder = Path(os.environ["ECGSK_REAL_DATA"], "mimic_iv_demo")
cohort = load_mimic_iv(
    folder / "ecg",
    folder / "hosp",
    folder / "ed",
    inputs=MimicInputs(lab_window="24h"),
    targets=MimicTargets(min_count=10),
    folds=MimicFolds(split=(8, 1, 1)),
    progress=False,
)
cohort.flow.head()

# %%
# Records with each kind of data
# ------------------------------
# ``steps`` counts records and patients with each kind of data. Each kind is counted separately.
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
steps = cohort.steps.iloc[::-1]
bars = ax.barh(steps.index, steps["records"], color="#0072b2")
labels = [f"{row.records} of {row.subjects} patients" for row in steps.itertuples()]
ax.bar_label(bars, labels, padding=3)
ax.set(xlabel="records", xlim=(0, 1.4 * steps["records"].max()))
plt.show()

# %%
# Laboratory values before the ECG
# --------------------------------
# Share of records with a value in the 24 h before the ECG, for the fifteen most frequent tests.
measured = cohort.X[cohort.X.columns.intersection(cohort.reference_ranges.index)].notna().mean()
frequent = 100 * measured.sort_values().tail(15)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.barh(frequent.index.str.replace("_", " "), frequent, color="#0072b2")
ax.set(xlabel="records with a value, %", xlim=(0, 100))
plt.show()
