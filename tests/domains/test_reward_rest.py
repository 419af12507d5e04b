"""Rewards from a service: a real one, that answers, fails, is silent, or says something else."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from seqtutor.api import inputs
from seqtutor.domains import make_domain, reward_rest
from seqtutor.domains.reward_rest import RestFunction
from seqtutor.domains.reward_spec import built_in, make_reward
from seqtutor.errors import UserError


@pytest.fixture
def service(monkeypatch):
    """Makes the address of a service of a function from texts to (status, what is sent); `asked` are its texts."""
    monkeypatch.setattr(reward_rest, "PAUSE", 0.01)
    servers, asked = [], []

    def make(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["sequences"]
                asked.append(texts)
                status, said = answer(texts)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        server.thread.start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/score"

    make.asked = asked
    yield make
    for server in servers:
        server.shutdown()
        server.thread.join()
        server.server_close()


def ask(url, *texts, seconds=60.0):
    return RestFunction(url, seconds)(np.zeros((len(texts), 1), np.int32), texts)


def test_a_request_has_all_and_one_that_fails_is_sent_again(service):
    url = service(lambda texts: (503, "") if len(service.asked) < 3 else (200, [len(text) for text in texts]))
    assert ask(url, "C", "CCO") == [1, 3]
    assert service.asked == [["C", "CCO"]] * 3


@pytest.mark.parametrize(
    ("status", "said", "why", "times"),
    [
        (500, "", "it answered 500 Internal Server Error', 3 times", 3),
        (404, "", "it answered 404 Not Found", 1),
        (200, b"high", "answered 'high'; a JSON list of numbers is wanted", 1),
        (200, {"scores": [1]}, "a JSON list of numbers is wanted", 1),
        (200, ["1"], "a JSON list of numbers is wanted", 1),
        (200, [1, 2], "answered with 2 numbers for 1 sequences", 1),
        (200, b" " * 10_000 + b"[1]", "its answer has more than 200 bytes", 1),
    ],
)
def test_what_is_wrong_is_one_line(service, status, said, why, times):
    with pytest.raises(UserError) as caught:
        ask(service(lambda texts: (status, said)), "CCO")
    assert why in str(caught.value) and "\n" not in str(caught.value) and len(service.asked) == times


def test_one_that_is_silent_or_not_there(service):
    over = threading.Event()
    url = service(lambda texts: (200, [1.0] * over.wait(10)))
    with pytest.raises(UserError, match="timed out', 3 times"):
        ask(url, "CCO", seconds=0.1)
    over.set()
    with pytest.raises(UserError, match="refused"):
        ask("http://127.0.0.1:9/", "CCO")


def test_as_a_reward(service):
    url = service(lambda texts: (200, [len(text.split()) for text in texts]))
    domain = make_domain({"name": "chain"})
    with make_reward(domain, f"rest/30:{url}") as reward:
        tokens = np.zeros((2, 5), np.int32)
        found = reward(tokens, np.array([5, 3]))
    assert found.total.sum(axis=1).tolist() == [len(text.split()) for text in service.asked[-1]]
    assert reward.names == ("rest",)
    with pytest.raises(UserError, match="the time for an answer is 'soon'"):
        make_reward(domain, f"rest/soon:{url}")
    with pytest.raises(UserError, match="is no address of http or https"):
        make_reward(domain, "rest:file:///etc/passwd")


def test_an_address_in_a_run_folder_is_not_asked(tmp_path):
    assert not built_in("rest:http://example.org/score") and not built_in("rest/5:https://example.org")
    (tmp_path / "checkpoints" / "step-1").mkdir(parents=True)
    (tmp_path / "config.yaml").write_text("domain: {name: chain}\ntune: {reward: 'rest:http://example.org'}\n")
    with pytest.raises(UserError, match="name it yourself"):
        inputs.refuse_reward_of_a_run("rest:http://example.org", tmp_path / "config.yaml", {}, tmp_path)
