"""A whole sandbox in a process of its own: seeds, clients, and who belongs to it."""

import time
from contextlib import suppress

import grpc
import psutil
from google.cloud import run_v2, secretmanager_v1

PROJECT = "leitstand-sandbox"
PARENT = f"projects/{PROJECT}/locations/europe-west3"
WEB = f"{PARENT}/services/web"
IMAGE = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/web:1.0.0"
SEED = {
    "project": PROJECT,
    "location": "europe-west3",
    "staging_project": f"{PROJECT}-staging",
    "services": [
        {
            "name": WEB,
            "ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
            "scaling": {"min_instance_count": 1},
            "template": {"containers": [{"image": IMAGE}]},
        }
    ],
    "revisions": [],
    "secrets": [{"name": f"projects/{PROJECT}/secrets/DATABASE_URL", "versions": 2}],
    "repositories": [{"name": f"{PARENT}/repositories/leitstand"}],
    "load_balancer": {"domain": "app.sandbox.example", "service": WEB},
}
EMPTY = {**SEED, "services": [], "load_balancer": None}


def family(pid):
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def gone(processes, seconds=10.0):
    """Whether all have ended (zombies have) within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(_runs(process) for process in processes):
            return True
        time.sleep(0.02)
    return False


def _runs(process):
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def client(sandbox, client_type):
    """A client of Google's that talks to the sandbox."""
    channel = grpc.insecure_channel(sandbox.grpc)
    return client_type(transport=client_type.get_transport_class("grpc")(channel=channel))


def services(sandbox):
    return client(sandbox, run_v2.ServicesClient)


def secrets(sandbox):
    return client(sandbox, secretmanager_v1.SecretManagerServiceClient)
