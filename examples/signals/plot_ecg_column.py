"""
ECGs as a column of a DataFrame
===============================

ecgsk stores recordings in a pandas column, :class:`ecgsk.signals.ECGArray`. A row has one ECG, and
the age, laboratory values and identifier of its patient. The column stores lead names and sampling
rate. pandas selects, sorts and merges its rows without copying samples.
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
# :meth:`~ecgsk.signals.ECGArray.from_numpy`. Lead names and sampling rate are required.
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
# Rows are selected with the usual pandas expressions. Here the records of patients above 60 years
# are merged by patient with a table of another department.
wards = pd.DataFrame({"subject_id": cohort.groups.unique()[:20], "ward": "cardiology"})
older = X[X["age"] > 60].merge(wards, on="subject_id")
older.sort_values("potassium", ascending=False).head()

# %%
# Plot one record on ECG paper
# ----------------------------
# The scale is 25 mm/s and 10 mm/mV; the layout is four columns of three leads and a rhythm strip.
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
# The order of leads in a file does not matter. ``select_leads`` returns a column of these leads
# without copying samples.
two = older["ecg"].ecg.select_leads(["II", "V1"])
print(two.dtype)
two.ecg.plot(row, title="Leads II and V1 of the same record")
plt.show()
