"""Diagnoses that a laboratory value defines, by their names and ICD-10 codes."""

import re

# Diagnosis, in lower case and with spaces: a name or an ICD-10 code; and findings of its
# definition. Spelling is British or American.
_DEFINED = (
    (r"hyperkal[ae]*emia|\be87\.?5", r"potassium high"),
    (r"hypokal[ae]*emia|\be87\.?6", r"potassium low"),
    (r"hypernatr[ae]*emia|\be87\.?0", r"sodium high"),
    (r"hyponatr[ae]*emia|\be87\.?1", r"sodium low"),
    (r"hypocalc[ae]*emia|\be83\.?51", r"calcium low"),
    (r"hypercalc[ae]*emia|\be83\.?52", r"calcium high"),
    (r"hypomagnes[ae]*emia|\be83\.?42", r"magnesium low"),
    (r"an[ae]*emia\b|\bd5\d|\bd6[0-4]", r"(ha?emoglobin|hb|ha?ematocrit) low"),
    (r"thrombocytop[ae]*enia|\bd69\.?[56]", r"(platelets?|thrombocytes) low"),
    (
        r"kidney (disease|injury|failure)|renal (failure|insufficiency)|\bckd\b|\baki\b|\bn1[789]",
        r"(creatinine|urea|bun) high|(egfr|gfr) low",
    ),
    (
        r"hyperlipid[ae]*emia|hypercholesterol[ae]*emia|dyslipid[ae]*emia|\be78",
        r"(cholesterol|ldl|triglycerides?) high|hdl low",
    ),
    (r"diabetes|\bdiabetic\b|\be1[0-4]", r"(glucose|hba1c) high"),
    (r"hypothyroidism|\be0[0-3]", r"tsh high|t4 low"),
    (r"hyperthyroidism|thyrotoxicosis|\be05", r"tsh low|t4 high"),
)


def is_definition(diagnosis: str, finding: str) -> bool:
    """Return whether the finding is part of the diagnosis' definition.

    Examples
    --------
    >>> is_definition("Hyperkalemia (E87.5)", "potassium high")
    True
    >>> is_definition("hyperkalaemia", "creatinine high")
    False
    """
    diagnosis, finding = (name.lower().replace("_", " ") for name in (diagnosis, finding))
    return any(
        re.search(names, diagnosis) and re.search(rf"\b({findings})$", finding)
        for names, findings in _DEFINED
    )
