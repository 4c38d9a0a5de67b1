"""Simulator behind :func:`ecgsk.datasets.make_clinical_ecg`.

``patients`` draws the latent state; ``table``, ``diagnoses`` and ``recording`` observe
it independently, each with its own errors. Benchmarks import these modules by their full path;
users need :func:`~ecgsk.datasets.make_clinical_ecg` and :func:`~ecgsk.datasets.synthesize_ecg`.

The coefficients are assumptions about physiology, not estimates. They were set once, so
that classifiers on the table, on the signal and on both reach published results for
emergency patients (Alcaraz et al. 2024, MDS-ED), and frozen before any joint-embedding
model was trained: changing one invalidates every figure reported for this cohort.
"""
