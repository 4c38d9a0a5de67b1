"""Faithfulness of evidence: deletion of its directions against random ones."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.explain._concepts import shuffles
from ecgsk.explain._evidence import LabEvidence
from ecgsk.explain._labels import read_labels
from ecgsk.metrics.resampling import patient_counts

_DIRECTIONS = ("concepts", "isotropic")


def deletion_faithfulness(
    evidence: LabEvidence,
    embedding: Any,
    labs: Any,
    diagnoses: Any,
    patients: Any,
    predicted: Any,
    *,
    directions: str = "concepts",
    n_random: int = 200,
    n_resamples: int = 1000,
    random_state: Any = None,
) -> pd.DataFrame:
    """Compare deletion of supporting findings' directions with deletion of random ones.

    Records count where the diagnosis is predicted and the link supports it. The comparison is
    with random directions that also support the diagnosis in that record, because others have
    smaller effects in a predicted record anyway.

    .. versionadded:: 0.1

    Parameters
    ----------
    evidence : LabEvidence
        After `LabEvidence.validate`.
    embedding, labs, diagnoses, patients
        As for `LabEvidence.validate`, of further patients.
    predicted : array-like of bool, shape (n_records, n_diagnoses)
        Whether the diagnosis is predicted.
    directions : {"concepts", "isotropic"}, default="concepts"
        Random directions: concepts of the link's laboratory labels permuted between patients,
        or directions uniform in the whitened embedding.
    n_random : int, default=200
        Number of random directions.
    n_resamples : int, default=1000
        Bootstrap samples of patients.
    random_state : int, RandomState or None, default=None
        Seed of directions and bootstrap samples.

    Returns
    -------
    DataFrame
        One row per held link, and a last row of all:

        ``n_records``
            Records with a deletion.
        ``change``, ``random_change``
            Mean loss of the diagnosis' log odds by deletion.
        ``beats_random``, ``low``, ``high``
            Share of random directions with a smaller loss, mean over records; one half by
            chance. The interval is a patient bootstrap at the level of the evidence.
        ``auroc``, ``auroc_drop``, ``random_auroc_drop``
            AUROC of the diagnosis over all records, and its loss when the direction is deleted
            from each record.

    Raises
    ------
    ECGError
        If ``directions`` is unknown or the evidence is not validated.

    See Also
    --------
    LabEvidence : With an example of held links.

    References
    ----------
    .. [1] Elazar et al., "Amnesic probing: behavioral explanation with amnesic counterfactuals",
       TACL 9, 2021.

    Examples
    --------
    >>> from ecgsk.explain import deletion_faithfulness
    >>> deletion_faithfulness(
    ...     evidence, embedding, labs, diagnoses, patients, P > 0.5
    ... )  # doctest: +SKIP
    """
    if directions not in _DIRECTIONS:
        raise ECGError(
            f"deletion_faithfulness expected directions to be one of {_DIRECTIONS}; got "
            f"{directions!r}."
        )
    links = evidence.held_links_
    diagnosis = [evidence.diagnoses_.index(name) for name in links["diagnosis"]]
    labels = read_labels("deletion_faithfulness", labs, "labs")[0]
    labels = labels[:, [evidence.findings_.index(name) for name in links["finding"]]]
    truth = read_labels("deletion_faithfulness", diagnoses, "diagnoses")[0][:, diagnosis]
    numbers, _ = number_patients("deletion_faithfulness", patients, len(truth))
    losses = evidence.contributions(embedding)
    weight = evidence.weight_[diagnosis]
    rng = check_random_state(random_state)
    orders = shuffles(numbers, n_random, rng) if directions == "concepts" else None
    random = _random_contributions(evidence, embedding, weight, labels, orders, n_random, rng)
    supported = np.asarray(predicted, dtype=bool)[:, diagnosis] & (losses > 0)
    log_odds = np.asarray(embedding, dtype=np.float64) @ weight.T
    per_record, auroc = _compare(losses, random, supported, log_odds, truth)
    frame = _means(per_record, numbers, evidence.level, n_resamples, rng)
    for name, values in auroc.items():
        frame[name] = [*values, pd.Series(values).mean()]
    frame.insert(0, "diagnosis", [*links["diagnosis"], "all"])
    frame.insert(1, "finding", [*links["finding"], "all"])
    return frame


def _random_contributions(
    evidence: LabEvidence,
    embedding: Any,
    weight: np.ndarray,
    labels: np.ndarray,
    orders: Iterable[np.ndarray] | None,
    n_random: int,
    rng: np.random.RandomState,
) -> Iterator[np.ndarray]:
    """Yield losses by deleting one random direction per link: (n_records, n_links)."""
    space = evidence.space()
    coordinates = space.coordinates(embedding)
    if orders is not None:
        draws = (space.concepts(coordinates, labels[order]) for order in orders)
    else:
        draws = (space.isotropic(len(weight), rng) for _ in range(n_random))
    for concepts in draws:
        sensitivity = np.sum(weight @ space.back.T * concepts.patterns, axis=1)
        yield coordinates @ concepts.filters.T * sensitivity


def _compare(
    losses: np.ndarray,
    random: Iterable[np.ndarray],
    supported: np.ndarray,
    log_odds: np.ndarray,
    truth: np.ndarray,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return losses per record and link, and AUROC with and without deletion."""
    n_supporting, n_less, taken = np.zeros((3, *losses.shape))
    auroc, drops = _auroc(truth, log_odds), []
    for other in random:
        supports = other > 0
        n_supporting += supports
        n_less += supports & (other < losses)
        taken += np.where(supports, other, 0)
        drops.append(auroc - _auroc(truth, log_odds - other))
    supported = supported & (n_supporting > 0)
    n_supporting = np.maximum(n_supporting, 1)
    return (
        {
            "n_records": supported.astype(float),
            "change": losses * supported,
            "random_change": taken / n_supporting * supported,
            "beats_random": n_less / n_supporting * supported,
        },
        {
            "auroc": auroc,
            "auroc_drop": auroc - _auroc(truth, log_odds - losses),
            "random_auroc_drop": np.mean(drops, axis=0),
        },
    )


