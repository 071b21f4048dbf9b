"""Who starts and ends worker processes for `manage.py autoscale`."""

from agentsite import env
from agentsite.settings.application import BASE_DIR

# A class of workers.launchers: local.LocalProcesses or kubernetes.Deployments
LAUNCHER = env.text("LAUNCHER", "workers.launchers.local.LocalProcesses")
# Where local processes are written down, on the disk of their own machine.
LAUNCHER_FOLDER = env.text("LAUNCHER_FOLDER", str(BASE_DIR / ".local" / "launched"))
KUBERNETES_NAMESPACE = env.text("KUBERNETES_NAMESPACE", "default")
KUBERNETES_DEPLOYMENT = env.text("KUBERNETES_DEPLOYMENT", "agentsite-worker-{pool}")
