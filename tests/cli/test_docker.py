"""The container files, held against the code: no engine is at hand to run them."""

import contextlib
import re
import subprocess
from pathlib import Path

import yaml

from backend.cli.main import COMMANDS
from backend.core.settings import Settings
from backend.core.storage.bucket import Bucket

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def make_secrets(folder):
    """Run secrets.sh in a copy of docker/, and give its folder of secrets."""
    script = folder / "secrets.sh"
    script.write_bytes((DOCKER / "secrets.sh").read_bytes())
    subprocess.run(["/bin/sh", script], check=True)
    return folder / "secrets"


def lines_of(path):
    pairs = (line.split("=", 1) for line in path.read_text("utf-8").splitlines() if line and line[0] != "#")
    return dict(pairs)


def test_each_service_runs_an_existing_command():
    first_words = {name: service["command"][0] for name, service in OURS.items()}

    assert first_words == {"migrate": "migrate", "api": "serve", "worker": "worker"}
    assert set(first_words.values()) <= set(COMMANDS)
    assert '"backend.cli"]' in DOCKERFILE
    assert 'CMD ["serve"]' in DOCKERFILE


def test_image_has_the_packages_and_an_unprivileged_user():
    copied = re.findall(r"^COPY (\w+) /app/\1$", DOCKERFILE, re.MULTILINE)
    let_in = re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)

    assert sorted(copied) == ["backend", "demo", "local_postgres", "payouts", "scanning", "simulators"]
    assert sorted(let_in) == sorted([*copied, "requirements"])
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert DOCKERFILE.count("--require-hashes") == 2


def test_secrets_are_created_once_and_exist(tmp_path):
    secrets = make_secrets(tmp_path)
    first = {path.name: path.read_text() for path in secrets.iterdir()}
    make_secrets(tmp_path)

    named = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    used = {name for service in COMPOSE["services"].values() for name in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert set(first) == named | {"s3.env"}
    assert {path.name: path.read_text() for path in secrets.iterdir()} == first
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_settings_of_services_are_read(tmp_path):
    secrets = make_secrets(tmp_path)
    environ = lines_of(DOCKER / "settings.env") | lines_of(secrets / "s3.env")
    for name, place in OURS["api"]["environment"].items():
        environ[name] = str(secrets / Path(place).name)

    settings = Settings.from_env(environ)

    settings.need_keys()
    assert settings.database_url.startswith("postgresql+psycopg://scanback:")
    assert settings.database_url.endswith("@database:5432/scanback")
    with contextlib.closing(Bucket(settings.bucket_url)) as bucket:
        assert bucket.bucket == environ["S3_BUCKET"]


def test_committed_files_contain_no_secret():
    committed = "".join(path.read_text("utf-8") for path in DOCKER.iterdir() if path.is_file())

    assert not re.search(r"[0-9a-f]{20,}", committed)
    assert not re.search(r"(password|secret)\w*: *['\"]?\w+['\"]?$", committed, re.IGNORECASE | re.MULTILINE)


def test_services_wait_for_services_with_a_health_check():
    checked = {name for name, service in COMPOSE["services"].items() if "test" in service.get("healthcheck", {})}

    for service in OURS.values():
        for name, how in service["depends_on"].items():
            if how["condition"] == "service_healthy":
                assert name in checked
            else:
                assert (how["condition"], name) == ("service_completed_successfully", "migrate")
    assert OURS["api"]["deploy"]["replicas"] == 2
    assert "HEALTHCHECK" in DOCKERFILE
    assert "/ready" in DOCKERFILE
