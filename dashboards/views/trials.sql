-- One row a trial: how it ended, what it took, and the knobs that people ask for most.
-- `place` is 1 for the best complete trial of its study. `config` holds every knob as JSON; the view `knobs` has one
-- row for each. `dropout` is a rate; `loss_tau` is the strength of the class weights, 0 for none.
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    runs.state AS state,
    runs.score AS score,
    CASE
        WHEN runs.state = 'complete'
        THEN ROW_NUMBER() OVER (PARTITION BY runs.study_id, runs.state ORDER BY runs.score DESC, runs.number)
    END AS place,
    runs.best_epoch AS best_epoch,
    runs.seconds AS seconds,
    runs.n_parameters AS n_parameters,
    runs.peak_memory_mb AS peak_memory_mb,
    runs.stopped AS stopped,
    runs.failure AS failure,
    runs.message AS message,
    runs.attempt AS attempt,
    runs.seed AS seed,
    runs.started AS started,
    runs.host AS host,
    json_extract(runs.config, '$.model.backbone.name') AS backbone,
    CAST(json_extract(runs.config, '$.model.backbone.n_blocks') AS BIGINT) AS n_blocks,
    CAST(json_extract(runs.config, '$.model.backbone.d_block') AS BIGINT) AS d_block,
    json_extract(runs.config, '$.model.recipe') AS recipe,
    json_extract(runs.config, '$.model.activation.name') AS activation,
    json_extract(runs.config, '$.model.initializer.name') AS initializer,
    json_extract(runs.config, '$.model.normalization.name') AS normalization,
    CAST(json_extract(runs.config, '$.model.dropout.rate') AS DOUBLE PRECISION) AS dropout,
    CAST(json_extract(runs.config, '$.train.batch_size') AS BIGINT) AS batch_size,
    json_extract(runs.config, '$.train.loss.name') AS loss,
    CAST(json_extract(runs.config, '$.train.loss.tau') AS DOUBLE PRECISION) AS loss_tau,
    CAST(json_extract(runs.config, '$.train.loss.gamma') AS DOUBLE PRECISION) AS focal_gamma,
    json_extract(runs.config, '$.train.optimizer.name') AS optimizer,
    CAST(json_extract(runs.config, '$.train.optimizer.lr') AS DOUBLE PRECISION) AS learning_rate,
    CAST(json_extract(runs.config, '$.train.optimizer.weight_decay') AS DOUBLE PRECISION) AS weight_decay,
    json_extract(runs.config, '$.train.schedule.name') AS schedule,
    json_extract(runs.config, '$.train.clip.name') AS clip,
    runs.config AS config
FROM automl_runs AS runs
JOIN studies ON studies.study_id = runs.study_id
