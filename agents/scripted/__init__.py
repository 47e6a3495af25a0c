"""A scripted model: a small server that speaks Anthropic's Messages API and answers by rules.

It stands in for a language model when there is no key, so that the whole desk runs offline. Every answer
names `scripted-1` as its model. Nothing here knows Django or the rest of the desk: it sees what a model
would see, namely the system text, the messages and the tools of a request.
"""

MODEL = "scripted-1"
