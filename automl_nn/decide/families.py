"""The kinds of decisions by the name that is stored with them."""

from collections.abc import Mapping

from automl_nn.decide.classes.decisions import Costs, Offsets, OneVsRest
from automl_nn.decide.decision import AsIs, Decision
from automl_nn.decide.events.decision import EventCuts
from automl_nn.decide.label_decision import Cuts

FAMILIES: Mapping[str, type[Decision]] = {
    family.family: family for family in (Cuts, EventCuts, Offsets, OneVsRest, Costs, AsIs)
}
"""Every final class of decisions; a further one is one name here."""
