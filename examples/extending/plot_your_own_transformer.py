"""
Your own preprocessing step
===========================

A step is a scikit-learn transformer that takes a table with an ECG column and returns one. Read
the samples with ``.ecg.to_numpy()``, change them, and write them back with
:meth:`ecgsk.signals.ECGArray.from_numpy`. This example adds a step that clips artefacts, and uses
it in a pipeline.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from ecgsk.datasets import make_clinical_ecg
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.signals import ECGArray


class ClipArtefacts(TransformerMixin, BaseEstimator):
    """Clip each lead at a number of robust standard deviations from its median."""

    def __init__(self, n_deviations=20.0):
        self.n_deviations = n_deviations

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True  # nothing is estimated

    def transform(self, X):
        ecg = X["ecg"].ecg
        samples = ecg.to_numpy()
        middle = np.nanmedian(samples, axis=2, keepdims=True)
        deviation = 1.48 * np.nanmedian(np.abs(samples - middle), axis=2, keepdims=True)
        limit = self.n_deviations * deviation
        clipped = np.clip(samples, middle - limit, middle + limit)
        column = ECGArray.from_numpy(clipped, leads=ecg.leads, sampling_rate=ecg.sampling_rate)
        return X.assign(ecg=column)


# %%
# One recording with an artefact
# ------------------------------
cohort = make_clinical_ecg(n_subjects=10, random_state=0)
X = Resample(100).fit_transform(cohort.X[["ecg", "subject_id"]])
samples = X["ecg"].ecg.to_numpy().copy()
samples[::2, :, 300:310] += 15  # an artefact of 15 mV in every second record
leads = X["ecg"].ecg.leads
X = X.assign(ecg=ECGArray.from_numpy(samples, leads=leads, sampling_rate=100))
clipped = ClipArtefacts(20).fit_transform(X)

fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
seconds = np.arange(samples.shape[2]) / 100
for table, color, name in [(X, "#d55e00", "before"), (clipped, "#0072b2", "after")]:
    ax.plot(seconds, table["ecg"].ecg.to_numpy()[0, leads.index("II")], color=color, label=name)
ax.set(xlabel="time, s", ylabel="lead II, mV")
ax.legend(loc="upper right")
plt.show()

# %%
# Use it in a pipeline
# --------------------
# Clip before the band-pass filter, which spreads an artefact over the samples around it. A grid
# search can set the parameter as ``clipartefacts__n_deviations``.
plain = BandpassFilter(0.5, 40).fit_transform(X)
pipeline = make_pipeline(ClipArtefacts(), BandpassFilter(0.5, 40))
both = pipeline.fit_transform(X)
print(sorted(pipeline.get_params())[:3])

fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
for table, color, name in [(plain, "#d55e00", "filter"), (both, "#0072b2", "clip, then filter")]:
    ax.plot(seconds, table["ecg"].ecg.to_numpy()[0, leads.index("II")], color=color, label=name)
ax.set(xlabel="time, s", ylabel="lead II, mV")
ax.legend(loc="upper right")
plt.show()
