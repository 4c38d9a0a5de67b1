"""Diagnoses that a laboratory value defines."""

import pytest

from ecgsk.explain._definitions import is_definition


@pytest.mark.parametrize(
    ("diagnosis", "finding", "expected"),
    [
        ("hyperkalaemia", "potassium high", True),
        ("hyperkalaemia", "potassium low", False),
        ("Hypokalemia", "potassium low", True),
        ("E875", "potassium high", True),
        ("E87.1", "sodium low", True),
        ("anaemia", "haemoglobin low", True),
        ("D64.9 Anemia, unspecified", "hemoglobin low", True),
        ("D69", "haemoglobin low", False),
        ("hyperkalaemia", "haemoglobin low", False),
        ("chronic_kidney_disease", "creatinine high", True),
        ("N18", "egfr low", True),
        ("N18", "potassium high", False),
        ("type 2 diabetes", "hba1c high", True),
        ("E11", "glucose high", True),
        ("hypothyroidism", "tsh high", True),
        ("E05", "tsh low", True),
        ("heart failure", "nt_probnp high", False),
        ("I48", "potassium high", False),
    ],
)
def test_definitions_by_name_and_code(diagnosis, finding, expected):
    assert is_definition(diagnosis, finding) is expected
