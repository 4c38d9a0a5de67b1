"""Titles of ICD-10 codes from ``d_icd_diagnoses``."""

import pandas as pd

from ecgsk.datasets._mimic_iv._tables import MimicTables

TITLES = "d_icd_diagnoses"


def code_titles(tables: MimicTables, codes: pd.Index) -> pd.Series:
    """Return the title of each ICD-10 code; "" where the table is absent or has no such code."""
    if not tables.find("hosp", TITLES):
        return pd.Series("", index=codes, name="title", dtype="str")
    kinds = {"icd_code": "VARCHAR", "icd_version": "INT", "long_title": "VARCHAR"}
    tables.view("hosp", TITLES, kinds)
    tables.register("titled", pd.DataFrame({"label": codes.astype(str)}))
    found = tables.query(
        f"""SELECT label, min(long_title) AS title FROM titled JOIN {TITLES}
        ON label = upper(replace(trim(icd_code), '.', '')) AND icd_version = 10 GROUP BY label"""
    )
    titles = found.set_index("label")["title"].astype("str")
    return titles.reindex(codes).fillna("").rename_axis(None)
