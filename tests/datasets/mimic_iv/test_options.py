"""Option specs of the MIMIC-IV loader: defaults, equality and validation."""

from dataclasses import replace

import pytest

from ecgsk.datasets import MimicFolds, MimicInputs, MimicTargets
from ecgsk.exceptions import ECGError


def test_specs_print_compare_and_copy():
    folds = MimicFolds(split=(8, 1, 1))
    assert eval(repr(folds)) == folds != MimicFolds()
    assert replace(MimicTargets(min_count=5), icd_digits=3) == MimicTargets(
        min_count=5, icd_digits=3
    )
    with pytest.raises(AttributeError):
        folds.split = (1, 1, 1)


def test_one_time_is_before_the_ecg_for_inputs_and_around_it_for_targets():
    assert MimicInputs(lab_window="2h").lab_seconds == (-7200, 0)
    assert MimicInputs(vitals_window=("-2h", "-1h")).vitals_seconds == (-7200, -3600)
    assert MimicInputs(biometrics_window="1D").biometrics_seconds == (-86400, 86400)
    assert MimicTargets(target_window="1h").target_seconds == (-3600, 3600)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (MimicInputs, {"lab_window": "soon"}, r"lab_window='soon' is not a time: .*such as '24h'"),
        (MimicInputs, {"lab_window": 24}, "lab_window=24 is not a time"),
        (
            MimicInputs,
            {"lab_window": ("-1h", "1h")},
            r"lab_window ends 3600 s after the ECG.*time_leak='allow'",
        ),
        (MimicInputs, {"vitals_window": ("-1h", "1min")}, "vitals_window ends 60 s after the ECG"),
        (MimicInputs, {"biometrics_window": ("1D", "-1D")}, "ends before it starts"),
        (MimicInputs, {"time_leak": "no"}, "must be one of 'error', 'allow'; got 'no'"),
        (MimicInputs, {"machine_measurements": "yes"}, "one of True, False; got 'yes'"),
        (
            MimicInputs,
            {"lab_aggregates": "median"},
            r"lab_aggregates must be of nearest, first.* got 'median'",
        ),
        (MimicInputs, {"lab_aggregates": 3}, r"lab_aggregates must be .* got 3"),
        (MimicFolds, {"random_state": "abc"}, "random_state must be 0 or a .* got 'abc'"),
        (MimicFolds, {"random_state": -1}, "random_state must be 0 or a .* got -1"),
        (MimicInputs, {"lab_aggregates": []}, r"lab_aggregates must be .* got \[\]"),
        (MimicTargets, {"target_window": ("1h", "-1h")}, "ends before it starts"),
        (
            MimicTargets,
            {"setting": "icu"},
            "setting must be one of 'ed', 'hospital', 'both'; got 'icu'",
        ),
        (MimicTargets, {"icd9": "no"}, "icd9 must be one of"),
        (MimicTargets, {"icd_digits": 2}, "icd_digits must be 3 to 7, got 2"),
        (MimicTargets, {"min_count": 0}, "min_count must be a positive integer, got 0"),
        (MimicFolds, {"split": (18, 2)}, r"split must be three numbers of folds.* got \(18, 2\)"),
        (MimicFolds, {"split": (0, 1, 1)}, "split must be three numbers"),
        (MimicFolds, {"split": 10}, "split must be three numbers"),
        (MimicFolds, {"stratify": "sex"}, "stratify must be one of True, False; got 'sex'"),
    ],
)
def test_invalid_options_are_rejected_at_construction(spec, options, message):
    with pytest.raises(ECGError, match=f"{spec.__name__}: .*{message}"):
        spec(**options)
