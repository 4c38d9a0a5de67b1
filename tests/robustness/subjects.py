"""Valid inputs of every reader, and what it may answer when one of their files is changed."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet

from ecgsk import ECGDiagnosisClassifier, io
from ecgsk.datasets import (
    MimicTargets,
    load_brugada_huca,
    load_code15,
    load_ludb,
    load_mimic_iv,
    load_ptbxl,
    make_clinical_ecg,
    read_cohort,
    write_cohort,
)
from ecgsk.encoders import ResNet1d
from ecgsk.exceptions import ECGError
from ecgsk.io import read_ecg_folder, read_ecgs, read_wfdb_folder
from ecgsk.persistence import load, save
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.training import Trainer
from ecgsk.training._checkpoint import Checkpoint

_LEADS = ("I", "II")
_RECORDS = ("a", "b", "c")


@dataclass(frozen=True)
class Reading:
    """A folder, its files to change, and a function that reads it.

    ``judge`` returns "refused" where the reader refuses, "same" where it answers as for the
    unchanged folder, and "read" where another answer is right (`may_differ`).
    """

    name: str
    files: tuple[str, ...]
    prepare: Callable[[Path], object]
    read: Callable[[Path], Any]
    may_differ: bool = False

    def write(self, folder: Path) -> None:
        """Copy the valid input, which is made once."""
        shutil.copytree(_prepared(self), folder, dirs_exist_ok=True)

    def judge(self, folder: Path, file: str) -> str:
        """Compare the answer with that for the unchanged folder."""
        answer = self.read(folder)
        if self.may_differ:
            return "read"
        return "same" if _equal(answer, _expected(self)) else f"silently other after {file}"


@dataclass(frozen=True)
class WfdbReading:
    """Three records, of which one is changed: the other two must be read as before."""

    name: str
    files: tuple[str, ...]
    read: Callable[[Path], dict[str, np.ndarray]]

    def write(self, folder: Path) -> None:
        """Write three records."""
        write_records(folder)

    def judge(self, folder: Path, file: str) -> str:
        """Compare the untouched records with what they were."""
        try:
            signals = self.read(folder)
        except ECGError:
            # One broken record must not lose the others.
            return "all records refused for one"
        for name in set(_RECORDS) - {Path(file).stem}:
            if name not in signals:
                return "another record was lost"
            if not np.array_equal(signals[name], _unchanged(self)[name]):
                return "another record was changed"
        return "read" if Path(file).stem in signals else "refused"


@cache
def _unchanged(reading: WfdbReading) -> dict[str, np.ndarray]:
    with TemporaryDirectory() as name:
        reading.write(Path(name))
        return reading.read(Path(name))


def samples_of(name: str) -> np.ndarray:
    """Samples of a record in mV."""
    rng = np.random.default_rng(_RECORDS.index(name))
    return np.round(np.cumsum(rng.normal(scale=0.02, size=(2, 100)), axis=1), 2).astype(np.float32)


def write_records(folder: Path) -> None:
    """Write records in format 16, with comments, and nothing but NumPy."""
    for name in _RECORDS:
        digital = np.round(samples_of(name) * 1000).astype("<i2")
        digital.T.tofile(folder / f"{name}.dat")
        checksum = digital.sum(axis=1, dtype=np.int16)
        lines = [f"{name} 2 100 100"]
        for lead, row, total in zip(_LEADS, digital, checksum, strict=True):
            lines.append(f"{name}.dat 16 1000(0)/mV 16 0 {row[0]} {total} 0 {lead}")
        lines += ["#Age: 61", "#Sex: Female", "#Dx: 426783006,164889003"]
        (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


def _read_folder(folder: Path) -> dict[str, np.ndarray]:
    X = read_wfdb_folder(folder, leads=_LEADS, sampling_rate=100, duration=1.0, progress=False)
    return _signals(X, X["record"])


def _read_any(folder: Path) -> dict[str, np.ndarray]:
    X = read_ecgs(folder, leads=_LEADS, sampling_rate=100, duration=1.0)
    return _signals(X, X.index)


def _signals(X: pd.DataFrame, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the samples of the records that can be read."""
    signals = {}
    for row, record in enumerate(names):
        name = Path(str(record)).name
        try:
            signals[name] = X["ecg"].iloc[[row]].ecg.to_numpy()[0]
        except ECGError:
            if name in signals:
                raise
    return signals


