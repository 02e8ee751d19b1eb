"""Programs with input files as high-fidelity models: templates, runs, conditions of success, retries."""

from locum.highfidelity.command.finished import Finished, Series
from locum.highfidelity.command.folders import RunFolders
from locum.highfidelity.command.model import CommandModel
from locum.highfidelity.command.quantities import FromField, FromFile, FromOthers
from locum.highfidelity.command.retries import Retry
from locum.highfidelity.command.success import ExitStatus, Leaves, Reaches, Saves, Says, Settles
from locum.highfidelity.command.templates import Templates, Text

__all__ = [
    "CommandModel",
    "ExitStatus",
    "Finished",
    "FromField",
    "FromFile",
    "FromOthers",
    "Leaves",
    "Reaches",
    "Retry",
    "RunFolders",
    "Saves",
    "Says",
    "Series",
    "Settles",
    "Templates",
    "Text",
]
