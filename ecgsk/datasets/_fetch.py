"""Download open databases from PhysioNet or a mirror."""

import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sklearn.utils import Bunch

from ecgsk.datasets._fetch_files import SUMS, Transfer, check_sums, read_sums, select
from ecgsk.datasets._ptbxl import check_ptbxl_rate, load_ptbxl
from ecgsk.datasets._vitaldb._load import cases_with_draws, load_vitaldb
from ecgsk.exceptions import ECGError

PHYSIONET = "https://physionet.org/files"
# Database, folder of the module in it, and regular expression of its files.
_MIMIC_MODULES = {
    "ecg": ("mimic-iv-ecg-demo/0.1", "", r"files/|record_list\.csv$"),
    "hosp": ("mimic-iv-demo/2.2", "hosp", "hosp/"),
    "ed": ("mimic-iv-ed-demo/2.2", "ed", "ed/"),
    "icu": ("mimic-iv-demo/2.2", "icu", "icu/"),
}

Registry = str | Path | Mapping[str, str]


def get_data_home(data_home: str | Path | None = None) -> Path:
    """Return the folder of downloaded databases; create it if absent.

    .. versionadded:: 0.1

    Parameters
    ----------
    data_home : path-like, optional
        By default the environment variable ``ECGSK_DATA``, else ``~/ecgsk_data``.

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile
    >>> from ecgsk.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_data_home(f"{folder}/data").name
    'data'
    """
    folder = Path(data_home or os.environ.get("ECGSK_DATA") or "~/ecgsk_data").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch_ptbxl(
    data_home: str | Path | None = None,
    *,
    sampling_rate: Literal[100, 500] = 100,
    download_if_missing: bool = True,
    n_connections: int = 4,
    verify: bool = False,
    base_url: str = PHYSIONET,
    registry: Registry | None = None,
    progress: bool = True,
    **load: Any,
) -> Any:
    """Download PTB-XL 1.0.3 once and load it.

    Only signals of the requested sampling rate are downloaded: 21,799 records in
    43,598 files.

    .. versionadded:: 0.1

    Parameters
    ----------
    data_home, download_if_missing, n_connections, verify, base_url, registry, progress
        As in `fetch_mimic_iv_demo`.
    sampling_rate : {100, 500}, default=100
        Hz; selects one of the two sets of records.
    **load
        Further parameters of `load_ptbxl`: ``task``, ``min_count``, ``leads``,
        ``errors``, ``return_X_y``.

    Returns
    -------
    Cohort
        See `load_ptbxl`; with ``return_X_y=True``, ``(X, Y)``.

    Raises
    ------
    DownloadError
        When a file cannot be downloaded, or has another SHA-256 sum than listed.

    Notes
    -----
    CC BY 4.0. Wagner et al., "PTB-XL, a large publicly available
    electrocardiography dataset" (version 1.0.3), PhysioNet, 2022,
    doi:10.13026/kfzx-aw45; Scientific Data 7:154, 2020.

    Examples
    --------
    >>> from ecgsk.datasets import fetch_ptbxl
    >>> cohort = fetch_ptbxl(task="diagnostic", min_count=50)  # doctest: +SKIP
    """
    check_ptbxl_rate(sampling_rate, name="fetch_ptbxl")
    folder = _fetch_database(
        "ptb-xl/1.0.3",
        rf"ptbxl_database\.csv$|scp_statements\.csv$|records{sampling_rate}/",
        get_data_home(data_home),
        base_url,
        registry,
        download_if_missing=download_if_missing,
        n_connections=n_connections,
        verify=verify,
        progress=progress,
        name="fetch_ptbxl",
    )
    return load_ptbxl(folder, sampling_rate=sampling_rate, progress=progress, **load)


