"""`manage.py up`: the whole desk on one machine, started in order, kept running, stopped in order."""
