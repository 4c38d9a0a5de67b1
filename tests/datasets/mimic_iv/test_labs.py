"""Laboratory inputs and targets: windows, units, reference ranges and aggregates."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import MimicInputs, MimicTargets, load_mimic_iv
from ecgsk.datasets._mimic_iv import _labs
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError

NAN = np.nan
AGGREGATES = ["nearest", "first", "last", "min", "max", "mean", "slope"]
equal = np.testing.assert_array_equal  # NaN equals NaN


def test_input_is_the_nearest_value_before_the_ecg(hospital):
    X = hospital.load().X
    # 11:30 is later than the day before; of two at 11:30 the list's first; 12:10 is too late.
    equal(X["potassium"], [5.6, NAN, NAN])
    equal(X["lactate"], [2.5, NAN, NAN])  # at the time of the ECG
    assert "sodium" not in X  # one second too old
    assert hospital.load(inputs={"lab_window": "48h"}).X["sodium"][0] == 140
    earlier = hospital.load(inputs={"lab_window": ("-48h", "-1h")})
    assert earlier.X["potassium"][0] == 4.0


def test_inputs_after_the_ecg_need_time_leak(hospital):
    X = hospital.load(inputs={"lab_window": ("-1h", "1h"), "time_leak": "allow"}).X
    equal(X["potassium"], [3.0, NAN, 5.3])


def test_target_is_the_nearest_value_compared_with_its_own_range(hospital):
    cohort = hospital.load()
    equal(cohort.labs["potassium"], [3.0, NAN, 5.3])
    # 5.3 is high by 3.3-5.1 but not by its own range, 3.5-5.5.
    equal(cohort.lab_abnormalities["potassium low"], [1, NAN, 0])
    equal(cohort.lab_abnormalities["potassium high"], [0, NAN, 0])
    equal(cohort.lab_abnormalities["lactate high"], [1, NAN, NAN])
    assert "lactate low" not in cohort.lab_abnormalities
    ranges = cohort.reference_ranges
    assert ranges.loc["potassium"].tolist() == [3.3, 5.1, "mEq/L"]
    assert np.isnan(ranges.loc["lactate", "low"])


def test_other_units_and_implausible_values_are_left_out_and_counted(hospital):
    cohort = hospital.load()
    assert not {"creatinine", "glucose", "urea_nitrogen", "bicarbonate"} & set(cohort.X.columns)
    assert cohort.lab_counts.loc["creatinine"].tolist() == [1, 1, 0, 0]
    assert cohort.lab_counts.loc["glucose"].tolist() == [1, 0, 1, 0]
    assert cohort.lab_counts.loc["bicarbonate"].tolist() == [0, 0, 0, 0]  # urine here
    assert "1 laboratory values in another unit, 1 implausible" in cohort.DESCR


def test_labs_selects_tests_by_name_or_adds_others(hospital):
    assert "lactate" not in hospital.load(labs=["potassium"]).X
    own = pd.DataFrame(
        {"itemid": [50912], "name": "creatinine_si", "fluid": "Blood", "unit": "umol/L"}
    ).assign(other_units="", low=NAN, high=NAN)
    equal(hospital.load(labs=own).X["creatinine_si"], [80, NAN, NAN])
    with pytest.raises(ECGError, match="unknown laboratory kryptonite in labs="):
        hospital.load(labs=["kryptonite"])
    with pytest.raises(ECGError, match="lacks the column high"):
        hospital.load(labs=own.drop(columns="high"))
    for name, odd in (("low", "<3"), ("itemid", 2.5), ("itemid", "K"), ("name", None)):
        kind = "text" if name == "name" else "numbers"
        with pytest.raises(ECGError, match=f"expected {kind} in the column {name} of labs="):
            hospital.load(labs=own.astype(object).assign(**{name: odd}))


def test_aggregates(hospital):
    X = hospital.load(inputs={"lab_aggregates": AGGREGATES}).X
    # 4.0 a day before; of two values at 11:30 the list's first is the last.
    expected = {"": 5.6, " first": 4.0, " last": 5.6, " min": 4.0, " max": 5.6}
    expected |= {" mean": (4.0 + 5.6 + 5.0) / 3}
    expected |= {" slope": np.polyfit([-24, -0.5, -0.5], [4.0, 5.6, 5.0], 1)[0]}
    for name, value in expected.items():
        np.testing.assert_allclose(X["potassium" + name], [value, NAN, NAN])
    assert "lactate mean" in X
    assert "lactate slope" not in X  # a single value
    assert "potassium" not in hospital.load(inputs={"lab_aggregates": "mean"}).X


def test_block_size_does_not_change_the_result(hospital, monkeypatch):
    options = {"lab_aggregates": ["nearest", "slope"]}
    whole = hospital.load(inputs=options)
    monkeypatch.setattr(_labs, "_BLOCK_SIZE", 1)
    blocks = hospital.load(inputs=options)
    pd.testing.assert_frame_equal(blocks.X.drop(columns="ecg"), whole.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(blocks.lab_abnormalities, whole.lab_abnormalities)


def test_labevents_is_read_once(hospital, monkeypatch):
    statements = []
    execute = MimicTables.execute

    def record_statement(tables, statement):
        statements.append(statement)
        execute(tables, statement)

    monkeypatch.setattr(MimicTables, "execute", record_statement)
    hospital.load(inputs={"lab_aggregates": ["nearest", "mean", "slope"]})
    assert sum("FROM labevents" in statement for statement in statements) == 1


# The MIMIC-IV demo against the same joins in plain pandas.


@pytest.fixture(scope="module")
def pairs(demo, demo_ecgs):
    """Every usable laboratory value of the ECGs' patients, with its distance to each ECG."""
    path = files("ecgsk.datasets") / "data" / "mimic_iv_labs.csv"
    items = pd.read_csv(str(path), keep_default_na=False)
    events = pd.read_csv(demo["hosp"] / "labevents.csv.gz", parse_dates=["charttime"])
    events = events.drop(columns="value").merge(items, on="itemid").dropna(subset="valuenum")
    events = events[[has_known_unit(row) for row in events.itertuples()]]
    events = events[events["valuenum"].between(events["low"], events["high"])]
    pairs = events.merge(demo_ecgs[["row", "subject_id", "ecg_time"]], on="subject_id")
    pairs["seconds"] = (pairs["charttime"] - pairs["ecg_time"]).dt.total_seconds()
    # Nearest first; the earlier of two, then the list's order, then the event's number.
    pairs["distance"] = pairs["seconds"].abs()
    order = pairs["itemid"].map({item: number for number, item in enumerate(items["itemid"])})
    return pairs.assign(order=order).sort_values(["distance", "seconds", "order", "labevent_id"])


