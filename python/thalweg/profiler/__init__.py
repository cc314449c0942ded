"""Where the time of a session goes: steps, their rates, and how close they are to what the machine
can do.

>>> with thalweg.profiler.Profile(session) as p:  # doctest: +SKIP
...     for _ in range(100):
...         session.run(train_op, feed)
>>> print(p.table(by="op"))  # doctest: +SKIP
>>> p.export_chrome_trace("trace.json")  # doctest: +SKIP
"""

from thalweg.profiler.peak import Peak, machine_peak
from thalweg.profiler.profile import Profile, profile
from thalweg.profiler.totals import Totals

__all__ = ["Peak", "Profile", "Totals", "machine_peak", "profile"]
