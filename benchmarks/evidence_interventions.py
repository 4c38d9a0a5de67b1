"""Links against interventions: move one latent cause, redraw the ECG with the same noise.

    python benchmarks/evidence_interventions.py --seed 0 1 2 --folder FOLDER

Each laboratory finding has a latent cause in the simulator that moves it most. In new patients
that cause moves by one standard deviation towards the finding, and everything that depends on it
follows (`make_clinical_ecg(..., interventions=...)`). A link of the finding and a diagnosis is
compared with the change of the model's log odds, which the new ECG causes, and with the change
of the diagnosis' log odds in the simulator itself.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from evidence import fit
from evidence_causes import causes_of_findings, log_odds
from evidence_data import argument_parser, load_or_embed, split
from scipy.stats import spearmanr

from ecgsk.datasets import make_clinical_ecg

N_PATIENTS = 400
NEW_PATIENTS = 100  # added to the seed of the cohort: no link was fitted on them


def main():
    args = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    moved_by, rows = causes_of_findings(), []
    for seed in args.seed:
        data = load_or_embed(seed, args.folder)
        embeddings, truth, patients = intervene(data["encoder"], moved_by, seed + NEW_PATIENTS)
        for size in args.sizes:
            train, validation, _ = split(data, size)
            evidence, (weight, _) = fit(train, validation)
            links = evidence.links_[evidence.links_["finding"].isin(moved_by)]
            links = links[links["diagnosis"].isin(truth[0].columns)].reset_index(drop=True)
            rows.append(
                compare(links, evidence, weight, moved_by, embeddings, truth, patients).assign(
                    cohort=seed, size=size
                )
            )
    show(pd.concat(rows))


def intervene(encoder, moved_by, seed):
    """Return embeddings and true log odds without (0) and with each intervention."""
    embeddings, truth = {}, {}
    for key in [0, *sorted(set(moved_by.values()))]:
        interventions = dict([key]) if key else None
        cohort = make_clinical_ecg(N_PATIENTS, random_state=seed, interventions=interventions)
        embeddings[key] = encoder.transform(cohort.X[["ecg"]]).astype(float)
        truth[key] = log_odds(cohort.latent)
    return embeddings, truth, cohort.groups.to_numpy()


def compare(links, evidence, weight, moved_by, embeddings, truth, patients):
    """Add to each link what its intervention changes, with an interval over patients."""
    rows = []
    for diagnosis, finding in zip(links["diagnosis"], links["finding"], strict=True):
        key = moved_by[finding]
        change = (embeddings[key] - embeddings[0]) @ weight[evidence.diagnoses_.index(diagnosis)]
        per_patient = pd.Series(change).groupby(patients).mean()
        error = per_patient.std() / np.sqrt(len(per_patient))
        true = (truth[key] - truth[0])[diagnosis].mean()
        mean = per_patient.mean()
        rows.append({"change": mean, "shown": abs(mean) > 1.96 * error, "true": true})
    return pd.concat([links, pd.DataFrame(rows)], axis=1)


def show(links):
    """Print agreement of claims with interventions, for all links and those that hold."""
    claims = [name for name in ("effect", "sensitivity") if name in links]
    for size, of_size in links.groupby("size"):
        print(f"\n{size} training patients: links, and rank correlation of the cohorts")
        for which, some in (("all", of_size), ("held", of_size[of_size["holds"]])):
            for claim in claims:
                known = some[some[claim].notna()]
                shown = known[known["shown"]]
                side = np.sign(shown[claim]) == np.sign(shown["change"])
                slope = (known[claim] @ known["change"]) / (known[claim] @ known[claim])
                print(
                    f"{which:<5} {claim:<12} n {len(known):<5} with the model's change "
                    f"{correlations(known, claim, 'change')}, with the true change "
                    f"{correlations(known, claim, 'true')}; of {len(shown)} shown changes "
                    f"{side.mean():.2f} to the claimed side; change per claim {slope:.2f}"
                )


def correlations(links, a, b):
    each = [spearmanr(some[a], some[b])[0] for _, some in links.groupby("cohort")]
    return f"{np.mean(each):.2f} ({', '.join(f'{r:.2f}' for r in each)})"


if __name__ == "__main__":
    main()
