"""
Save a model, load it and predict one ECG
=========================================

:func:`ecgsk.save` writes preprocessing, network, heads and calibration as safetensors and JSON, not
as pickle, so :func:`ecgsk.load` runs no code from the file. The loaded model gives the same
probabilities.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import BandpassFilter, Resample

cohort = make_clinical_ecg(n_subjects=200, random_state=0)
Y = cohort.Y[["atrial fibrillation", "old myocardial infarction", "right bundle branch block"]]
new, known = cohort.X[["ecg"]].iloc[:5], cohort.X.iloc[5:]


def make_model(width):
    classifier = ECGDiagnosisClassifier(
        ResNet1d(10, width=width), max_epochs=4, random_state=0, verbose=0
    )
    return make_pipeline(Resample(100), BandpassFilter(0.5, 40), classifier)


model = make_model(8).fit(known, Y.iloc[5:])

# %%
# Save and load
# -------------
# The folder holds the weights and a readable description.
folder = TemporaryDirectory()
path = ecgsk.save(model, Path(folder.name, "model"))
loaded = ecgsk.load(path)
print(sorted(file.name for file in path.iterdir()))
print("equal:", np.array_equal(model.predict_proba(new), loaded.predict_proba(new)))

# %%
# Predict one ECG
# ---------------
# The input is a DataFrame with a column ``ecg``, here of one row. The model was trained for four
# epochs on few patients, so the probabilities are only an example.
one = new.iloc[[0]]
probability = pd.Series(loaded.predict_proba(one)[0], Y.columns, name="probability")
probability.round(3).to_frame()

# %%
_ = one["ecg"].iloc[0].plot()
plt.show()

# %%
# Size of the folder
# ------------------
# The size of the weights increases with the square of the network's width.
sizes = {}
for width in [8, 16, 32]:
    quick = make_model(width).set_params(ecgdiagnosisclassifier__max_epochs=1)
    path = ecgsk.save(quick.fit(known.iloc[:40], Y.iloc[5:45]), Path(folder.name, f"{width}"))
    sizes[f"width {width}"] = {file.name: file.stat().st_size / 1000 for file in path.iterdir()}
folder.cleanup()
ax = pd.DataFrame(sizes).T.plot.bar(figsize=(6, 3.4), rot=0, color=["#0072b2", "#e69f00"])
ax.set(xlabel="ResNet1d(10)", ylabel="kB", yscale="log", ylim=(10, None))
plt.tight_layout()
plt.show()
