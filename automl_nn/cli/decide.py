"""`automl-nn decide`: choose where to cut the scores, and write the model."""

from pathlib import Path

from automl_nn.cli import decide_options as ask
from automl_nn.cli import event_options as ask_events
from automl_nn.cli import options
from automl_nn.cli.asked import Asked, Columns, Extras, Report
from automl_nn.cli.decide_saved import decide_saved, given_options
from automl_nn.cli.decide_study import decide_study
from automl_nn.cli.event_options import Spans, goals_of_events
from automl_nn.cli.event_scores import decide_event_file
from automl_nn.cli.event_study import decide_event_study
from automl_nn.cli.label_scores import decide_label_file
from automl_nn.cli.output import Format, show
from automl_nn.cli.scores import decide_file


def decide(
    study: ask.Scores,
    *,
    maximize: ask.Maximize = None,
    cost: ask.Cost = None,
    min_precision: ask.MinPrecision = None,
    min_recall: ask.MinRecall = None,
    max_fpr: ask.MaxFpr = None,
    top_k: ask.TopK = None,
    max_alarms: ask.MaxAlarms = None,
    periods: ask.Periods = None,
    cost_matrix: ask.CostMatrix = None,
    reject: ask.Reject = None,
    min_answered: ask.MinAnswered = None,
    one_vs_rest: ask.OneVsRest = False,
    compare: ask.Compare = None,
    prevalence: ask.Prevalence = None,
    unlabelled: ask.Unlabelled = None,
    picture: ask.Picture = None,
    trial: ask.Trial = None,
    with_references: options.WithReferences = False,
    saved: ask.Saved = None,
    output: ask.Output = None,
    score: ask.Score = None,
    label: ask.Label = None,
    positive: ask.Positive = None,
    weight: ask.Weight = None,
    group: ask.Group = None,
    amount: ask.Amount = None,
    time: ask.Time = None,
    events: ask_events.IsEvents = False,
    series_id: ask_events.SeriesId = None,
    tolerance: ask_events.Tolerance = None,
    min_duration: ask_events.MinDuration = None,
    merge_gap: ask_events.MergeGap = None,
    cool_down: ask_events.CoolDown = None,
    output_events: ask_events.OutputEvents = None,
    seed: options.Seed = 0,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """Choose the threshold from stored predictions. It takes seconds and no training; change your mind at will."""
    asked = Asked(
        maximize=maximize,
        cost=cost,
        min_precision=min_precision,
        min_recall=min_recall,
        max_fpr=max_fpr,
        top_k=top_k,
        max_alarms=max_alarms,
        periods=periods,
        cost_matrix=cost_matrix,
        reject=reject,
        min_answered=min_answered,
        one_vs_rest=one_vs_rest,
        compare=goals_of_events(compare or ()) if events else tuple(compare or ()),
    )
    extras = Extras(
        prevalence,
        unlabelled,
        picture=picture,
        trial=trial,
        output=output,
        with_references=with_references,
        seed=seed,
    )
    columns = Columns(score, label, positive=positive, weight=weight, group=group, amount=amount, time=time)
    spans = Spans(
        series_id,
        tolerance=tolerance,
        min_duration=min_duration,
        merge_gap=merge_gap,
        cool_down=cool_down,
        output_events=output_events,
    )
    spans.check(events or saved is not None)
    if saved is not None:
        more = [*given_options(columns, spans), *(["--events"] if events else [])]
        report = decide_saved(study, saved, asked, extras=extras, more=more, storage=storage)
    elif columns.are_of_a_file or Path(study).is_file():
        report = _of_file(Path(study), asked, columns=columns, extras=extras, spans=spans if events else None)
    elif events:
        report = decide_event_study(study, asked, columns=columns, extras=extras, spans=spans, storage=storage)
    else:
        report = decide_study(study, asked, columns=columns, extras=extras, storage=storage)
    show(report if form is Format.json else _brief(report), form)


def _of_file(file: Path, asked: Asked, *, columns: Columns, extras: Extras, spans: Spans | None) -> Report:
    """The report on a file of scores; spans are given where events are counted."""
    if spans is not None:
        return decide_event_file(file, asked, columns=columns, extras=extras, spans=spans)
    decide_scores = decide_label_file if columns.are_several else decide_file
    return decide_scores(file, asked, columns=columns, extras=extras)


def _brief(report: Report) -> Report:
    from automl_nn.review.decisions import brief

    return brief(report)