def _ingest(folder: Path) -> dict[str, np.ndarray]:
    with TemporaryDirectory(dir=folder.parent) as out:
        store = Path(out) / "store"
        io.ingest(folder, store, leads=_LEADS, duration=1.0, n_jobs=1, progress=False)
        X, _ = read_ecg_folder(store)
        signals = X["ecg"].ecg.to_numpy()
        return {Path(str(r)).name: s for r, s in zip(X["record"], signals, strict=True)}


@cache
def _prepared(reading: Reading) -> Path:
    folder = Path(_TEMPORARY.name) / reading.name
    folder.mkdir()
    reading.prepare(folder)
    return folder


@cache
def _expected(reading: Reading) -> Any:
    return reading.read(_prepared(reading))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, (pd.DataFrame, pd.Series)):
        return a.equals(b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(value, b[key]) for key, value in a.items())
    return a == b


_TEMPORARY = TemporaryDirectory(prefix="ecgsk-robustness-")


@cache
def _cohort():
    cohort = make_clinical_ecg(n_subjects=8, random_state=0)
    return cohort


def _write_model(folder: Path) -> None:
    cohort = _cohort()
    X = cohort.X[["ecg", "age", "sex", "potassium", "subject_id"]]
    frequent = cohort.Y.mean().sort_values(ascending=False).index[:2]
    model = ECGDiagnosisClassifier(
        ResNet1d(10, width=2), inputs="ecg+clinical", max_epochs=1, random_state=0, verbose=0,
        device="cpu", trainer=Trainer(),
    ).fit(X, cohort.Y[frequent])  # fmt: skip
    save(model, folder / "model")


def _read_model(folder: Path) -> np.ndarray:
    cohort = _cohort()
    X = cohort.X[["ecg", "age", "sex", "potassium", "subject_id"]][:2]
    return load(folder / "model").predict_proba(X)


def _write_cohort(folder: Path) -> None:
    write_cohort(_cohort(), folder / "cohort", progress=False)


def _read_cohort(folder: Path) -> dict[str, Any]:
    cohort = read_cohort(folder / "cohort", verify=True)
    parts = {name: cohort[name] for name in ("Y", "labs", "groups", "folds", "reference_ranges")}
    table = cohort.X.drop(columns="ecg")
    return {**parts, "X": table, "ecg": cohort.X["ecg"].ecg.to_numpy()}


def _write_store(folder: Path) -> None:
    records = folder / "records"
    records.mkdir()
    write_records(records)
    io.ingest(records, folder / "store", leads=_LEADS, n_jobs=1, progress=False)


def _read_store(folder: Path) -> dict[str, Any]:
    X, extra = read_ecg_folder(folder / "store", verify=True)
    return {"ecg": X["ecg"].ecg.to_numpy(), "table": X.drop(columns="ecg"), "extra": extra}


def _write_code15(folder: Path) -> None:
    (folder / "exams.csv").write_text(
        "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,"
        "normal_ecg,trace_file\n"
        "11,38,True,40.1,True,False,False,False,False,False,900,False,2.1,False,exams_part0.hdf5\n"
        "12,73,False,70.2,False,False,False,False,False,True,901,,,True,exams_part0.hdf5\n"
    )
    rng = np.random.default_rng(0)
    with h5py.File(folder / "exams_part0.hdf5", "w") as file:
        file["exam_id"] = np.array([11, 12])
        file["tracings"] = rng.normal(size=(2, 4096, 12)).astype(np.float32)


