"""Names of ECG leads, and look-up of leads by name."""

from collections.abc import Iterable, Sequence

from ecgsk.exceptions import LeadMismatchError

STANDARD_12_LEADS: tuple[str, ...] = (
    *("I", "II", "III", "aVR", "aVL", "aVF"),
    *("V1", "V2", "V3", "V4", "V5", "V6"),
)
#: Supported lead names: the standard twelve, the posterior and right-sided chest
#: leads, Cabrera's inverted aVR and Frank's orthogonal leads.
KNOWN_LEADS: tuple[str, ...] = (
    *STANDARD_12_LEADS,
    *("V7", "V8", "V9", "V3R", "V4R", "V5R", "V6R"),
    "-aVR",
    *("VX", "VY", "VZ"),
)
_PREFIXES = ("mdc_ecg_lead_", "lead ", "lead_")
_BY_LOWER_CASE = {name.lower(): name for name in KNOWN_LEADS} | {"x": "VX", "y": "VY", "z": "VZ"}


def canonical_lead(name: str) -> str:
    """Return the canonical spelling of a lead name.

    Parameters
    ----------
    name : str
        Lead name in any case, with or without blanks or a leading "Lead".

    Returns
    -------
    str
        One of `KNOWN_LEADS`.

    Raises
    ------
    LeadMismatchError
        If no lead has that name.

    Examples
    --------
    >>> canonical_lead(" AVF"), canonical_lead("v1"), canonical_lead("Lead II"), canonical_lead("x")
    ('aVF', 'V1', 'II', 'VX')
    """
    key = str(name).strip().lower()
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix).strip()
    try:
        return _BY_LOWER_CASE[key]
    except KeyError:
        raise LeadMismatchError(
            f"unknown lead {name!r}; expected one of {', '.join(KNOWN_LEADS)} (in any case). "
            "Rename the lead, or leave it out."
        ) from None


def canonical_leads(names: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical spelling of several lead names, in their order.

    Parameters
    ----------
    names : iterable of str
        Lead names; one string such as ``"II"`` is one lead.

    Returns
    -------
    tuple of str

    Raises
    ------
    LeadMismatchError
        If a name is unknown or repeated, or the list is empty.

    Examples
    --------
    >>> canonical_leads(["i", "AVL"])
    ('I', 'aVL')
    """
    leads = tuple(canonical_lead(name) for name in ([names] if isinstance(names, str) else names))
    if not leads:
        raise LeadMismatchError("expected at least one lead, got none. Pass one: leads=['II'].")
    repeated = sorted({lead for lead in leads if leads.count(lead) > 1}, key=KNOWN_LEADS.index)
    if repeated:
        raise LeadMismatchError(
            f"expected each lead once; lead {', '.join(repeated)} is repeated in "
            f"{', '.join(leads)}. Remove the repeated leads."
        )
    return leads


def lead_positions(
    available: Sequence[str], wanted: Iterable[str], *, name: str = "ECG"
) -> list[int]:
    """Return the positions of leads by name.

    Parameters
    ----------
    available : sequence of str
        Canonical lead names of the data.
    wanted : iterable of str
        Lead names to find, in any case and order.
    name : str
        Caller's name, for the error message.

    Returns
    -------
    list of int
        One position per wanted lead.

    Raises
    ------
    LeadMismatchError
        If a wanted lead is unknown, repeated or not available.

    Examples
    --------
    >>> lead_positions(["I", "II", "V1"], ["v1", "i"])
    [2, 0]
    """
    leads = canonical_leads(wanted)
    missing = [lead for lead in leads if lead not in available]
    if missing:
        raise LeadMismatchError(
            f"{name}: expected lead {', '.join(missing)}; got {len(available)} leads without it "
            f"({', '.join(available)}). Choose among those with SelectLeads(...)."
        )
    return [list(available).index(lead) for lead in leads]
