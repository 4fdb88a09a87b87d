"""Property tests run beside other work on few cores: a deadline of milliseconds would be luck."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
