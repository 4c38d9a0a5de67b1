"""MIMIC-IV-ECG joined to MIMIC-IV and MIMIC-IV-ED, by subject and time."""
