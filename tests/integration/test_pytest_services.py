import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

PRINT_DATABASE = "import django; django.setup(); from django.db import connection; "
PRINT_DATABASE += "connection.ensure_connection(); print(connection.settings_dict['NAME'])"


@pytest.mark.django_db
def test_the_tests_have_a_database_of_their_own():
    assert connection.settings_dict["NAME"].startswith("test_")


def test_the_tests_have_a_redis_of_their_own(redis_client):
    assert os.environ["REDIS_URL"] == settings.REDIS_URL
    assert redis_client.dbsize() == 0


def test_a_process_of_the_site_works_on_the_database_of_the_tests(site_environment):
    site_environment["DJANGO_SETTINGS_MODULE"] = "agentsite.settings"
    command = [sys.executable, "-c", PRINT_DATABASE]
    said = subprocess.check_output(command, env=site_environment, text=True)
    assert said.strip() == connection.settings_dict["NAME"]
