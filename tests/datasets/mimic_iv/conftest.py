"""A hospital of three ECGs in MIMIC-IV's layout, and the MIMIC-IV demo."""

import gzip

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import MimicFolds, MimicInputs, MimicTargets, load_mimic_iv

# ECG 1: 2150-01-10 12:00, in a stay. ECG 2: same patient, years later, in no stay.
# ECG 3: another patient, in a stay coded in ICD-9.
TABLES = {
    "ecg/record_list": """subject_id,study_id,file_name,ecg_time,path
10,1,1,2150-01-10 12:00:00,files/p10/s1/1
10,2,2,2153-06-01 12:00:00,files/p10/s2/2
20,3,3,2150-03-05 08:00:00,files/p20/s3/3
""",
    "hosp/labevents": """\
labevent_id,subject_id,itemid,charttime,valuenum,valueuom,ref_range_lower,ref_range_upper
1,10,50971,2150-01-10 11:30:00,5.6,mEq/L,3.3,5.1
2,10,50971,2150-01-10 12:10:00,3.0,mEq/L,3.3,5.1
3,10,50971,2150-01-09 12:00:00,4.0,mEq/L,3.3,5.1
4,10,50822,2150-01-10 11:30:00,5.0,mEq/L,3.3,5.1
5,10,50983,2150-01-09 11:59:59,140,mEq/L,133,145
6,10,50813,2150-01-10 12:00:00,2.5,mmol/L,,2.0
7,10,50912,2150-01-10 11:00:00,80,umol/L,50,120
8,10,50931,2150-01-10 11:00:00,999999,mg/dL,70,105
9,10,51006,2150-01-10 11:30:00,,mg/dL,6,20
10,20,50971,2150-03-05 08:20:00,5.3,mmol/L,3.5,5.5
11,20,50882,2150-03-05 07:40:00,20,,22,32
""",
    "hosp/d_labitems": """itemid,label,fluid,category
50971,Potassium,Blood,Chemistry
50822,"Potassium, Whole Blood",Blood,Blood Gas
50983,Sodium,Blood,Chemistry
50813,Lactate,Blood,Blood Gas
50912,Creatinine,Blood,Chemistry
50931,Glucose,Blood,Chemistry
51006,Urea Nitrogen,Blood,Chemistry
50882,Bicarbonate,Urine,Chemistry
""",
    "hosp/patients": """subject_id,gender,anchor_age,anchor_year
10,F,60,2150
20,M,91,2149
""",
    "hosp/omr": """subject_id,chartdate,seq_num,result_name,result_value
10,2150-01-10,1,Weight (Lbs),150
10,2150-01-08,1,Weight (Lbs),160
10,2150-01-08,1,Height (Inches),65
10,2150-02-20,1,BMI (kg/m2),20
20,2150-03-01,1,Weight (Lbs),0
20,2150-03-01,1,BMI (kg/m2),31.5
20,2150-03-01,1,Blood Pressure,120/80
""",
    "hosp/admissions": """subject_id,hadm_id,admittime,dischtime
10,100,2150-01-10 10:00:00,2150-01-15 10:00:00
20,200,2150-03-05 07:00:00,2150-03-09 10:00:00
""",
    "hosp/diagnoses_icd": """subject_id,hadm_id,seq_num,icd_code,icd_version
10,100,1,I4801,10
10,100,2,X58XXXA,10
20,200,1,42731,9
""",
    "ed/edstays": """subject_id,hadm_id,stay_id,intime,outtime
10,100,1000,2150-01-10 08:00:00,2150-01-10 10:00:00
""",
    "ed/triage": """subject_id,stay_id,temperature,heartrate,resprate,o2sat,sbp,dbp,acuity
10,1000,98.6,110,18,97,150,90,2
""",
    "ed/vitalsign": """subject_id,stay_id,charttime,temperature,heartrate,resprate,o2sat,sbp,dbp
10,1000,2150-01-10 09:00:00,,100,0,96,,
10,1000,2150-01-10 12:30:00,104,150,30,80,80,40
""",
}


class Hospital:
    """Folders in MIMIC-IV's layout, whose tables a test may change.

    Parameters
    ----------
    folder : Path
        Of ``ecg``, ``hosp`` and ``ed``.
    """

    def __init__(self, folder):
        self.folder = folder
        for name in TABLES:
            (folder / name).parent.mkdir(exist_ok=True)
            self.rewrite(name)
        for record in ("p10/s1/1", "p10/s2/2", "p20/s3/3"):
            self.write_record(record)

    @property
    def modules(self):
        """Arguments of `load_mimic_iv`."""
        return {name: self.folder / name for name in ("ecg", "hosp", "ed")}

    def path(self, name):
        """Path of a table's file; the record list is not compressed."""
        return self.folder / f"{name}.csv{'' if name == 'ecg/record_list' else '.gz'}"

    def write(self, name, text):
        """Write a table."""
        path, data = self.path(name), text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

    def rewrite(self, name, old="", new=""):
        """Write one of `TABLES`, with a part replaced."""
        assert old in TABLES[name]
        self.write(name, TABLES[name].replace(old, new))

    def write_record(self, record):
        """Write a record in MIMIC's format: 12 leads at gain 200, aVF before aVL."""
        path = self.folder / "ecg" / "files" / record
        path.parent.mkdir(parents=True)
        leads = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
        signals = [f"{path.name}.dat 16 200.0(0)/mV 16 0 0 0 0 {lead}" for lead in leads]
        path.with_suffix(".hea").write_text("\n".join([f"{path.name} 12 500 100", *signals, ""]))
        np.tile(np.arange(12, dtype="<i2") * 200, 100).tofile(path.with_suffix(".dat"))

    def load(self, *, inputs=None, targets=None, folds=None, **parameters):
        """Load the cohort; options as dictionaries, and diagnoses of a single ECG."""
        return load_mimic_iv(
            **self.modules | parameters,
            inputs=MimicInputs(**inputs or {}),
            targets=MimicTargets(**{"min_count": 1} | (targets or {})),
            folds=MimicFolds(**folds or {}),
        )


@pytest.fixture
def hospital(tmp_path):
    return Hospital(tmp_path)


@pytest.fixture(scope="session")
def demo(real_data):
    """Folders of the MIMIC-IV demo, arguments of `load_mimic_iv`."""
    return {name: real_data / "mimic_iv_demo" / name for name in ("ecg", "hosp", "ed")}


@pytest.fixture(scope="session")
def demo_cohort(demo):
    return load_mimic_iv(**demo, targets=MimicTargets(min_count=5))


@pytest.fixture(scope="session")
def demo_ecgs(demo):
    table = pd.read_csv(demo["ecg"] / "record_list.csv", parse_dates=["ecg_time"])
    return table.rename_axis("row").reset_index()


@pytest.fixture(scope="session")
def demo_extension(demo):
    return pd.read_csv(demo["ecg"] / "records_w_diag_icd10.csv")
