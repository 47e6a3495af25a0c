"""Local servers that speak the wire forms of model providers, over HTTP; a function decides each answer.

`answer(asked)` is given an `Asked`, whose system, messages and tools stand in the form of the Messages API whatever was
on the wire, and gives a `tests.messages_api.Answer`. `tests.wire.scripted.scripted_answer` answers by the rules of the
scripted model, so that the whole desk can run on any of them.
"""
