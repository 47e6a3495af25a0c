"""The demo shop: a small web shop's order and refund service, with a database of its own.

It stands for the backend that an installation already has. Nothing here knows Tandem, and nothing of Tandem imports
it except through HTTP; tests and demonstrations start it with `tools.demo_shop.testing.running_shop`.
"""
