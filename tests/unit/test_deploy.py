"""The cluster files that an operator is given: valid, and as the guide says."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONTAINERS = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["containers"],
            "properties": {
                "containers": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "object", "required": ["name", "image", "resources"]},
                }
            },
        }
    },
}
GROUP = {
    "type": "object",
    "required": ["rayStartParams", "template"],
    "properties": {
        "groupName": {"type": "string"},
        "replicas": {"type": "integer", "minimum": 0},
        "minReplicas": {"type": "integer", "minimum": 0},
        "maxReplicas": {"type": "integer", "minimum": 0},
        "rayStartParams": {"type": "object", "additionalProperties": {"type": "string"}},
        "template": CONTAINERS,
    },
    "additionalProperties": False,
}
RAY_JOB = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["entrypoint", "rayClusterSpec"],
            "additionalProperties": False,
            "properties": {
                "entrypoint": {"type": "string"},
                "backoffLimit": {"type": "integer", "minimum": 0},
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "rayClusterSpec": {
                    "type": "object",
                    "required": ["rayVersion", "headGroupSpec", "workerGroupSpecs"],
                    "additionalProperties": False,
                    "properties": {
                        "rayVersion": {"type": "string"},
                        "headGroupSpec": GROUP,
                        "workerGroupSpecs": {"type": "array", "minItems": 1, "items": GROUP},
                    },
                },
            },
        },
    },
}
"""The part of KubeRay's schema that the file uses."""


def read(name: str):
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_the_job_of_kubernetes_is_one_and_runs_a_command_of_ours():
    job = read("rayjob.yaml")
    jsonschema.validate(job, RAY_JOB)
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:2] == ["fiqa", "score"]
    assert {"--engine", "--address", "-o"} <= set(words)
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        for container in group["template"]["spec"]["containers"]:
            assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]


def test_the_cluster_file_is_what_ray_up_takes():
    ray = pytest.importorskip("ray", reason="ray is not installed")
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    cluster = read("ray-cluster.yaml")
    jsonschema.validate(cluster, json.loads(schema.read_text("utf-8")))
    assert cluster["head_node_type"] in cluster["available_node_types"]
