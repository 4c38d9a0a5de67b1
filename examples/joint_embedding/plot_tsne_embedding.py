"""
t-SNE map of ECG embeddings
===========================

A pre-trained encoder maps each ECG to a vector, its embedding. t-SNE draws the embeddings in two
dimensions, here coloured by a diagnosis and by a laboratory value. Neither is an input of
``transform``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter

# %%
# Pre-train on some patients, embed the others
# --------------------------------------------
# ``transform`` needs the ECG alone.
cohort = make_clinical_ecg(n_subjects=700, random_state=0)
X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
train, test = patient_split(cohort.groups, test_size=0.4, random_state=0, Y=cohort.Y)
pretrainer = JointEmbeddingPretrainer(
    ResNet1d(10, width=8), max_epochs=8, random_state=0, verbose=0
)
embedding = pretrainer.fit(X.iloc[train]).transform(X[["ecg"]].iloc[test])
embedding = StandardScaler().fit_transform(embedding)
print(embedding.shape)

# %%
# Draw the map
# ------------
position = TSNE(perplexity=30, max_iter=500, random_state=0).fit_transform(embedding)
has_af = cohort.Y["atrial fibrillation"].iloc[test].to_numpy() == 1
bnp = np.log10(cohort.labs["nt_probnp"].iloc[test].to_numpy())

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
axes[0].scatter(*position[~has_af].T, s=14, color="0.75", label="no atrial fibrillation")
axes[0].scatter(*position[has_af].T, s=18, color="#d55e00", marker="s", label="atrial fibrillation")
axes[0].legend(loc="upper left", bbox_to_anchor=(0, 1.12), ncols=2, frameon=False)
measured = np.isfinite(bnp)
axes[1].scatter(*position[~measured].T, s=6, color="0.85")
points = axes[1].scatter(*position[measured].T, s=18, c=bnp[measured], cmap="viridis")
fig.colorbar(points, ax=axes[1], label="log10 of NT-proBNP, ng/L; grey: not measured")
for ax in axes:
    ax.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
plt.show()

# %%
# Diagnoses of the nearest neighbours
# -----------------------------------
# Distances between groups of a t-SNE map have no meaning. So measure in the embedding itself: the
# share of the ten nearest records of *other* patients that have atrial fibrillation.
patients = cohort.groups.iloc[test].to_numpy()
nearest = NearestNeighbors(n_neighbors=30).fit(embedding).kneighbors(return_distance=False)
others = [near[patients[near] != patients[i]][:10] for i, near in enumerate(nearest)]
shares = np.array([has_af[near].mean() for near in others])
print(f"with atrial fibrillation: {shares[has_af].mean():.2f} of the neighbours have it")
print(f"without: {shares[~has_af].mean():.2f}; in all records: {has_af.mean():.2f}")
