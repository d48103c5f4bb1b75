"""Clients of Kafka Connect that nobody here wrote, over a worker that runs: `clients.py HOST PORT CONNECTOR`.

kafka-connect-api and kafka-connect-watcher, which restarts what has failed, and kafka-connect-healthcheck.
"""

import sys
import time

from kafka_connect_api.kafka_connect_api import Api, Cluster
from kafka_connect_healthcheck.health import Health
from kafka_connect_watcher.cluster import ConnectCluster
from kafka_connect_watcher.config import Config

host, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def wait_for(state):
    deadline = time.time() + 30
    while connector.state != state:
        assert time.time() < deadline, f"{connector.state} is not {state}"
        time.sleep(0.2)


cluster = Cluster(Api(host, port=port))
assert cluster.version and name in cluster.connectors, cluster.connectors
assert "root" in cluster.loggers, cluster.loggers
connector = cluster.connectors[name]
assert connector.exists() and connector.connector_class == "http", connector.connector_class
assert [task.is_running() for task in connector.tasks] == [True], connector.tasks
connector.pause()
wait_for("PAUSED")
connector.resume()
wait_for("RUNNING")
connector.restart()
connector.restart_all_tasks()
wait_for("RUNNING")
config = dict(connector.config)
connector.config = {**config, "batch.linger": "30ms"}
assert connector.config["batch.linger"] == "30ms", connector.config

url = f"http://{host}:{port}"
health = Health(url, f"{host}:{port}", ["FAILED"], None, 0, ["CONNECTOR", "TASK"])
result = health.get_health_result()
assert result["healthy"] and health.get_connector_names() == [name], result

rules = [{"include_regex": [".*"], "auto_correct_actions": [{"action": "restart"}]}]
watched = {"name": "test", "url": url, "hostname": host, "port": port, "evaluation_rules": rules}
watched = ConnectCluster(watched, Config(configuration={"clusters": [watched]}))
connector.pause()
wait_for("PAUSED")
# It sets going again what is paused, unless it is told not to.
[rule] = watched.handling_rules
rule.execute(watched)
wait_for("RUNNING")
assert watched.metrics["connectors"][name]["tasks"] == 1, watched.metrics
print("ok")
