"""LabEvidence: links in training and in held-out patients."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone

import ecgsk
from ecgsk.exceptions import ECGError
from ecgsk.explain import LabEvidence
from ecgsk.preprocessing import LabAbnormality

FINDINGS = ["potassium high", "haemoglobin low", "tsh low", "ph low"]
DIAGNOSES = ["hyperkalaemia", "anaemia", "gout"]


@pytest.fixture(scope="module")
def cohort():
    """1,200 patients with two records; the embedding reflects potassium and haemoglobin."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(1200), 2)
    cause = np.repeat(rng.normal(size=(1200, 3)), 2, axis=0)
    mixing = rng.normal(size=(3, 12))
    embedding = cause @ mixing + rng.normal(size=(2400, 12)) * rng.uniform(0.05, 1.5, 12)
    noise = rng.normal(size=(2400, 7))
    labs = pd.DataFrame(
        {
            "potassium high": cause[:, 0] + noise[:, 0] > 1.2,
            "haemoglobin low": cause[:, 1] + noise[:, 1] > 1.2,
            "tsh low": noise[:, 2] > 1,
            "ph low": np.zeros(2400),  # never seen
        }
    ).astype(float)
    labs[rng.random(labs.shape) < 0.4] = np.nan
    diagnoses = pd.DataFrame(
        {
            "hyperkalaemia": cause[:, 0] + 0.7 * noise[:, 4] > 1,
            "anaemia": cause[:, 1] + 0.7 * noise[:, 5] > 1,
            "gout": noise[:, 6] > 1,
        }
    ).astype(float)
    weight = np.linalg.lstsq(embedding, cause, rcond=None)[0].T
    return embedding, labs, diagnoses, patients, weight


def of(cohort, first, last):
    embedding, labs, diagnoses, patients, _ = cohort
    rows = (patients >= first) & (patients < last)
    return embedding[rows], labs[rows], diagnoses[rows], patients[rows]


@pytest.fixture(scope="module")
def evidence(cohort):
    model = LabEvidence()
    return model.fit(*of(cohort, 0, 600), weight=cohort[-1]).validate(*of(cohort, 600, 1200))


def test_only_true_links_hold(evidence):
    held = evidence.held_links_
    assert list(zip(held["diagnosis"], held["finding"], strict=True)) == [
        ("hyperkalaemia", "potassium high"),
        ("anaemia", "haemoglobin low"),
    ]
    assert (held["low"] > 1).all()
    assert (held["held_out_effect"] > 0).all()
    assert (held["carried_by_ecg"] == 1).all()
    never = evidence.links_.query("finding == 'ph low'")
    assert never[["sensitivity", "carried_by_ecg"]].isna().all(axis=None)


def test_link_in_training_alone_does_not_hold(cohort, evidence):
    embedding, labs, diagnoses, patients = of(cohort, 600, 1200)
    in_patients = clone(evidence).fit(*of(cohort, 0, 600), weight=cohort[-1])
    assert in_patients.validate(embedding, 1 - labs, diagnoses, patients).held_links_.empty


def test_ecg_without_the_finding_does_not_carry_it(cohort, evidence):
    embedding, *rest = of(cohort, 600, 1200)
    shuffled = np.random.default_rng(1).permutation(embedding)
    model = clone(evidence).fit(*of(cohort, 0, 600), weight=cohort[-1]).validate(shuffled, *rest)
    assert (model.held_links_["carried_by_ecg"] == 0).all()


def test_contribution_is_the_loss_of_log_odds_by_deletion(cohort, evidence):
    embedding, weight = cohort[0], cohort[-1]
    contributions = evidence.contributions(embedding)
    for link, contribution in zip(evidence.held_links_.itertuples(), contributions.T, strict=True):
        finding = evidence.findings_.index(link.finding)
        score = (embedding - evidence.mean_) @ evidence.filters_[finding]
        deleted = embedding - np.outer(score, evidence.patterns_[finding])
        np.testing.assert_allclose(
            (deleted - evidence.mean_) @ evidence.filters_[finding], 0, atol=1e-9
        )
        row = weight[evidence.diagnoses_.index(link.diagnosis)]
        np.testing.assert_allclose((embedding - deleted) @ row, contribution, atol=1e-9)


