"""
Read DICOM, HL7 aECG and Philips XML side by side
=================================================

:func:`ecgsk.io.read_ecg` detects the format of a file by its content, and returns samples in mV,
lead names and sampling rate. This example reads three published sample files: a DICOM waveform of
`pydicom <https://github.com/pydicom/pydicom>`__ (MIT licence), an HL7 annotated ECG of the
`FDA's aecg-python <https://github.com/FDA/aecg-python>`__ (CC0), and a Philips XML of
`sierra-ecg-tools <https://github.com/sixlettervariables/sierra-ecg-tools>`__ (MIT).

.. only:: not real_data

   The files are not part of ecgsk, so the script was not run for this page. The picture is stored
   output of the same files; ``python docs/make_real_outputs.py`` renews it.

   .. image:: /_static/real/plot_real_hospital_formats_1.png
      :alt: Lead II of three files, in mV over seconds
"""

# sphinx_gallery_thumbnail_path = '_static/real/plot_real_hospital_formats_1.png'
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from pydicom.data import get_testdata_file

from ecgsk.io import read_ecg

folder = Path(os.environ["ECGSK_REAL_DATA"], "hospital_formats")
files = {
    "DICOM": Path(get_testdata_file("waveform_ecg.dcm")),
    "HL7 aECG": folder / "aecg" / "subject1_0.xml",
    "Philips XML": folder / "philips" / "sierra_1_03.xml",
}
records = {name: read_ecg(path) for name, path in files.items()}

# %%
# Leads, rate and length
# ----------------------
facts = {
    name: {
        "leads": len(record.leads),
        "Hz": f"{record.sampling_rate:g}",
        "seconds": round(record.signal.shape[1] / record.sampling_rate, 2),
        "largest, mV": round(float(np.nanmax(np.abs(record.signal))), 2),
    }
    for name, record in records.items()
}
pd.DataFrame(facts).transpose()

# %%
# Lead II in the same unit
# ------------------------
fig, axes = plt.subplots(3, sharex=True, figsize=(9, 5), layout="constrained")
for ax, (name, record) in zip(axes, records.items(), strict=True):
    signal = record.signal[record.leads.index("II")]
    seconds = np.arange(len(signal)) / record.sampling_rate
    ax.plot(seconds, signal, color="#0072b2", linewidth=0.8)
    ax.set_title(f"{name}, {record.sampling_rate:g} Hz", loc="left")
    ax.set_ylabel("lead II, mV")
axes[-1].set(xlabel="time, s", xlim=(0, 10))
plt.show()
