"""The page about LiteLLM: it explains every key of the file, and states no figure of its own."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/betrieb/litellm.md").read_text("utf-8")
TEXT = (ROOT / "config/litellm-config.yaml").read_text("utf-8")
CONFIG = yaml.safe_load(TEXT)
BASE = yaml.safe_load((ROOT / "config/environments/base.yaml").read_text("utf-8"))
VARIABLES = {
    variable["name"] for variable in BASE["services"]["litellm"]["template"]["containers"][0]["env"]
}


def keys(value: Any) -> set[str]:
    """Return the names of all keys below a value."""
    if isinstance(value, dict):
        return {str(key) for key in value} | {k for below in value.values() for k in keys(below)}
    return {key for item in value for key in keys(item)} if isinstance(value, list) else set()


def explained(page: str, section: str) -> set[str]:
    """Return the keys that a page's table under a section of the file has a sentence for."""
    part = re.search(rf"^### `{section}`$(.*?)(?=^##)", page, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^\| `(\w+)` \| \S.+ \|$", part[1], re.MULTILINE)) if part else set()


@pytest.mark.parametrize("section", CONFIG)
def test_every_key_of_the_file_is_explained_and_no_other(section: str):
    assert keys(CONFIG[section]) == explained(PAGE, section)


def test_a_key_that_is_not_explained_is_noticed():
    without = PAGE.replace("| `drop_params` |", "| |")
    assert {"drop_params"} == keys(CONFIG["litellm_settings"]) - explained(
        without, "litellm_settings"
    )


def test_the_page_explains_no_section_that_the_file_does_not_have():
    assert list(CONFIG) == re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)


def test_the_page_shows_the_file_itself():
    assert '```yaml\n--8<-- "litellm-config.yaml"\n```' in PAGE


@pytest.mark.parametrize("name", ["allowed_fails", "cooldown_time", "num_retries", "timeout"])
def test_figures_of_the_file_stand_only_in_the_file(name: str):
    (row,) = re.findall(rf"^\| `{name}` \| (.+) \|$", PAGE, re.MULTILINE)
    assert [] == re.findall(r"\d", row)


def test_what_the_file_reads_and_the_environment_does_not_set_is_listed():
    wanted = set(re.findall(r"os\.environ/(\w+)", re.sub(r"#.*", "", TEXT)))
    listed = set(re.findall(r"^- `(\w+)`$", PAGE, re.MULTILINE))
    assert wanted - VARIABLES == listed


@pytest.mark.parametrize("name", ["AI_CORE_RATE_LIMIT_QUOTA", "LITELLM_LOG_REQUESTS"])
def test_a_variable_that_the_page_names_is_set_by_the_environment(name: str):
    assert f"`{name}`" in PAGE
    assert name in VARIABLES


@pytest.mark.parametrize("runbook", ["deviations", "litellm_quota", "provision", "rotate_secret"])
def test_the_page_leads_to_the_runbook(runbook: str):
    assert f"](../runbooks/{runbook}.ipynb)" in PAGE


def test_the_image_of_the_example_is_the_one_that_the_service_begins_with():
    (image,) = re.findall(r"service=litellm -p image=(\S+)", PAGE)
    assert BASE["first_images"]["litellm"] == image
