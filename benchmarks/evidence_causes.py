"""Laboratory findings that each diagnosis' main cause changes in the simulator.

Latent causes are changed one at a time, and the changes of the findings are measured. Print
the result with

    python benchmarks/evidence_causes.py
"""

import numpy as np
import pandas as pd

from ecgsk.datasets.clinical.diagnoses import diagnosis_probability
from ecgsk.datasets.clinical.diagnoses import severities as severities_of
from ecgsk.datasets.clinical.patients import LIMITS, MEANING, draw_state
from ecgsk.datasets.clinical.table import LABORATORY, REFERENCE_RANGES, measure
from ecgsk.preprocessing import LabAbnormality

# Minimum rise in frequency of a finding that belongs to a cause; it must also reach half of the
# largest rise.
LEAST_RISE = 0.02
NO_LIMITS = (-np.inf, np.inf)


def find_causes(n_subjects=20_000, seed=0):
    """Return, for each diagnosis, the findings that its main cause changes directly.

    The main cause is the latent whose permutation between patients changes the severity of the
    diagnosis most. It is then moved by one standard deviation towards disease, with all other
    latents and all measurement errors fixed, and the shares of abnormal values are compared.
    Effects through other latents do not count: chronic kidney disease raises potassium through
    renal impairment, so potassium is not among its findings here.
    """
    state = draw_state(n_subjects, np.random.default_rng(seed))
    order = np.random.default_rng(seed).permutation(len(state["age"]))
    latents = [name for name in MEANING if not name.endswith("_territory")]
    severity = severities(state)
    changes = pd.DataFrame(
        {
            name: ((severities({**state, name: state[name][order]}) - severity) ** 2).mean()
            for name in latents
        }
    )
    return {
        diagnosis: moved_findings(state, root(state, cause, latents), diagnosis, severity)
        for diagnosis, cause in changes.idxmax(axis=1).items()
    }


def causes_of_findings(n_subjects=20_000, seed=0):
    """Return, for each finding, the latent that moves it most and a shift towards the finding.

    Each latent moves by one standard deviation to either side, with all others fixed.
    """
    state = draw_state(n_subjects, np.random.default_rng(seed))
    before, rises = findings(state).mean(), {}
    for name in (name for name in MEANING if not name.endswith("_territory")):
        for shift in np.array([-1, 1]) * round(float(state[name].std()), 3):
            moved = {**state, name: np.clip(state[name] + shift, *LIMITS.get(name, NO_LIMITS))}
            rises[name, shift] = findings(moved).mean() - before
    rises = pd.DataFrame(rises)
    largest = {finding: rises.loc[finding].idxmax() for finding in rises.index}
    return {name: key for name, key in largest.items() if rises.loc[name, key] >= LEAST_RISE}


def log_odds(latent):
    """Return the log odds of each diagnosis, as coded by the average coder."""
    probability = diagnosis_probability({name: latent[name].to_numpy() for name in latent})
    return np.log(probability / (1 - probability))


def severities(state):
    return pd.DataFrame({name: value for name, (value, _) in severities_of(state).items()})


def root(state, cause, latents):
    """Return the latent that a cause derives from, such as thyroid function of hyperthyroidism.

    A cause derives from another latent if it equals it up to a shift wherever it is above zero.
    """
    ill = state[cause] > 0
    for name in latents:
        if name != cause and ill.any() and np.ptp((state[name] - state[cause])[ill]) < 1e-9:
            return name
    return cause


def moved_findings(state, cause, diagnosis, severity):
    # Towards disease may be downwards: hypokalaemia is a low potassium.
    side = np.sign(np.corrcoef(state[cause], severity[diagnosis])[0, 1])
    moved = {**state, cause: state[cause] + side * state[cause].std()}
    rise = (findings(moved) - findings(state)).mean()
    return list(rise.index[rise >= max(LEAST_RISE, rise.max() / 2)])


def findings(state):
    values = pd.DataFrame(measure(state, np.random.default_rng(0)))[list(LABORATORY.index)]
    return LabAbnormality(REFERENCE_RANGES).fit_transform(values)


if __name__ == "__main__":
    for diagnosis, names in find_causes().items():
        print(f"{diagnosis:30}{', '.join(names) or '-'}")
    print()
    for finding, (latent, shift) in causes_of_findings().items():
        print(f"{finding:30}{latent} {shift:+g}")
