"""Messages as plain data, also those of an API that has grown since."""

import pytest
from google.cloud import sqladmin_v1 as sql

from leitstand.cloud.messages import enum_name


def test_a_state_has_the_name_that_the_api_gives_it() -> None:
    assert "FAILED" == enum_name(sql.BackupRun(status=sql.SqlBackupRunStatus.FAILED).status)


def test_a_state_that_google_added_since_is_told_by_its_number() -> None:
    run = sql.BackupRun()
    sql.BackupRun.pb(run).status = 99
    with pytest.warns(UserWarning, match="Unrecognized SqlBackupRunStatus"):
        assert "99" == enum_name(run.status)