def _auroc(truth: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Return the AUROC of each column by ranks; unknown labels rank last."""
    ranks = rankdata(np.where(np.isnan(truth), np.inf, log_odds), axis=0)
    true, false = (truth == 1).sum(axis=0), (truth == 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        won = (ranks * (truth == 1)).sum(axis=0) - true * (true + 1) / 2
        return won / (true * false)


def _means(
    per_record: dict[str, np.ndarray],
    patients: np.ndarray,
    level: float,
    n_resamples: int,
    rng: np.random.RandomState,
) -> pd.DataFrame:
    """Average over records per link and over all links, with intervals."""
    n_patients = patients.max() + 1
    sums = {}
    for name, values in per_record.items():
        sums[name] = np.zeros((n_patients, values.shape[1] + 1))
        np.add.at(sums[name], patients, np.column_stack([values, values.sum(axis=1)]))
    totals = {name: values.sum(axis=0) for name, values in sums.items()}
    shares = np.empty((n_resamples, len(totals["n_records"])))
    with np.errstate(invalid="ignore"):
        for block, drawn in patient_counts(n_patients, n_resamples, rng, 1):
            shares[block] = drawn.T @ sums["beats_random"] / (drawn.T @ sums["n_records"])
        frame = pd.DataFrame(
            {
                name: total if name == "n_records" else total / totals["n_records"]
                for name, total in totals.items()
            }
        ).astype({"n_records": int})
    seen = (totals["n_records"] > 0) & ~np.isnan(shares).all(axis=0)
    tails = [level / 2, 1 - level / 2]
    interval = np.full((2, len(seen)), np.nan)
    interval[:, seen] = np.nanquantile(shares[:, seen], tails, axis=0)
    frame["low"], frame["high"] = interval
    return frame