def fetch_mimic_iv_demo(
    data_home: str | Path | None = None,
    *,
    modules: Iterable[str] = ("ecg", "hosp", "ed"),
    download_if_missing: bool = True,
    n_connections: int = 4,
    verify: bool = False,
    base_url: str = PHYSIONET,
    registry: Registry | None = None,
    progress: bool = True,
) -> Bunch:
    """Download the open demos of MIMIC-IV-ECG, MIMIC-IV and MIMIC-IV-ED.

    659 ECGs of 92 patients, and tables of 100 patients. The ECG demo has no machine
    measurements, reports or diagnoses; diagnoses come from ``hosp``.

    .. versionadded:: 0.1

    Parameters
    ----------
    data_home : path-like, optional
        Folder of databases; see `get_data_home`.
    modules : iterable of str, default=("ecg", "hosp", "ed")
        Modules to download, of ``"ecg"``, ``"hosp"``, ``"ed"`` and ``"icu"``.
    download_if_missing : bool, default=True
        If False, raise when a file is missing.
    n_connections : int, default=4
        Number of files downloaded at a time.
    verify : bool, default=False
        Hash existing files, and download again those that differ from the listed
        sums. A downloaded file is always hashed.
    base_url : str, optional
        A server with PhysioNet's layout; by default PhysioNet. Its mirror
        ``"https://physionet-open.s3.amazonaws.com"`` is often faster.
    registry : path-like or mapping, optional
        SHA-256 sums per path below `base_url` (``"ptb-xl/1.0.3/RECORDS"``), as
        a mapping or a file in the layout of ``sha256sum``. By default the
        server's ``SHA256SUMS.txt`` of each database.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Bunch
        Folder of each module: ``ecg``, ``hosp``, ``ed``, ``icu``; and ``DESCR``.

    Raises
    ------
    DownloadError
        When a file cannot be downloaded, or has another SHA-256 sum than listed.

    See Also
    --------
    load_mimic_iv : Load the folders as a cohort.

    Notes
    -----
    An interrupted download is resumed in the same call or the next one; a file has
    the suffix ``.part`` until its sum is checked. ``SHA256SUMS.txt`` itself is
    protected by TLS alone: with a mirror you do not trust, give a `registry` from
    another source.

    Johnson et al., "MIMIC-IV Clinical Database Demo" (version 2.2), PhysioNet,
    2023, doi:10.13026/dp1f-ex47, and "MIMIC-IV-ED Demo" (version 2.2),
    doi:10.13026/jzz5-vs76, Open Data Commons Open Database License 1.0. Gow et al.,
    "MIMIC-IV-ECG Demo - Diagnostic Electrocardiogram Matched Subset Demo" (version
    0.1), PhysioNet, 2022, doi:10.13026/4eqn-kt76; its licence is beside the files.

    Examples
    --------
    >>> from ecgsk.datasets import fetch_mimic_iv_demo, load_mimic_iv
    >>> demo = fetch_mimic_iv_demo()  # doctest: +SKIP
    >>> cohort = load_mimic_iv(demo.ecg, demo.hosp, demo.ed)  # doctest: +SKIP
    """
    modules = [modules] if isinstance(modules, str) else list(modules)
    if not modules or (unknown := [name for name in modules if name not in _MIMIC_MODULES]):
        raise ECGError(
            f"fetch_mimic_iv_demo: expected modules of {', '.join(_MIMIC_MODULES)}, got "
            f"{', '.join(unknown) if modules else 'none'}."
        )
    home = get_data_home(data_home)
    folders = {}
    for module in modules:
        database, subfolder, pattern = _MIMIC_MODULES[module]
        folder = _fetch_database(
            database,
            pattern,
            home,
            base_url,
            registry,
            download_if_missing=download_if_missing,
            n_connections=n_connections,
            verify=verify,
            progress=progress,
            name="fetch_mimic_iv_demo",
        )
        folders[module] = folder / subfolder
    return Bunch(
        **folders,
        DESCR="Demos of MIMIC-IV-ECG 0.1, MIMIC-IV 2.2 and MIMIC-IV-ED 2.2: 100 patients. "
        "ODbL 1.0, Johnson et al., 2023; ECGs: Gow et al., 2022. PhysioNet.",
    )


def fetch_vitaldb(
    data_home: str | Path | None = None,
    *,
    cases: Iterable[int] | None = None,
    download_if_missing: bool = True,
    n_connections: int = 4,
    verify: bool = False,
    base_url: str = PHYSIONET,
    registry: Registry | None = None,
    progress: bool = True,
    **load: Any,
) -> Any:
    """Download VitalDB 1.0.0, or some of its cases, once and load it.

    All cases are 95 GB. The tables come first, and of the recordings those alone in
    which a laboratory draw was taken.

    .. versionadded:: 0.1

    Parameters
    ----------
    data_home, download_if_missing, n_connections, verify, base_url, registry, progress
        As in `fetch_mimic_iv_demo`.
    cases : iterable of int, optional
        Numbers of the cases to download and load, from 1 on; by default all.
    **load
        Further parameters of `load_vitaldb`: ``tolerance``, ``lab_window``,
        ``target_window``, ``leads``, ``n_jobs`` and others.

    Returns
    -------
    Cohort
        See `load_vitaldb`; with ``return_X_y=True``, ``(X, Y)``.

    Raises
    ------
    DownloadError
        When a file cannot be downloaded, or has another SHA-256 sum than listed.
    ECGError
        When the database has no such case.

    Notes
    -----
    CC BY 4.0. Lee and Jung, "VitalDB, a high-fidelity multi-parameter vital signs
    database in surgical patients" (version 1.0.0), PhysioNet, 2022,
    doi:10.13026/czw8-9p62; Scientific Data 9:279, 2022.

    Examples
    --------
    >>> from ecgsk.datasets import fetch_vitaldb
    >>> cohort = fetch_vitaldb(cases=range(1, 101), n_jobs=8)  # doctest: +SKIP
    """
    fetch = partial(
        _fetch_database,
        "vitaldb/1.0.0",
        home=get_data_home(data_home),
        base_url=base_url,
        registry=registry,
        download_if_missing=download_if_missing,
        n_connections=n_connections,
        verify=verify,
        progress=progress,
        name="fetch_vitaldb",
    )
    folder = fetch(r"(clinical_data|lab_data|lab_parameters)\.csv$")
    numbers = None if cases is None else [int(case) for case in cases]
    tolerance = {"tolerance": load["tolerance"]} if "tolerance" in load else {}
    if wanted := cases_with_draws(folder, numbers, **tolerance):
        fetch(rf"vital_files/({'|'.join(f'{case:04}' for case in wanted)})\.vital$")
    return load_vitaldb(folder, cases=numbers, progress=progress, **load)


def _fetch_database(
    database: str,
    pattern: str,
    home: Path,
    base_url: str,
    registry: Registry | None,
    *,
    name: str,
    **options: Any,
) -> Path:
    """Download the licence and the files of a pattern; return the database's folder."""
    folder = home / database
    transfer = Transfer(f"{base_url.rstrip('/')}/{database}", folder, name=name, **options)
    if registry is None:
        source = f"{transfer.base_url}/{SUMS}"
        transfer.fetch({SUMS: None})
        sums = read_sums(folder / SUMS, name=name)
    else:
        source = "registry"
        listed = (
            check_sums(registry, name=name)
            if isinstance(registry, Mapping)
            else read_sums(Path(registry), name=name)
        )
        start = f"{database}/"
        sums = {path.removeprefix(start): listed[path] for path in listed if path.startswith(start)}
    wanted = re.compile(rf"{pattern}|LICENSE\.txt$").match
    transfer.fetch(select(sums, wanted, source=source, name=name))
    return folder
