"""A service of the user's as a reward: sequences are posted to its address, and it answers with a number for each.

What is sent is the JSON object {"sequences": ["CCO", ...]}; the answer is a JSON list of as many numbers, in order.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

import numpy as np

from seqtutor.errors import UserError, shown

TRIES = 3  # requests that may fail, one after the other
PAUSE = 1.0  # seconds before a request is sent again; twice as long before the third
MOST = 100  # bytes of an answer, for each number


class RestFunction:
    """function(tokens, texts) of a service."""

    def __init__(self, url: str, seconds: float):
        """Args: url, of http or https; seconds, that the service may be silent. Raises UserError for another url."""
        if not re.fullmatch(r"https?://\S+", url):
            raise UserError(f"{shown(url)} is no address of http or https, as in rest:http://localhost:8080/score")
        self._url, self._seconds = url, seconds

    def __call__(self, tokens: np.ndarray, texts: Sequence[str]) -> list[float]:
        """A number for each text. A request that fails on the way or in the service is sent again.

        Raises UserError if that helps nothing, if the service refuses the request, or for another answer.
        """
        body = json.dumps({"sequences": list(texts)}).encode()
        reason = ""
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE * 2 ** (number - 1))
            try:
                return self._numbers(self._post(body, MOST * (len(texts) + 1)), len(texts))
            except urllib.error.HTTPError as error:
                with error:
                    reason = f"it answered {error.code} {error.reason}"
                if error.code < 500:
                    raise UserError(f"{self._url}: {reason}") from None
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        raise UserError(f"{self._url}: {shown(reason)}, {TRIES} times")

    def _post(self, body: bytes, most: int) -> bytes:
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=self._seconds) as answer:
            found: bytes = answer.read(most + 1)
        if len(found) > most:
            raise UserError(f"{self._url}: its answer has more than {most:,} bytes; a list of numbers is wanted")
        return found

    def _numbers(self, answer: bytes, count: int) -> list[float]:
        try:
            found = json.loads(answer)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(each, int | float) for each in found):
            said = shown(answer[:80].decode(errors="replace"))
            raise UserError(f"{self._url} answered {said}; a JSON list of numbers is wanted")
        if len(found) != count:
            raise UserError(f"{self._url} answered with {len(found)} numbers for {count} sequences")
        return [float(each) for each in found]
