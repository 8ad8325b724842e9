"""The software bill of materials: CycloneDX 1.6 as JSON, the same bytes for the same bundle."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from release.components import Component
from release.project import Project

SPECIFICATION: Final = "1.6"
_NAMESPACE: Final = uuid.UUID("6c1c3f0e-5a1b-5e0f-9d7e-3b1f6f0b7a52")


def bill_of_materials(project: Project, components: Iterable[Component]) -> str:
    """Return the document that lists the third-party components of the bundle."""
    listed = [_entry(each) for each in components]
    application = {
        "type": "application",
        "bom-ref": f"pkg:pypi/pulse-desktop@{project.version}",
        "name": "pulse-desktop",
        "version": project.version,
        "purl": f"pkg:pypi/pulse-desktop@{project.version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    identity = json.dumps([application, listed], sort_keys=True)
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, identity)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(project.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": application,
        },
        "components": listed,
        "dependencies": [
            {"ref": application["bom-ref"], "dependsOn": [each["bom-ref"] for each in listed]}
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _entry(component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        "properties": [{"name": "pulse:files", "value": str(component.files)}],
    }
    if component.license:
        entry["licenses"] = [{"expression": component.license}]
    else:
        entry["licenses"] = [{"license": {"name": "see the copyright file of the Debian package"}}]
    return entry