def _write_loaded(folder: Path) -> None:
    """Write LUDB, Brugada-HUCA and PTB-XL with one header each: their tables are changed."""
    tables = {
        "ludb/ludb.csv": 'ID,Sex,Age,Rhythms\n1,"F\n","51\n",Sinus bradycardia\n2,M,>89,Sinus\n',
        "brugada/metadata.csv": "patient_id,basal_pattern,sudden_death,brugada\n1,0,0,0\n2,1,0,1\n",
        "ptbxl/ptbxl_database.csv": "ecg_id,patient_id,age,sex,height,weight,recording_date,"
        "scp_codes,strat_fold,filename_lr,filename_hr\n"
        "1,15709.0,56.0,1,,63.0,1984-11-09 09:17:34,\"{'NORM': 100.0, 'SR': 0.0}\",3,r/1,r/1\n"
        "2,13243.0,300.0,0,180.0,80.0,1984-11-14 12:55:37,\"{'IMI': 35.0}\",2,r/2,r/2\n",
        "ptbxl/scp_statements.csv": ",description,diagnostic,form,rhythm,diagnostic_class,"
        "diagnostic_subclass\nNORM,normal ECG,1.0,,,NORM,NORM\nIMI,inferior,1.0,,,MI,IMI\n"
        "SR,sinus rhythm,,,1.0,,\n",
    }
    for name, text in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    for root, pattern in (("ludb/data", "{}"), ("brugada/files/{0}", "{}"), ("ptbxl/r", "{}")):
        for number in (1, 2):
            target = folder / root.format(number)
            target.mkdir(parents=True, exist_ok=True)
            name = pattern.format(number)
            np.tile(np.arange(12, dtype="<i2"), 100).tofile(target / f"{name}.dat")
            leads = [f"{name}.dat 16 1000(0)/mV 16 0 0 0 0 {lead}" for lead in STANDARD_12_LEADS]
            (target / f"{name}.hea").write_text("\n".join([f"{name} 12 100 100", *leads, ""]))


def _read_loaded(folder: Path) -> list[tuple[int, int]]:
    loaders = {
        "ludb": lambda path: load_ludb(path, min_count=1),
        "brugada": load_brugada_huca,
        "ptbxl": lambda path: load_ptbxl(path, sampling_rate=100),
    }
    shapes = []
    for name, loader in loaders.items():
        try:
            shapes.append(loader(folder / name).shape)
        except ECGError:
            shapes.append((0, 0))
    return shapes


MIMIC_TABLES = {
    "ecg/record_list.csv": """subject_id,study_id,file_name,ecg_time,path
10,1,1,2150-01-10 12:00:00,files/p10/s1/1
20,3,3,2150-03-05 08:00:00,files/p20/s3/3
""",
    "hosp/labevents.csv": """\
labevent_id,subject_id,itemid,charttime,valuenum,valueuom,ref_range_lower,ref_range_upper
1,10,50971,2150-01-10 11:30:00,5.6,mEq/L,3.3,5.1
2,20,50971,2150-03-05 08:20:00,5.3,mmol/L,3.5,5.5
""",
    "hosp/d_labitems.csv": """itemid,label,fluid,category
50971,Potassium,Blood,Chemistry
50822,"Potassium, Whole Blood",Blood,Blood Gas
""",
    "hosp/patients.csv": "subject_id,gender,anchor_age,anchor_year\n10,F,60,2150\n20,M,91,2149\n",
    "hosp/omr.csv": """subject_id,chartdate,seq_num,result_name,result_value
10,2150-01-10,1,Weight (Lbs),150
20,2150-03-01,1,Blood Pressure,120/80
""",
    "hosp/admissions.csv": """subject_id,hadm_id,admittime,dischtime
10,100,2150-01-10 10:00:00,2150-01-15 10:00:00
20,200,2150-03-05 07:00:00,2150-03-09 10:00:00
""",
    "hosp/diagnoses_icd.csv": """subject_id,hadm_id,seq_num,icd_code,icd_version
10,100,1,I4801,10
20,200,1,42731,9
""",
    "ed/edstays.csv": """subject_id,hadm_id,stay_id,intime,outtime
10,100,1000,2150-01-10 08:00:00,2150-01-10 10:00:00
""",
    "ed/triage.csv": """subject_id,stay_id,temperature,heartrate,resprate,o2sat,sbp,dbp,acuity
10,1000,98.6,110,18,97,150,90,2
""",
    "ed/vitalsign.csv": """subject_id,stay_id,charttime,temperature,heartrate,resprate,o2sat,sbp,dbp
10,1000,2150-01-10 09:00:00,,100,0,96,,
""",
}


