"""
ECGs as a column of a DataFrame
===============================

ecgsk stores recordings in a pandas column, :class:`ecgsk.signals.ECGArray`. One row holds one
ECG beside the age, the laboratory values and the identifier of the patient. The column has its
leads and its sampling rate. It slices, filters and merges like any other column, and copies no
samples.
"""

import matplotlib.pyplot as plt
import pandas as pd

from ecgsk.datasets import make_clinical_ecg
from ecgsk.signals import ECGArray

cohort = make_clinical_ecg(n_subjects=50, sampling_rate=500, random_state=0)
X = cohort.X[["ecg", "age", "sex", "potassium", "subject_id"]]
X.head()

# %%
# Make a column from an array
# ---------------------------
# An array of shape (records, leads, samples) in millivolts becomes a column with
# :meth:`~ecgsk.signals.ECGArray.from_numpy`. The names of the leads and the sampling rate are
# required: ecgsk never guesses them.
samples = X["ecg"].ecg.to_numpy()
table = pd.DataFrame(
    {
        "ecg": ECGArray.from_numpy(samples, leads=X["ecg"].ecg.leads, sampling_rate=500),
        "subject_id": X["subject_id"],
    }
)
print(samples.shape, "->", table["ecg"].dtype)

# %%
# Select rows and merge a second table
# ------------------------------------
# Rows are chosen with the usual pandas expressions. Here the records of patients above 60 years
# are merged with a table of another department, by patient.
wards = pd.DataFrame({"subject_id": cohort.groups.unique()[:20], "ward": "cardiology"})
older = X[X["age"] > 60].merge(wards, on="subject_id")
older.sort_values("potassium", ascending=False).head()

# %%
# Plot one record on ECG paper
# ----------------------------
# The sheet has the usual scale: 25 mm/s, 10 mm/mV, four columns of three leads and a rhythm strip.
# This is the record with the highest potassium.
row = int(older["potassium"].argmax())
highest = older.iloc[row]
older["ecg"].ecg.plot(
    row, title=f"{highest['age']:.0f} years, potassium {highest['potassium']:.1f} mmol/L"
)
plt.show()

# %%
# Select leads by name
# --------------------
# Leads have names, so their order in a file does not matter. ``select_leads`` returns a column of
# two leads over the same samples.
two = older["ecg"].ecg.select_leads(["II", "V1"])
print(two.dtype)
two.ecg.plot(row, title="Leads II and V1 of the same record")
plt.show()
