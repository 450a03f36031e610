"""The traffic log keeps the newest requests in order of time."""

from leitstand.sandbox.traffic_log import RequestRecord, TrafficLog


def record(at, status=200, revision="web-1"):
    return RequestRecord(at, "p", "l", "web", revision, status, 1.0, "GET", "/", "", "")


def test_a_window_holds_its_start_and_not_its_end():
    traffic = TrafficLog()
    for at in (1.0, 2.0, 3.0):
        traffic.record(record(at))
    assert [1.0, 2.0] == [found.at for found in traffic.window(1.0, 3.0)]


def test_late_records_are_put_in_their_place():
    traffic = TrafficLog()
    for at in (1.0, 3.0, 2.0):
        traffic.record(record(at))
    assert [1.0, 2.0, 3.0] == [found.at for found in traffic.window(0, 9)]


def test_old_records_go_and_the_counters_stay():
    traffic = TrafficLog(kept=10)
    for at in range(100):
        traffic.record(record(float(at), 500 if at % 4 == 0 else 200))
    assert len(traffic.window(0, 1000)) <= 11
    (counters,) = traffic.counters()
    assert (100, {"5xx": 25, "2xx": 75}) == (counters.requests, counters.by_class)


def test_numbers_stay_with_their_records_when_old_ones_go():
    traffic = TrafficLog(kept=10)
    for at in range(50):
        traffic.record(record(float(at)))
    assert all(number == found.at for number, found in traffic.numbered(None, None))


def test_revisions_are_counted_apart():
    traffic = TrafficLog()
    traffic.record(record(1.0))
    traffic.record(record(1.0, revision="web-2"))
    assert ["web-1", "web-2"] == [counters.revision for counters in traffic.counters()]
    traffic.clear()
    assert () == traffic.counters()
