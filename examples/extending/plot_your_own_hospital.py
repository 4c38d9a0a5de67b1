"""
Load your hospital's recordings and table
=========================================

:func:`ecgsk.datasets.load_csv` joins a folder of recordings to one CSV table by a key column.
:func:`ecgsk.check_table` finds columns that are not clinical values, and
:func:`ecgsk.datasets.write_cohort_report` describes the cohort. The recordings here are simulated.
"""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from ecgsk import check_table
from ecgsk.datasets import load_csv, make_clinical_ecg, write_cohort_report
from ecgsk.exceptions import TableWarning

# A folder of CSV recordings in mV, and a table with mistakes that are common in an export.
simulated = make_clinical_ecg(n_subjects=40, sampling_rate=100, random_state=0)
folder = TemporaryDirectory()
recordings = Path(folder.name, "ecg")
recordings.mkdir()
ecg = simulated.X["ecg"].ecg
names = [f"ecg{number:03}" for number in range(len(simulated.X))]
for name, signal in zip(names, ecg.to_numpy(), strict=True):
    header = ",".join(ecg.leads)
    np.savetxt(recordings / f"{name}.csv", signal.T, "%.3f", ",", header=header, comments="")
visits = simulated.X[["subject_id", "age", "sex", "potassium", "nt_probnp"]].assign(
    record=names,
    visit_number=range(70_000, 70_000 + len(names)),  # an identifier
    length_of_stay=np.arange(len(names)) % 9,  # not known when the ECG is taken
    AF=simulated.Y["atrial fibrillation"].to_numpy(),
)
visits.to_csv(Path(folder.name, "visits.csv"), index=False)

# %%
# Load, and check the table
# -------------------------
roles = {"key": "record", "patient": "subject_id", "labels": ["AF"]}
source = (recordings, Path(folder.name, "visits.csv"))
signals = {"sampling_rate": 100, "unit": "mV", "progress": False}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", TableWarning)  # check_table prints the same findings
    cohort = load_csv(*source, **roles, **signals)
print(check_table(cohort))

# %%
# Drop what the check found
# -------------------------
# ``roles`` has the role that the loader gave to each column.
cohort = load_csv(*source, **roles, **signals, drop=["visit_number", "length_of_stay"])
print(check_table(cohort))
cohort.roles.head(10)

# %%
# Write the report
# ----------------
# ``report.html`` is one page with the flow of records, Table 1, missing values and prevalences.
page = write_cohort_report(cohort, Path(folder.name, "report"))
print(sorted(path.name for path in page.parent.iterdir()))

# %%
# Plot the same facts from the cohort
# -----------------------------------
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
present = cohort.X[["age", "sex", "potassium", "nt_probnp"]].notna().mean()
axes[0].barh(present.index, 100 * present, color="#0072b2")
axes[0].set(xlabel="records with a value, %", xlim=(0, 100))
for value, color, name in [(0, "#0072b2", "no AF"), (1, "#e69f00", "AF")]:
    ages = cohort.X["age"][cohort.Y["AF"] == value]
    axes[1].hist(ages, np.arange(20, 101, 10), color=color, alpha=0.7, label=name)
axes[1].set(xlabel="age, years", ylabel="records")
axes[1].legend()
plt.show()
folder.cleanup()