def has_known_unit(row):
    def plain(unit):
        return "".join(unit.lower().replace("µ", "u").replace("μ", "u").split())

    accepted = [plain(unit) for unit in (row.unit, *row.other_units.split("|"))]
    return pd.isna(row.valueuom) or not row.unit or plain(row.valueuom) in accepted


def nearest(pairs, start, end):
    inside = pairs[pairs["seconds"].between(start, end)]
    found = inside.groupby(["row", "name"], sort=False).first().reset_index()
    return found.rename(columns={"valuenum": "value"})


def check_columns(table, expected):
    """Compare, per column, the rows that have a value, and the sum of the values."""
    assert len(expected) > 0
    for name, group in expected.groupby("name"):
        assert table[name].notna().sum() == len(group), name
        assert set(table.index[table[name].notna()]) == set(group["row"]), name
        assert table[name].sum() == pytest.approx(group["value"].sum()), name


@pytest.mark.real_data
def test_inputs_of_the_demo(demo_cohort, pairs):
    expected = nearest(pairs, -86_400, 0)
    check_columns(demo_cohort.X, expected)
    assert (expected["charttime"] <= expected["ecg_time"]).all()
    assert demo_cohort.steps.loc["laboratory inputs", "records"] == expected["row"].nunique()


@pytest.mark.real_data
def test_targets_and_abnormalities_of_the_demo(demo_cohort, pairs):
    expected = nearest(pairs, -3600, 3600)
    check_columns(demo_cohort.labs, expected)
    assert set(demo_cohort.labs.columns) == set(expected["name"])
    for side, bound, sign in [("low", "ref_range_lower", 1), ("high", "ref_range_upper", -1)]:
        compared = expected.dropna(subset=bound)
        beyond = (sign * compared["value"] < sign * compared[bound]).astype(float)
        compared = compared.assign(name=compared["name"] + f" {side}", value=beyond)
        check_columns(demo_cohort.lab_abnormalities, compared)
    assert demo_cohort.steps.loc["laboratory targets", "records"] == expected["row"].nunique()
    # The demo states these two in units that are not those of their reference ranges.
    left_out = demo_cohort.lab_counts.query("other_unit > 0")
    assert set(left_out.index) == {"free_calcium", "troponin_t"}
    assert (left_out["other_unit"] == left_out["found"]).all()


@pytest.mark.real_data
def test_aggregates_of_the_demo(demo, pairs):
    X = load_mimic_iv(
        **demo, inputs=MimicInputs(lab_aggregates=AGGREGATES), targets=MimicTargets(min_count=5)
    ).X
    pairs = pairs[pairs["seconds"].between(-86_400, 0)]
    pairs = pairs.assign(hours=pairs["seconds"] / 3600).sort_values(["order", "labevent_id"])
    groups = pairs.groupby(["row", "name"])
    expected = groups["valuenum"].agg(["min", "max", "mean"])
    expected["slope"] = groups[["hours", "valuenum"]].apply(slope)
    for name, ascending in (("first", True), ("last", False)):
        ends = pairs.sort_values("hours", kind="stable", ascending=ascending)
        expected[name] = ends.groupby(["row", "name"])["valuenum"].first()
    for (lab, aggregate), values in expected.stack().dropna().groupby(level=[1, 2]):
        found = X[f"{lab} {aggregate}"].dropna()
        assert found.index.tolist() == values.index.get_level_values("row").tolist()
        np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-9)
    assert X["potassium"].equals(X["potassium last"])  # before the ECG, the nearest is the last
    assert expected["slope"].notna().sum() > 100


def slope(group):
    if group["hours"].nunique() < 2:
        return NAN
    return np.polyfit(group["hours"], group["valuenum"], 1)[0]
