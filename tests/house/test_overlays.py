"""Every environment differs from the base only where somebody wrote down why."""

import pytest

from leitstand.configuration import environment_names, load_environment, read_layers
from leitstand.core.deviations import changed_paths, undocumented
from leitstand.notebook.deviations import PERSONAL


@pytest.mark.parametrize("name", environment_names())
def test_every_path_that_an_overlay_changes_has_a_reason(name: str) -> None:
    _, overlay = read_layers(name)
    agreed = load_environment(name).deviations
    assert () == undocumented(changed_paths(overlay), agreed, PERSONAL)
