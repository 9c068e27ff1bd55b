-- One row for each metric of each epoch; `part` is train or val, greater is better.
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    epochs.number AS epoch,
    part.key AS part,
    metric.key AS metric,
    CAST(metric.value #>> '{}' AS DOUBLE PRECISION) AS value
FROM automl_epochs AS epochs
JOIN automl_runs AS runs ON runs.id = epochs.run_id
JOIN studies ON studies.study_id = runs.study_id
CROSS JOIN LATERAL json_each(epochs.metrics) AS part
CROSS JOIN LATERAL json_each(part.value) AS metric
