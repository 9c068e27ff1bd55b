-- One row a trial that failed: with which error, after how many epochs, and what it was made of.
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    runs.failure AS failure,
    runs.message AS message,
    COALESCE(trained.n_epochs, 0) AS n_epochs,
    trained.grad_norm_max AS grad_norm_max,
    COALESCE(trained.skipped, 0) AS skipped,
    runs.seconds AS seconds,
    runs.attempt AS attempt,
    runs.host AS host,
    runs.started AS started,
    runs.traceback AS traceback,
    runs.config AS config
FROM automl_runs AS runs
JOIN studies ON studies.study_id = runs.study_id
LEFT JOIN (
    SELECT
        run_id,
        COUNT(*) AS n_epochs,
        MAX(grad_norm_max) AS grad_norm_max,
        SUM(skipped) AS skipped
    FROM automl_epochs
    GROUP BY run_id
) AS trained ON trained.run_id = runs.id
WHERE runs.state = 'failed'