def test_sensitivity_is_the_slope_of_log_odds_over_the_score(cohort, evidence):
    embedding = of(cohort, 0, 600)[0]
    link = evidence.held_links_.iloc[0]
    score = (embedding - evidence.mean_) @ evidence.filters_[0]
    assert score.std() == pytest.approx(1)
    assert np.polyfit(score, embedding @ cohort[-1][0], 1)[0] == pytest.approx(link.sensitivity)


def test_links_are_sorted_by_odds_ratio(evidence):
    for _, links in evidence.links_.groupby("diagnosis"):
        assert links["odds_ratio"].dropna().is_monotonic_decreasing
    assert list(dict.fromkeys(evidence.links_["diagnosis"])) == DIAGNOSES


def test_units_of_the_embedding_do_not_matter(cohort, evidence):
    units = np.random.default_rng(0).uniform(0.5, 5, 12)
    parts = [(e * units, *rest) for e, *rest in (of(cohort, 0, 600), of(cohort, 600, 1200))]
    other = clone(evidence).fit(*parts[0], weight=cohort[-1] / units).validate(*parts[1])
    pd.testing.assert_frame_equal(other.links_, evidence.links_, rtol=1e-4, atol=0.01)


@pytest.fixture(scope="module")
def planted():
    """4,000 patients with two records: diagnoses of potassium alone, and of age alone."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(4000), 2)
    age, cause = np.repeat(rng.normal(size=(4000, 2)), 2, axis=0).T
    potassium = 0.5 * age + cause
    creatinine = 0.8 * potassium + 0.6 * rng.normal(size=8000)
    values = pd.DataFrame({"potassium": potassium, "creatinine": creatinine, "urea": age + cause})
    # Where potassium is missing, what goes with it stands in for it: not a false link.
    values = values.mask(rng.random(values.shape) < [0, 0.3, 0.3])
    labs = LabAbnormality((-1.3, 1.3)).fit_transform(values)
    logits = np.column_stack([potassium, -potassium, age])
    diagnoses = pd.DataFrame(
        rng.random(logits.shape) < expit(logits - 2), columns=["k", "no", "old"]
    )
    return {
        "embedding": np.column_stack([potassium, rng.normal(size=(8000, 3))]),
        "labs": labs,
        "diagnoses": diagnoses.astype(float),
        "patients": patients,
        "values": values,
        "covariates": pd.DataFrame({"age": age}),
    }


def validated(parts, *, without=()):
    sides = [
        {name: part[rows] for name, part in parts.items() if name not in without}
        for rows in (parts["patients"] < 2000, parts["patients"] >= 2000)
    ]
    weight = np.zeros((parts["diagnoses"].shape[1], parts["embedding"].shape[1]))
    return LabEvidence().fit(**sides[0], weight=weight).validate(**sides[1])


def held(model):
    return set(zip(model.held_links_["diagnosis"], model.held_links_["finding"], strict=True))


def test_true_pairs_hold_and_confounded_ones_do_not(planted):
    model = validated(planted)
    assert held(model) == {("k", "potassium high"), ("no", "potassium low")}
    assert model.covariates_ == ["age"]
    # Without age, its diagnosis seems to go with laboratory values.
    assert ("old", "urea high") in held(validated(planted, without=["covariates"]))


def test_crude_and_adjusted_odds_ratios_show_what_confounders_explain(planted):
    without = validated(planted, without=["covariates"]).held_links_
    pd.testing.assert_series_equal(
        without["crude_odds_ratio"], without["adjusted_odds_ratio"], check_names=False
    )
    # A diagnosis of potassium and of age: the crude ratio of potassium counts age's part too.
    rng, potassium = np.random.default_rng(1), planted["values"]["potassium"]
    both = rng.random(8000) < expit(potassium + planted["covariates"]["age"] - 2)
    parts = planted | {"diagnoses": pd.DataFrame({"both": both.astype(float)})}
    link = validated(parts).held_links_.set_index("finding").loc["potassium high"]
    sd = potassium.std()
    assert link["low"] < np.exp(sd) < link["high"]
    assert link["crude_odds_ratio"] > 1.2 * link["adjusted_odds_ratio"]
    assert np.log(link["odds_ratio"]) == pytest.approx(link["effect"])


def test_findings_stand_in_for_values(planted):
    model = validated(planted, without=["values"])
    assert {("k", "potassium high"), ("no", "potassium low")} <= held(model)


def test_repeated_records_do_not_narrow_intervals(planted):
    rows = planted["patients"] < 500
    once = {name: part[rows] for name, part in planted.items()}
    often = {
        name: pd.concat([part] * 3, ignore_index=True)
        if isinstance(part, pd.DataFrame)
        else np.concatenate([part] * 3)
        for name, part in once.items()
    }
    weight = np.zeros((3, 4))
    a, b = (LabEvidence().fit(**parts, weight=weight).links_.iloc[0] for parts in (once, often))
    width = np.log([a["high"] / a["low"], b["high"] / b["low"]])
    assert width[1] == pytest.approx(width[0], rel=0.05)


@pytest.mark.parametrize("case", ["collinear", "separated", "more columns than records"])
def test_degenerate_tables_give_finite_links_and_no_false_ones(case):
    rng = np.random.default_rng(0)
    n, n_values = (120, 200) if case == "more columns than records" else (400, 4)
    values = pd.DataFrame(rng.normal(size=(n, n_values))).add_prefix("lab")
    label = (rng.random(n) < 0.3).astype(float)
    if case == "collinear":
        values["copy"] = values["lab0"]
    if case == "separated":
        label = (values["lab0"] > 0.5).astype(float)
    parts = {
        "embedding": rng.normal(size=(n, 3)),
        "labs": LabAbnormality((-1.0, 1.0)).fit_transform(values),
        "diagnoses": pd.DataFrame({"d": label}),
        "patients": np.arange(n) * 4000 // n,
        "values": values,
    }
    model = validated(parts)
    assert np.isfinite(model.links_[["odds_ratio", "low", "high"]]).all(axis=None)
    expected = {("d", "lab0 high")} if case == "separated" else set()
    assert held(model) == expected


def test_few_patients_give_no_link(planted):
    few = planted["diagnoses"].copy()
    few.loc[few["k"].cumsum() > 12, "k"] = 0  # 12 records, fewer of them measured
    links = validated(planted | {"diagnoses": few}).links_.query("diagnosis == 'k'")
    rare = links["n_with"] < 10
    assert rare.any()
    assert links.loc[rare, ["effect", "odds_ratio", "low"]].isna().all(axis=None)
    assert not links.loc[rare, "holds"].any()


def test_saved_and_loaded_is_equal(cohort, evidence, tmp_path):
    ecgsk.save(evidence, tmp_path / "evidence")
    loaded = ecgsk.load(tmp_path / "evidence")
    pd.testing.assert_frame_equal(loaded.held_links_, evidence.held_links_)
    np.testing.assert_array_equal(
        loaded.contributions(cohort[0]), evidence.contributions(cohort[0])
    )


def test_invalid_use_is_refused(cohort):
    embedding, labs, diagnoses, patients = of(cohort, 0, 100)
    model = LabEvidence()
    with pytest.raises(ECGError, match="weight of shape"):
        model.fit(embedding, labs, diagnoses, patients, weight=cohort[-1][:2])
    model.fit(embedding, labs, diagnoses, patients, weight=cohort[-1])
    with pytest.raises(ECGError, match="validate first"):
        model.contributions(embedding)
    text = pd.DataFrame({"sex": ["male"] * len(labs)}, index=labs.index)
    with pytest.raises(ECGError, match="covariates to be numbers"):
        model.fit(embedding, labs, diagnoses, patients, weight=cohort[-1], covariates=text)
    with pytest.raises(ECGError, match="a column for each laboratory"):
        model.fit(embedding, labs, diagnoses, patients, weight=cohort[-1], values=labs)
    with pytest.raises(ECGError, match="with the columns of fit"):
        model.validate(embedding, labs[FINDINGS[::-1]], diagnoses, patients)
