"""Which laboratory findings a diagnosis' own cause moves, asked of the simulator.

Nothing is written down by hand: latent causes are changed one at a time, and what changes with
them is looked at. Print the answer with

    python benchmarks/evidence_causes.py
"""

import numpy as np
import pandas as pd

from ecgsk.datasets._clinical.diagnoses import _severities
from ecgsk.datasets._clinical.patients import MEANING, draw_state
from ecgsk.datasets._clinical.table import LABORATORY, REFERENCE_RANGES, measure
from ecgsk.preprocessing import LabAbnormality

# A finding is a cause's own where it becomes this much more common, at the least, and half as
# much as the finding that the cause moves most.
LEAST_RISE = 0.02


def find_causes(n_subjects=20_000, seed=0):
    """Return, for each diagnosis, the findings that its main cause moves directly.

    The main cause is the latent whose exchange between patients changes the severity behind
    the diagnosis most. It is then moved by one standard deviation towards disease, everything
    else and all errors of measurement held fixed, and the share of abnormal values is compared.
    Effects by way of other latents don't count: chronic kidney disease raises potassium by way
    of renal impairment, and potassium is not among its findings here.
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


def severities(state):
    return pd.DataFrame({name: value for name, (value, _) in _severities(state).items()})


def root(state, cause, latents):
    """Return the latent that a cause is a part of, as of hyperthyroidism the thyroid's function.

    Where the cause is above zero, it is the other latent itself, but for a shift.
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
