"""The one way out: whatever an admin, a document or a model can choose to be reached is reached through here.

`urls.py` judges an URL as it is written, `addresses.py` an address, `connections.py` connects to addresses that were
judged and to no others. `pools.py` (urllib3), `transports.py` (httpx2) and `fetch.py` (one document) stand on them.
"""
