"""Cases of public bug reports: what the first version made of each, and the tests that hold it.

Columns: case, outcome in the first version, outcome now, tests.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

CASES = [
    # Headers.
    ("records 患者1 and Ä1 beside a record 1", "samples of record 1, silently", "their own samples",
     "io/test_wfdb_robustness.py::test_records_of_odd_names_keep_their_own_samples"),
    ("µV, first comment begins with a blank", "500 uV read as 500 mV", "0.5 mV",
     "io/test_wfdb_text.py::test_names_are_read_as_they_are_written"),
    # One record among others.
    ("fit with one record of 108 in microvolts", "lead scale 9.85 mV", "UnitError names it",
     "estimators/test_records_alone.py::test_fit_refuses_one_record_among_good_ones"),
    ("a record at the rails", "moves the scale", "its samples are missing, the scale stays",
     "estimators/test_records_alone.py::test_one_record_does_not_move_the_scale"),
    ("a record and its neighbours", "verdict depends on the batch", "it does not",
     "estimators/test_records_alone.py::test_verdict_and_prediction_of_a_record_alone"),
    # Tables.
    ("first quoted comma after row 20,480", "DuckDB exception", "read",
     "datasets/mimic_iv/test_table_file.py::test_first_quoted_comma_late_in_a_table_is_read"),
    ("times in UTC, machine in another zone", "shifted silently", "the same cohort everywhere",
     "datasets/mimic_iv/test_table_file.py::test_cohort_does_not_depend_on_the_zone_of_the_machine"),
    ("decimal commas in valuenum", "laboratories vanish", "refused with the place",
     "datasets/mimic_iv/test_table_file.py::test_decimal_commas_of_laboratory_values_are_refused"),
    ("latin-1, a ragged line", "raw exception", "error with file and line",
     "datasets/mimic_iv/test_table_file.py::test_damaged_csv_is_an_error_with_its_place"),
    ("NULL as text", "misleading message", "missing",
     "datasets/mimic_iv/test_table_file.py::test_text_for_missing_is_missing_in_every_kind_of_column"),
    ("gender f or female", "silently missing", "read",
     "datasets/mimic_iv/test_table_file.py::test_spellings_of_sex"),
    # Errors of other libraries.
    ("write_cohort with age groups", "fails after the samples", "written",
     "datasets/test_stored_columns.py::test_column_is_read_back_equal"),
    ("write_cohort with text among numbers", "leaves .ecg.npy behind", "refused before it writes",
     "datasets/test_stored_columns.py::test_refused_column_leaves_nothing_behind"),
    ("ingest --jobs 0", "traceback", "wrong usage, exit 2",
     "cli/test_ingest.py::test_no_process_is_refused_without_a_traceback"),
    ("two columns of one name", "raw exception", "error names them",
     "estimators/test_table_roles.py::test_two_columns_of_one_name_are_refused_when_predicting"),
    ("LabAbnormality on <3.0", "raw exception", "error with the mend",
     "preprocessing/test_abnormality.py::test_bad_input_is_refused"),
    ("EarlyStopping() without validation", "KeyError", "error before training",
     "estimators/test_validation_before_training.py::test_mistake_is_raised_before_training"),
    ("save(GridSearchCV)", "raw exception", "names best_estimator_",
     "persistence/test_save.py::test_save_names_what_to_save_of_a_search"),
    ("groupby on the ECG column", "raw exception", "error with sort=False",
     "signals/test_array.py::test_records_have_no_order_to_group_by"),
    ("sparse Y in metrics", "raw exception", "the score of the dense Y",
     "metrics/test_validation.py::test_sparse_labels_are_those_of_the_dense_matrix"),
    ("cut table", "raw exception", "error with its name",
     "datasets/mimic_iv/test_table_file.py::test_cut_file_is_an_error_with_its_name"),
    # Names and paths for content.
    ("ingest after a download was repeated", "keeps the old store", "reads changed records again",
     "io/test_ingest.py::test_a_broken_record_is_tried_again_once_it_has_changed"),
    ("ingest --overwrite", "keeps the old store", "reads all records again",
     "io/test_ingest.py::test_overwrite_reads_all_records_again"),
    ("ingest of named leads, again", "refused its own store", "goes on, or is finished",
     "io/test_ingest_formats.py::test_an_ingest_of_named_leads_is_repeated"),
    ("Pipeline(memory=...) on a rewritten file", "stale cache", "another hash",
     "io/test_wfdb_storage.py::test_hash_notices_files_that_were_written_again"),
    # Physical layout.
    ("4 samples per frame", "averaged to 62.5 Hz", "250 Hz",
     "io/test_wfdb_robustness.py::test_each_signal_is_read_at_its_own_rate"),
    ("leads of two rates", "averaged", "refused with leads=",
     "io/test_wfdb_samples.py::test_a_layout_that_cannot_be_read_is_broken"),
    ("several segments", "refused", "read, NaN in the gaps",
     "io/test_wfdb_segments.py::test_variable_layout_equals_arithmetic_on_its_segments"),
    ("2 signals stated, 1 described", "the whole read fails", "broken, the others are read",
     "io/test_wfdb_header.py::test_a_broken_record_does_not_lose_the_others"),
    ("comments of INCART, 61 years, 057Y", "age, sex, diagnoses lost", "read",
     "io/test_wfdb_comments.py::test_age_and_sex_are_read_from_every_public_layout"),
    ("an age that is none", "lost", "kept as text",
     "io/test_wfdb_comments.py::test_text_that_is_no_age_or_sex_is_kept"),
    ("no number of samples", "refused", "inferred from the file",
     "io/test_wfdb_samples.py::test_the_number_of_samples_is_inferred_from_the_file"),
    # Position or index.
    ("Y in another order than X", "by position, silently", "AlignmentError",
     "test_alignment.py::test_every_entrance_refuses_rows_in_another_order"),
    ("records named 1, 2, ...", "a cohort of 0 records", "joined as text",
     "datasets/test_join.py::test_numbers_and_text_are_one_key"),
    ("a cohort of 0 records", "no error", "ECGError",
     "datasets/test_cohort.py::test_cohort_without_records_is_rejected"),
    # Roles of columns.
    ("our own record column", "one-hot encoded", "never clinical",
     "estimators/test_table_roles.py::test_columns_of_our_readers_are_never_clinical"),
    ("patients in patient_id", "a clinical input", "refused, names group_column=",
     "estimators/test_table_roles.py::test_patients_of_another_name_are_warned_of"),
    ("a label among the inputs", "AUROC 1.000, silently", "TableWarning",
     "estimators/test_table_roles.py::test_label_among_the_inputs_is_warned_of"),
    ("remainder__subject_id", "a number, no groups", "refused with the mend",
     "checks/test_columns.py::test_column_transformer_hides_the_patient"),
    ("numbers as text, free text", "one column per text", "refused with the mend",
     "checks/test_values.py::test_values_that_are_no_measurement"),
    ("fit(ecg, table)", "table dropped silently", "refused with the mend",
     "estimators/test_table_roles.py::test_table_as_y_is_refused_before_training"),
    ("channels last", "1,000 leads of 12 samples", "refused, X.transpose(0, 2, 1)",
     "estimators/test_inputs.py::test_leads_last"),
    ("score on patients of training", "silent", "LeakageWarning",
     "estimators/test_leakage.py::test_a_score_on_some_patients_of_training"),
    ("wrong reference range", "silent", "TableWarning",
     "estimators/test_table_roles.py::test_wrong_reference_range"),
    ("eight leads, a model of twelve", "circular advice", "names the derivation",
     "preprocessing/test_select_leads.py::test_a_model_of_twelve_leads_names_the_derivation"),
    ("leads MLII, ECG, CM5", "cannot be read", "declared by a dict",
     "io/test_wfdb_robustness.py::test_leads_of_other_names_are_declared"),
    ("manifest of far other versions", "loads without a word", "warning",
     "persistence/test_versions.py::test_newer_and_much_older_versions_warn"),
    # Records as objects.
    ("ColumnTransformer, Stacking, SimpleImputer", "float() of ECGRecord", "named with the mend",
     "estimators/test_with_scikit_learn_tools.py::test_records_as_objects_are_named_with_the_mend"),
    # Interrupts and consoles.
    ("Ctrl-C during fit", "KeyError 'dur'", "KeyboardInterrupt",
     "estimators/test_interrupts.py::test_interrupt_comes_out_of_fit"),
    ("Ctrl-C during a search", "a failed fit", "KeyboardInterrupt",
     "estimators/test_interrupts.py::test_search_does_not_count_an_interrupt_as_a_failed_fit"),
    ("Ctrl-C during the demo", "traceback", "says how to go on",
     "cli/test_ending.py::test_ctrl_c_during_the_demo"),
    ("cp1252 console, path with Ł", "UnicodeEncodeError, exit 1", "printed, exit 0",
     "cli/test_ending.py::test_any_console_prints_a_path_in_any_alphabet"),
    ("training in a log file", "nothing for minutes", "a line per epoch",
     "training/test_progress.py::test_a_log_file_has_a_line_per_epoch_with_losses_and_time_left"),
    # Fast hearts.
    ("200 to 300 beats a minute", "every second beat, or none", "all beats",
     "io/test_beats.py::test_slow_and_fast_beats_are_found"),
    # What a reader sees.
    ("a model of simulated patients", "not said", "said in text, JSON, page and manifest",
     "cli/test_demo.py::test_one_patient_is_explained"),
    ("the showcase of the demo", "truth not shown", "present or absent beside it",
     "cli/test_demo.py::test_report_opens_with_the_explained_ecg_and_the_conclusion"),
    ("Present: diabetes (0.27)", "no threshold", "above threshold",
     "explain/test_text.py::test_text_lists_diagnoses_then_findings"),
    ("raw keys such as nt_probnp", "shown", "display names",
     "explain/test_explanation.py::test_names_of_laboratories_are_spelled_for_readers"),
    ("bare ICD codes", "shown", "titles beside the codes",
     "datasets/mimic_iv/test_titles.py::test_titles_of_the_codes_and_their_ancestors"),
    ("no heart rate, age, sex", "not shown", "shown",
     "estimators/test_lab_explanations.py::test_age_sex_and_heart_rate_are_shown"),
    ("plot in a notebook", "text", "the figure",
     "plotting/test_figures.py::test_notebook_shows_a_drawn_figure_once"),
    ("plot with plt.show()", "nothing", "the figure",
     "plotting/test_figures.py::test_show_shows_a_figure_where_pyplot_is_imported"),
    ("explanations in a notebook", "repr of a dataclass", "the page",
     "explain/test_explanation.py::test_notebook_shows_the_page_in_a_frame"),
]  # fmt: skip


@cache
def names_of(file):
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_reported_case_has_its_test(case):
    file, _, name = case[-1].partition("::")
    assert name in names_of(file)
