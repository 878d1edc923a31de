"""test_result - which runs make bench/run exit 1: void ones, and floods that did what they must not.

usage: test_result.py FOLDER-OF-BENCH
"""
import argparse
import io
import sys
import unittest
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from unittest import mock

FLOOD = {"sent_rate": 1e6, "answered_rate": 1e6, "answered_share": 1.0, "cookies": 1000,
         "connects": 1000, "connects_failed": 0, "connects_late": 0, "syns_most": 1,
         "syns_waiting_most": 0, "connect_p50_us": 100, "connect_p99_us": 9999,
         "connect_max_us": 9e5, "kept_rate": 1000, "kept_p50_us": 100, "kept_p99_us": 1000,
         "kept_max_us": 999999, "memory_bytes": 1 << 30, "memory_grew_bytes": 1 << 20}


def run(wanted_flood=None, void=None, flood=FLOOD, **other):
    """A line of the results, of a flood at a rate that was asked for, or as hard as it goes."""
    return {"system": "penstock-memif", "offloads": None, "profile": "syn-flood", "conns": 16,
            "wanted_rate": None, "body": 128, "rules": None, "wanted_flood": wanted_flood,
            "void": void, "ns_per_request": 1000.0, "requests_per_busy_core_second": 1e6,
            "rate": 1e6, "p50_us": 1, "p99_us": 2, "control_cpu_share": None,
            "load_limited": False, "round": 0, "flood": {**flood, **other} if flood else None}


class Floods(unittest.TestCase):
    def assert_missed(self, line, *words):
        self.assertEqual(len(result.missed(line)), len(words), result.missed(line))
        for missed, word in zip(result.missed(line), words):
            self.assertIn(word, missed)
        self.assertEqual(result.exit_code([run(), line, run(800000)]), 1 if words else 0)
        told = text.table([line])
        for word in words or ["as it should be"]:
            self.assertIn(word, told)
            self.assertIn(word, text.one(line))
        self.assertEqual("missed" in told, bool(words))

    def test_one_that_hurts_nobody_is_as_it_should_be(self):
        self.assert_missed(run())
        self.assert_missed(run(800000))

    def test_one_that_the_core_can_answer_delays_no_connect(self):
        self.assert_missed(run(800000, connect_p99_us=10000), "p99")
        self.assert_missed(run(800000, connects_failed=1), "failed")
        self.assert_missed(run(800000, connects_late=1), "failed")
        self.assert_missed(run(800000, connects_late=1, connect_p99_us=2e4), "failed", "p99")

    def test_one_that_it_cannot_stops_nobody(self):
        self.assert_missed(run(connects_failed=1), "failed")
        self.assert_missed(run(syns_most=3))
        self.assert_missed(run(syns_most=4), "more than 3 SYNs")
        self.assert_missed(run(syns_waiting_most=4), "more than 3 SYNs")
        self.assert_missed(run(memory_grew_bytes=(1 << 20) + 1), "memory grew")
        self.assert_missed(run(kept_rate=0), "stand still")
        self.assert_missed(run(kept_max_us=1e6), "stand still")

    def test_one_that_it_cannot_may_delay_a_connect(self):
        self.assert_missed(run(connect_p99_us=2e6, connects_late=3))


class Exit(unittest.TestCase):
    def test_what_is_void_does_not_count(self):
        self.assertEqual(result.exit_code([]), 0)
        self.assertEqual(result.exit_code([run(flood=None)]), 0)
        self.assertEqual(result.exit_code([run(flood=None), run(void="wrong answers")]), 1)

    def test_bench_run_ends_with_it(self):
        path = sys.argv[1] + "/run"
        loader = SourceFileLoader("bench_run", path)
        bench = module_from_spec(spec_from_loader("bench_run", loader))
        loader.exec_module(bench)
        options = argparse.Namespace(out=None, json=False, build="")
        for lines, code in (([run()], 0), ([run(), run(800000, connects_failed=1)], 1),
                            ([run(void="noise")], 1)):
            made = mock.Mock(lines=lines)
            with mock.patch.multiple(bench, arguments=lambda: options, planned=mock.Mock(),
                                     Stage=mock.MagicMock(), signal=mock.Mock(),
                                     resource=mock.MagicMock(), Bench=lambda *_, m=made: m), \
                    redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                bench.resource.getrlimit.return_value = (1 << 20, 1 << 20)
                self.assertEqual(bench.main(), code)
            made.run.assert_called_once()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[1])
    from rig import result, text
    unittest.main(argv=sys.argv[:1])