def _write_mimic(folder: Path) -> None:
    for name, text in MIMIC_TABLES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    leads = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    for record in ("p10/s1/1", "p20/s3/3"):
        path = folder / "ecg" / "files" / record
        path.parent.mkdir(parents=True)
        lines = [f"{path.name}.dat 16 200.0(0)/mV 16 0 0 0 0 {lead}" for lead in leads]
        path.with_suffix(".hea").write_text("\n".join([f"{path.name} 12 500 100", *lines, ""]))
        np.tile(np.arange(12, dtype="<i2") * 20, 100).tofile(path.with_suffix(".dat"))


def _read_mimic(folder: Path) -> tuple[int, int]:
    modules = {name: folder / name for name in ("ecg", "hosp", "ed")}
    return load_mimic_iv(**modules, targets=MimicTargets(min_count=1)).shape


def _small_net() -> NeuralNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = NeuralNet(
            torch.nn.Linear,
            torch.nn.MSELoss,
            callbacks="disable",
            optimizer=torch.optim.Adam,
            module__in_features=5,
            module__out_features=3,
        )
        net.distributed = None
        return net.initialize()  # fmt: skip


def _write_checkpoint(folder: Path) -> None:
    net = _small_net()
    net.partial_fit(np.ones((8, 5), np.float32), np.ones((8, 3), np.float32))
    Checkpoint(folder, "checkpoint").on_epoch_end(net)


def _read_checkpoint(folder: Path) -> Any:
    net = _small_net()
    n_epochs = Checkpoint(folder, "checkpoint").resume(net)
    weights = {name: value.numpy() for name, value in net.module_.state_dict().items()}
    moments = [
        value.tolist() for state in net.optimizer_.state.values() for value in state.values()
    ]
    return {**weights, "moments": str(moments), "n_epochs": n_epochs, "history": str(net.history)}


_WFDB_FILES = tuple(f"{name}.{end}" for name in _RECORDS for end in ("hea", "hea", "hea", "dat"))

SUBJECTS = (
    WfdbReading("wfdb", _WFDB_FILES, _read_folder),
    WfdbReading("any source", _WFDB_FILES, _read_any),
    WfdbReading("ingest", _WFDB_FILES, _ingest),
    Reading("store", tuple(f"store/{n}" for n in ("ecg.json", "ecg.npy", "records.parquet")),
            _write_store, _read_store),
    Reading("cohort", tuple(f"cohort/{n}" for n in ("ecg.json", "ecg.npy", "records.parquet")),
            _write_cohort, _read_cohort),
    Reading("model", ("model/manifest.json", "model/manifest.json", "model/weights.safetensors"),
            _write_model, _read_model),
    Reading("checkpoint", ("checkpoint.pt",), _write_checkpoint, _read_checkpoint),
    Reading("hdf5", ("exams.csv", "exams_part0.hdf5", "exams_part0.hdf5"), _write_code15,
            lambda folder: load_code15(folder).X["ecg"].ecg.to_numpy().shape, may_differ=True),
    Reading("tables", ("ludb/ludb.csv", "brugada/metadata.csv", "ptbxl/ptbxl_database.csv",
                       "ptbxl/scp_statements.csv"), _write_loaded, _read_loaded, may_differ=True),
    Reading("mimic-iv", tuple(MIMIC_TABLES), _write_mimic, _read_mimic, may_differ=True),
)  # fmt: skip
