"""The ports of a sandbox's servers, and what follows when one of them moves."""

import socket
from contextlib import ExitStack

import pytest
from google.cloud import run_v2, secretmanager_v1

from leitstand.sandbox.addresses import Addresses, PortNamed
from leitstand.sandbox.ports import Ports
from leitstand.sandbox.store import Store


def test_a_port_that_is_held_is_not_given_to_another_sandbox():
    one, two = Ports(), Ports()
    port = one.draw()
    assert not two.hold(port)
    one.release(port)
    assert two.hold(port)
    two.release(port)


def test_connections_left_behind_do_not_move_a_server():
    ports = Ports()
    port = ports.draw()
    with socket.create_server(("127.0.0.1", port)) as server, ExitStack() as open_ones:
        peer = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
        server.accept()[0].close()
        peer.recv(1)
    ports.release(port)
    assert ports.hold(port)
    ports.release(port)


@pytest.fixture
def state(tmp_path):
    store = Store(tmp_path)
    store.table("secret_payloads", secretmanager_v1.SecretPayload)
    return store


def payload(store, text):
    table = store.table("secret_payloads", secretmanager_v1.SecretPayload)
    table["s"] = secretmanager_v1.SecretPayload(data=text.encode())
    return table


FOLLOWED = {
    "a URL": "postgresql://a:b@127.0.0.1:{}/app?x=1",
    "a host by name": "redis://localhost:{}/0",
    "an IPv6 host": "http://[::1]:{}",
    "settings": "host=127.0.0.1 port={} user=a",
    "JSON": '{{"host": "127.0.0.1", "port": {}}}',
    "YAML": "host: 127.0.0.1\nport: '{}'\n",
    "two of them": "127.0.0.1:{0},127.0.0.1:{0}",
}
LEFT_ALONE = {
    "a longer number": "127.0.0.1:{}1",
    "part of a random value": "x{}y",
    "another port": "127.0.0.1:1",
}
NOT_FOLLOWED = {
    "a bare number": "{}",
    "another host": "10.0.0.7:{}",
    "a longer address": "1127.0.0.1:{}",
}


@pytest.mark.parametrize("text", FOLLOWED.values(), ids=FOLLOWED)
def test_an_address_in_a_secret_follows(state, text):
    table = payload(state, text.format(23456))
    new = Addresses(state).move(23456)
    assert text.format(new) == table["s"].data.decode()


@pytest.mark.parametrize("text", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_does_not_name_the_port_stays(state, text):
    table = payload(state, text.format(23456))
    Addresses(state).move(23456)
    assert text.format(23456) == table["s"].data.decode()


@pytest.mark.parametrize("text", NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_a_port_named_in_another_way_is_refused_and_nothing_changes(state, text):
    table = payload(state, f"127.0.0.1:23456 {text.format(23456)}")
    with pytest.raises(PortNamed, match="23456"):
        Addresses(state).move(23456)
    assert f"127.0.0.1:23456 {text.format(23456)}" == table["s"].data.decode()


def test_variables_and_arguments_of_containers_follow_in_place(state):
    table = state.table("services", run_v2.Service)
    container = {
        "env": [
            {"name": "CACHE_PORT", "value": "23456"},
            {"name": "CACHE", "value": "127.0.0.1:23456"},
            {"name": "MOST", "value": "234567"},
        ],
        "args": ["--broker=redis://127.0.0.1:23456/0"],
    }
    table["w"] = live = run_v2.Service(name="a/w", template={"containers": [container]})
    new = Addresses(state).move(23456)
    found = live.template.containers[0]
    assert [str(new), f"127.0.0.1:{new}", "234567"] == [variable.value for variable in found.env]
    assert [f"--broker=redis://127.0.0.1:{new}/0"] == found.args
    assert Store(state.path.parent).is_new
    state.save()
    assert str(new) in state.path.read_text()
    assert "23456/" not in state.path.read_text()


def test_a_variable_that_is_the_number_by_another_name_is_refused(state):
    table = state.table("services", run_v2.Service)
    variables = [{"name": "MOST", "value": "23456"}]
    table["w"] = run_v2.Service(name="a/w", template={"containers": [{"env": variables}]})
    with pytest.raises(PortNamed, match="env of a/w"):
        Addresses(state).move(23456)


def test_values_that_are_no_text_stay_as_they_are(state):
    table = state.table("secret_payloads", secretmanager_v1.SecretPayload)
    table["s"] = secretmanager_v1.SecretPayload(data=b"\xff\xfe127.0.0.1:23456")
    Addresses(state).move(23456)
    assert b"\xff\xfe127.0.0.1:23456" == table["s"].data
