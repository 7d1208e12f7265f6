"""The result of `triptych init`: a recipe, with the survey, the trial and the forecast that it rests on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.init.finetuning_rows import RowsFile, TriedRows, usable
from commands.init.forecast import Forecast
from commands.init.survey import Survey
from commands.init.trial import Trial


@dataclass(frozen=True)
class Proposal:
    """A recipe, and what it rests on."""

    path: Path
    name: str
    survey: Survey
    trial: Trial
    forecast: Forecast
    tried_rows: TriedRows  # files of fine-tuning rows, by method
    free_bytes: int
    adapts: bool  # a public model, in place of a new one

    @property
    def rows_files(self) -> dict[str, RowsFile]:
        """The files that fine-tuning will read, by method."""
        return usable(self.tried_rows)

    def as_json(self) -> dict[str, Any]:
        survey, forecast = self.survey, self.forecast
        return {
            "path": str(self.path),
            "recipe": self.name,
            "folder": str(survey.path),
            "formats": {end: kind._asdict() for end, kind in survey.kinds.items()},
            "unread": {end: dict(count) for end, count in survey.unsupported.items()},
            "languages": dict(survey.languages),
            "encodings": dict(survey.encodings),
            "licences": dict(survey.licences),
            "duplicates": round(survey.duplicates, 4),
            "near_copies": round(self.trial.near_copies, 4),
            "other_fields": list(survey.other_fields),
            "bad": dict(survey.bad),
            "documents": survey.documents,
            "text_bytes": survey.text_bytes,
            "kept": round(self.trial.kept, 4),
            "tokens": forecast.tokens,
            "parameters": forecast.parameters,
            "steps": forecast.steps,
            "minutes": round(forecast.minutes, 1),
            "disk_bytes": forecast.disk_bytes,
            "free_bytes": self.free_bytes,
            "can_give": forecast.can_give,
        }
