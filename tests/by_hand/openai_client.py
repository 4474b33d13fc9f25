"""The official OpenAI client for Python against 1034: models, a plain chat, a streamed chat, an error.

    python3 tests/by_hand/openai_client.py target/release/zgserve-tui      (needs: pip install openai)
"""

import sys

import openai

from demo import USER, account, check, demo, finish


def main():
    with demo(sys.argv[1]):
        account("chatbot", 10**15)
        client = openai.OpenAI(base_url=f"{USER}/v1", api_key="unused", max_retries=0)
        models = [model.id for model in client.models.list()]
        check(models, f"models are listed: {models}")
        messages = [{"role": "user", "content": "I am testing a payment."}]
        model = next(name for name in models if "storage" not in name.lower())
        answer = client.chat.completions.create(model=model, messages=messages)
        check(answer.choices[0].message.content, f"a plain chat: {answer.choices[0].message.content!r}")
        text, finish_reason = "", None
        stream = client.chat.completions.create(model=model, messages=messages, stream=True,
                                                 stream_options={"include_usage": True})
        usage = None
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish_reason = choice.finish_reason or finish_reason
        check(text and finish_reason == "stop", f"a streamed chat: {text!r}")
        check(usage is not None and usage.completion_tokens > 0, f"usage on request: {usage}")
        try:
            client.chat.completions.create(model="no-such-model", messages=messages)
            check(False, "an unknown model is an error")
        except openai.APIStatusError as error:
            check(error.status_code in (400, 404), f"an unknown model is an error: {error.message[:120]}")
    finish()


if __name__ == "__main__":
    main()
