"""Runs the Autobahn test suite's command from the folder that holds its packages: `wstest.py FOLDER ARGUMENT...`."""
import functools
import site
import sys

site.addsitedir(sys.argv.pop(1))

from autobahntestsuite import fuzzing, wstest  # noqa: E402

# Its server would listen on every address of the machine.
fuzzing.listenWS = functools.partial(fuzzing.listenWS, interface="127.0.0.1")

wstest.run()
