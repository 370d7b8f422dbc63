export const WORKER_HELP = `timeline worker [--queue interactive|bulk|both] [--slots N]

Takes tasks of replay workflows from Temporal, of interactive queries and of submitted replays (each with slots of its own), until SIGINT or
SIGTERM; then it takes no more, ends what it has begun, and stops. Prints "worker ready" when it takes tasks.
  --queue QUEUE     only interactive queries, or only submitted replays, schedules and backfills (bulk); both by default
  --slots N         batches of tasks at once, of each queue; as worker.slots and worker.bulk_slots say by default
As many workers as wanted, on as many machines. What a second machine needs:
  the program       the same release as the gateway's, built (npm start, or the image of the Dockerfile)
  Temporal          TEMPORAL_ADDRESS (temporal.address), the same namespace and task queue; TLS, API key and codec as the gateway has them
  the stage store   stages.location (TIMELINE_STAGES_LOCATION) = s3://bucket/prefix: a folder is only for the workers of one machine
  the catalogs      the same timeline.yaml, with data files that this machine can read: s3://, or the same folders mounted
  a home folder     TIMELINE_HOME: of its own, on a disk with room for caches and spilled rows; nothing in it is shared
  a right clock     within a few seconds of the others' (chrony, systemd-timesyncd)
It listens nowhere: only Temporal, the catalogs and the stores must be reachable from it.
"timeline doctor" on that machine checks all of this.
A worker that is killed costs nothing but time: its tasks go to another, tasks that were committed are not run again.

Settings: worker.slots (TIMELINE_WORKER_SLOTS), worker.bulk_slots (TIMELINE_WORKER_BULK_SLOTS): batches of tasks at once, of each queue.
Variables: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS, TEMPORAL_TLS_SERVER_CA_CERT_PATH,
TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH, TEMPORAL_TLS_SERVER_NAME, TIMELINE_TEMPORAL_TASK_QUEUE,
TIMELINE_TEMPORAL_CODEC, TIMELINE_STAGES_LOCATION, TIMELINE_STAGES_S3_…, TIMELINE_HOME, TIMELINE_CONFIG.
Exit code: 0 drained, 1 it could not start, 2 stopped with batches running, which others take over (or a wrong command line).
`;
