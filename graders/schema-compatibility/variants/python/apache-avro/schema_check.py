"""The checker on Apache's own library for Python: it has the rules, and says where they break."""

from __future__ import annotations

import json
import os
import sys
import time
from xml.sax.saxutils import quoteattr

import requests
from avro import schema as avro_schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.name import Names


class Unknown(Exception):
    pass


def options(argv: list[str]) -> dict[str, str]:
    given = dict(zip(argv[::2], argv[1::2], strict=True))
    return {key.removeprefix("--"): value for key, value in given.items()}


class FromFolder:
    def __init__(self, folder: str) -> None:
        if not os.path.isdir(folder):
            raise Unknown(f"no baseline {folder}")
        self.folder = folder
        self.levels: dict = {}
        if os.path.exists(f"{folder}/levels.json"):
            with open(f"{folder}/levels.json") as file:
                self.levels = json.load(file)

    def level(self, subject: str) -> str:
        return self.levels.get("subjects", {}).get(subject, self.levels.get("default", "BACKWARD"))

    def versions(self, subject: str) -> list[int]:
        try:
            names = os.listdir(f"{self.folder}/{subject}")
        except FileNotFoundError:
            return []
        return sorted(int(name[:-5]) for name in names if name.endswith(".avsc"))

    def schema(self, subject: str, version: int) -> tuple[str, list]:
        return load(f"{self.folder}/{subject}", str(version))


class FromRegistry:
    def __init__(self, url: str, timeout: float) -> None:
        self.url, self.timeout, self.http = url, timeout, requests.Session()

    def ask(self, path: str) -> tuple[int, dict]:
        for again in (True, False):
            try:
                answer = self.http.get(f"{self.url}{path}", timeout=self.timeout)
                body = answer.json()
                if answer.status_code == 200 or (
                    answer.status_code == 404 and body.get("error_code") in (40401, 40402, 40408)
                ):
                    return answer.status_code, body
                trouble = f"{answer.status_code} for {path}"
            except (requests.RequestException, ValueError, AttributeError) as e:
                trouble = f"{type(e).__name__} for {path}"
            if again:
                time.sleep(0.05)
        raise Unknown(f"the registry: {trouble}")

    def level(self, subject: str) -> str:
        status, body = self.ask(f"/config/{subject}?defaultToGlobal=true")
        if status == 404:
            _, body = self.ask("/config")
        return body["compatibilityLevel"]

    def versions(self, subject: str) -> list[int]:
        status, body = self.ask(f"/subjects/{subject}/versions")
        return [] if status == 404 else sorted(body)

    def schema(self, subject: str, version: int) -> tuple[str, list]:
        status, body = self.ask(f"/subjects/{subject}/versions/{version}")
        if status == 404:
            raise Unknown(f"no {subject} version {version}")
        return body["schema"], body.get("references") or []


def load(folder: str, stem: str) -> tuple[str, list]:
    try:
        with open(f"{folder}/{stem}.avsc") as file:
            text = file.read()
    except FileNotFoundError:
        raise Unknown(f"no {folder}/{stem}.avsc") from None
    references = []
    if os.path.exists(f"{folder}/{stem}.refs.json"):
        with open(f"{folder}/{stem}.refs.json") as file:
            references = json.load(file)
    return text, references


def built(source, text: str, references: list, names: Names | None = None):
    names = names if names is not None else Names(validate_names=True)
    for one in references:
        if not names.has_name(one["name"], None):
            built(source, *source.schema(one["subject"], one["version"]), names)
    try:
        return avro_schema.make_avsc_object(json.loads(text), names)
    except (AvroException, ValueError, TypeError, AttributeError, KeyError) as e:
        raise Unknown(f"no schema: {e}") from None


def reads(reader, writer) -> bool:
    result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
    return result.compatibility is SchemaCompatibilityType.compatible


def where(reader, writer, path: list[str]) -> str:
    """The way to what breaks: the library's own locations are not to be relied on in unions."""
    if reader.type == writer.type == "array":
        return where(reader.items, writer.items, path)
    if reader.type == writer.type == "map":
        return where(reader.values, writer.values, path)
    if reader.type == writer.type == "record" and len(path) < 20:
        written = writer.fields_dict
        for field in reader.fields:
            names = [field.name, *(field.get_prop("aliases") or ())]
            match = next((written[name] for name in names if name in written), None)
            if match is None and not field.has_default:
                return ".".join([*path, field.name])
            if match is not None and not reads(field.type, match.type):
                return where(field.type, match.type, [*path, field.name])
    return ".".join(path)


def broken(reader, writer) -> list[str]:
    return [] if reads(reader, writer) else [f"{where(reader, writer, [])}: cannot be read"]


def compare(source, subject: str, folder: str) -> list[tuple[str, str, str]]:
    """(name of the test case, type of the failure, message)."""
    proposed = built(source, *load(folder, subject))
    level, _, transitive = source.level(subject).partition("_")
    versions = source.versions(subject)[0 if transitive else -1 :]
    if level == "NONE" or not versions:
        return [("none", "", "")]
    cases = []
    for version in versions:
        earlier = built(source, *source.schema(subject, version))
        backward = broken(proposed, earlier) if level != "FORWARD" else []
        forward = broken(earlier, proposed) if level != "BACKWARD" else []
        kind = "full" if backward and forward else "backward" if backward else "forward"
        cases.append((f"version {version}", kind if backward or forward else "",
                      " | ".join(backward + forward)))
    return cases


def main() -> int:
    given = options(sys.argv[1:])
    lines, code = [], 0
    try:
        names = sorted(n[:-5] for n in os.listdir(given["schemas"]) if n.endswith(".avsc"))
        if not names:
            raise Unknown("no schemas")
        if "baseline" in given:
            source = FromFolder(given["baseline"])
        else:
            source = FromRegistry(given["registry"], float(given.get("timeout", "10")))
            source.ask("/config")  # is it there at all?
    except (Unknown, FileNotFoundError) as e:
        names, code = [], 2
        lines.append(f"<testcase classname='all' name='all'><error message={quoteattr(str(e))}/></testcase>")
    for subject in names:
        attributes = f"classname={quoteattr(subject)}"
        try:
            for name, kind, message in compare(source, subject, given["schemas"]):
                inner = ""
                if kind:
                    code = max(code, 1)
                    print(f"{subject} {name}: {message}")
                    inner = f"<failure type='{kind}'>{quoteattr(message)}</failure>"
                lines.append(f"<testcase {attributes} name='{name}'>{inner}</testcase>")
        except Unknown as e:
            code = 2
            error = f"<error message={quoteattr(str(e))}/>"
            lines.append(f"<testcase {attributes} name='error'>{error}</testcase>")
    with open(given["junit"], "w") as file:
        file.write(f"<testsuites><testsuite name='avro'>{''.join(lines)}</testsuite></testsuites>")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
