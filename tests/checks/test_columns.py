"""Names and numbers of columns: repeated, renamed, infinite, constant, empty."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import StandardScaler

from ecgsk import check_table


def kinds(report):
    return {(f.severity, f.kind, *map(str, f.columns)) for f in report.findings}


def test_repeated_names(table):
    twice = pd.concat([table, table[["age", "sex"]]], axis=1)
    assert kinds(check_table(twice)) == {("error", "duplicate name", "age", "sex")}


def test_column_transformer_hides_the_patient(table):
    transformer = ColumnTransformer([("num", StandardScaler(), ["age"])], remainder="passthrough")
    renamed = transformer.set_output(transform="pandas").fit_transform(table)
    report = check_table(renamed)
    assert {("error", "renamed", "remainder__subject_id")} < kinds(report)
    assert {f.kind for f in report.findings} == {"renamed", "prefix"}
    assert "verbose_feature_names_out=False" in str(report)
    transformer.set_params(verbose_feature_names_out=False)
    assert len(check_table(transformer.fit_transform(table))) == 0
    named = check_table(renamed, group_column="remainder__subject_id")
    assert {f.severity for f in named.findings} == {"note"}


def test_infinite_values(table):
    table.loc[2:4, "age"] = np.inf
    (finding,) = check_table(table).findings
    assert (finding.kind, finding.n_records, finding.severity) == ("infinite", 3, "error")


def test_constant_and_empty_columns_are_notes(table):
    odd = table.assign(site="A", height=np.nan, smoker=1, comment=None)
    assert kinds(check_table(odd)) == {
        ("note", "constant", "site"),
        ("note", "empty", "height"),
        ("note", "constant", "smoker"),
        ("note", "empty", "comment"),
    }
