"""What the models answer: by rule, the same for the same request. OpenAI's API reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from leitstand.sandbox.images.embedding import embed

__all__ = ["Unanswerable", "chat_completion", "embeddings", "model_list"]

# A fixed time, so that equal requests have equal answers: 2026-11-01T00:00:00Z.
_CREATED = 1_793_491_200
_MOST_DIMENSIONS = 3072
_DIMENSIONS = 384


class Unanswerable(ValueError):
    """The body does not have the form of the endpoint; carries LiteLLM's or OpenAI's sentence."""


def chat_completion(body: Mapping[str, Any]) -> dict[str, Any]:
    """Repeat the last message of the user.

    Raises:
        Unanswerable: There are no messages, or a stream is wanted, which this sample does not have.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unanswerable("Missing required parameter: 'messages'.")
    if body.get("stream"):
        raise Unanswerable("This sample gateway does not stream.")
    texts = [_text(message) for message in messages]
    answer = f"Beispielantwort auf: {texts[-1][:200]}"
    prompt, completion = sum(map(_tokens, texts)), _tokens(answer)
    return {
        "id": f"chatcmpl-{_id(body)}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": answer},
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """One unit vector per input; texts that share words lie close to each other.

    Raises:
        Unanswerable: `input` is not a text or a list of texts, or `dimensions` is out of range.
    """
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise Unanswerable("Missing required parameter: 'input'.")
    dimensions = body.get("dimensions", _DIMENSIONS)
    if not isinstance(dimensions, int) or not 0 < dimensions <= _MOST_DIMENSIONS:
        raise Unanswerable(f"'dimensions' must be between 1 and {_MOST_DIMENSIONS}.")
    tokens = sum(map(_tokens, texts))
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": embed(text, dimensions)}
            for index, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def model_list(names: list[str]) -> dict[str, Any]:
    """The models that clients may ask for."""
    entry = {"object": "model", "created": _CREATED, "owned_by": "openai"}
    return {"object": "list", "data": [{"id": name, **entry} for name in names]}


def _text(message: object) -> str:
    if not isinstance(message, dict):
        raise Unanswerable("Each of 'messages' must be an object.")
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _tokens(text: str) -> int:
    return max(1, len(text.split()))


def _id(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24]
