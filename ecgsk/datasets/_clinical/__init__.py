"""The parts of :func:`ecgsk.datasets.make_clinical_ecg`, one subject a file.

Causes run one way: ``patients`` draws who the patient is and what ails them
today; ``table``, ``diagnoses`` and ``recording`` each observe that state with
errors of their own and never look at one another.

The coefficients were set once, so that classifiers on the table, on the signal
and on both reach what was published for emergency patients (Alcaraz et al. 2024,
MDS-ED), and frozen before any joint-embedding model was trained. They are
assumptions about physiology, not estimates; changing one voids every figure
quoted for this cohort.
"""
