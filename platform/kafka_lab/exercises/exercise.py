"""An exercise: its manifest, and where its parts lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.manifest import FILE, Manifest, Track, load_manifest
from kafka_lab.exercises.problems import nearest
from kafka_lab.runtime.errors import LabError, UsageError


@dataclass(frozen=True)
class Exercise:
    """``home`` has manifest, guide and starters; ``solutions`` and ``graders`` may be absent."""

    manifest: Manifest
    home: Path
    solutions: Path
    graders: Path

    @classmethod
    def load(cls, source: ExerciseSource) -> Exercise:
        """Read the manifest of ``source``.

        Raises:
            ManifestError: when the manifest cannot be used.
        """
        manifest = load_manifest(source.exercise / FILE)
        return cls(manifest, source.exercise, source.solution, source.grader)

    @property
    def slug(self) -> str:
        return self.manifest.slug

    @property
    def guide(self) -> Path:
        """The brief that the learner reads."""
        return self.home / "guide.md"

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.manifest.tracks)

    def track(self, language: str) -> Track:
        """The track of a language.

        Raises:
            UsageError: when the exercise has no such track.
        """
        track = self.manifest.tracks.get(language)
        if track is None:
            near = nearest(language, self.languages)
            raise UsageError(
                f"{self.slug} has no track for '{language}'",
                f"choose one of {', '.join(self.languages)}"
                + (f"; did you mean {near}?" if near else ""),
            )
        return track

    def starter(self, language: str) -> Path:
        """The folder that the learner starts from."""
        self.track(language)
        return self._there(self.home / "starter" / language, "starter")

    def solution(self, language: str) -> Path:
        """The folder of the reference solution."""
        self.track(language)
        return self._there(self.solutions / language, "reference solution")

    def grader(self) -> Path:
        """The folder of the grader."""
        return self._there(self.graders, "grader")

    def variants(self, language: str) -> list[Path]:
        """Right solutions that are built differently, one folder each."""
        self.track(language)
        folder = self.graders / "variants" / language
        if not folder.is_dir():
            return []
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))

    def workspaces(self, language: str) -> list[Path]:
        """Every workspace of a track that the exercise's authors wrote, as far as they are here:
        what these use, submissions may use too."""
        folders = [self.solutions / language, self.home / "starter" / language]
        return [f for f in (*folders, *self.variants(language)) if f.is_dir()]

    def _there(self, folder: Path, what: str) -> Path:
        if not folder.is_dir():
            raise LabError(
                f"the {what} of {self.slug} is not in this installation ({folder})",
                "install kafka-lab, or the package that brings this exercise, again",
            )
        return folder
