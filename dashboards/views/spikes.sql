-- One row for each step whose loss or gradient norm left its band; `row_ids` are the rows of its batch, as JSON.
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    spikes.epoch AS epoch,
    spikes.step AS step,
    spikes.kind AS kind,
    spikes.value AS value,
    json_array_length(spikes.row_ids) AS n_rows,
    spikes.row_ids AS row_ids
FROM automl_spikes AS spikes
JOIN automl_runs AS runs ON runs.id = spikes.run_id
JOIN studies ON studies.study_id = runs.study_id
