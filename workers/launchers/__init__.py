"""Launchers make a pool as large as the autoscaler wants it. settings.LAUNCHER names one."""

from workers.launchers.base import Launcher, NotScaled

__all__ = ["Launcher", "NotScaled"]
