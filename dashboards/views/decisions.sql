-- One row a decision: what it was for, where it cuts, what that is worth. `trial` is empty for an ensemble, whose
-- trials are in `members` by weight. Thresholds and counts are those of a decision with one threshold, and empty where
-- there are several; `spec` and `result` hold all of it as JSON.
SELECT
    studies.study_name AS study,
    decisions.id AS decision,
    decisions.created AS created,
    runs.number AS trial,
    json_extract(decisions.spec, '$.members') AS members,
    json_extract(decisions.spec, '$.maximize') AS maximize,
    CAST(json_extract(decisions.spec, '$.cost[0]') AS DOUBLE PRECISION) AS cost_fp,
    CAST(json_extract(decisions.spec, '$.cost[1]') AS DOUBLE PRECISION) AS cost_fn,
    CAST(json_extract(decisions.spec, '$.min_precision') AS DOUBLE PRECISION) AS min_precision,
    CAST(json_extract(decisions.spec, '$.min_recall') AS DOUBLE PRECISION) AS min_recall,
    CAST(json_extract(decisions.spec, '$.max_fpr') AS DOUBLE PRECISION) AS max_fpr,
    CAST(json_extract(decisions.spec, '$.top_k') AS BIGINT) AS top_k,
    CAST(json_extract(decisions.spec, '$.max_alarms') AS DOUBLE PRECISION) AS max_alarms,
    json_extract(decisions.result, '$.family') AS family,
    decisions.threshold AS threshold,
    CAST(json_extract(cut, '$.interval[0]') AS DOUBLE PRECISION) AS threshold_low,
    CAST(json_extract(cut, '$.interval[1]') AS DOUBLE PRECISION) AS threshold_high,
    decisions.utility AS utility,
    CAST(json_extract(cut, '$.utility_interval[0]') AS DOUBLE PRECISION) AS utility_low,
    CAST(json_extract(cut, '$.utility_interval[1]') AS DOUBLE PRECISION) AS utility_high,
    CAST(json_extract(cut, '$.metrics.precision') AS DOUBLE PRECISION) AS precision,
    CAST(json_extract(cut, '$.metrics.recall') AS DOUBLE PRECISION) AS recall,
    CAST(json_extract(cut, '$.metrics.tp') AS DOUBLE PRECISION) AS tp,
    CAST(json_extract(cut, '$.metrics.fp') AS DOUBLE PRECISION) AS fp,
    CAST(json_extract(cut, '$.metrics.fn') AS DOUBLE PRECISION) AS fn,
    CAST(json_extract(cut, '$.metrics.tn') AS DOUBLE PRECISION) AS tn,
    decisions.spec AS spec,
    decisions.result AS result
FROM (
    SELECT
        automl_decisions.*,
        CASE WHEN threshold IS NOT NULL THEN json_extract(result, '$.cuts[0]') END AS cut
    FROM automl_decisions
) AS decisions
JOIN studies ON studies.study_id = decisions.study_id
LEFT JOIN automl_runs AS runs ON runs.id = decisions.run_id
