-- One row a study: what is asked, how far it is, and its best trial.
-- `best_score` is that of the rows that choose, greater is better; `automl-nn status` gives the honest one beside it.
-- `seconds` is the sum over the trials: what was spent, whoever worked side by side.
SELECT
    studies.study_name AS study,
    automl_studies.created AS created,
    json_extract(automl_studies.spec, '$.task.kind') AS task,
    json_extract(automl_studies.spec, '$.task.metric') AS metric,
    CAST(json_extract(automl_studies.spec, '$.data.n_rows') AS BIGINT) AS n_rows,
    COUNT(runs.id) AS n_trials,
    COUNT(CASE WHEN runs.state = 'complete' THEN 1 END) AS n_complete,
    COUNT(CASE WHEN runs.state = 'pruned' THEN 1 END) AS n_pruned,
    COUNT(CASE WHEN runs.state = 'failed' THEN 1 END) AS n_failed,
    COUNT(CASE WHEN runs.state = 'running' THEN 1 END) AS n_running,
    MAX(CASE WHEN runs.state = 'complete' THEN runs.score END) AS best_score,
    MIN(CASE WHEN runs.place = 1 THEN runs.number END) AS best_trial,
    SUM(runs.seconds) AS seconds
FROM automl_studies
JOIN studies ON studies.study_id = automl_studies.study_id
LEFT JOIN (
    SELECT
        automl_runs.*,
        CASE
            WHEN state = 'complete'
            THEN ROW_NUMBER() OVER (PARTITION BY study_id, state ORDER BY score DESC, number)
        END AS place
    FROM automl_runs
) AS runs ON runs.study_id = automl_studies.study_id
GROUP BY automl_studies.study_id, studies.study_name
