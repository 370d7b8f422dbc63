import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../config.js';
import type { StageFiles } from '../replay/stage-files.js';
import type { TemporalAddress } from '../replay/temporal/access.js';
import { checkCodec } from '../replay/temporal/codec-check.js';
import { findTemporal } from '../replay/temporal/dev-server.js';
import { inspectTemporal, type QueueReport, type TemporalReport } from '../replay/temporal/inspect.js';
import { serverCertificate } from '../replay/temporal/probe.js';
import { stageParts } from '../stage-parts.js';
import { knownQueue } from '../task-queue.js';
import { openTemporalAccess } from '../temporal-access.js';
import { type Check, type Finding, fail, ok, warn } from './finding.js';
import { skewFinding } from './storage-checks.js';

/** What the tests run against: 1.29.1. */
const TESTED = [1, 29] as const;
const TIMEOUT = 30_000;
const EXPIRES_SOON_DAYS = 30;
const DAY = 86_400_000;

type Told = Omit<Finding, 'check'>;

export function temporalChecks(config: Config): readonly Check[] {
  const { mode, address } = config.temporal;
  if (mode === 'off') {
    const off = async (): Promise<readonly Told[]> => [
      warn(
        'it is off: queries run in the gateway, and nothing can be submitted',
        'Set temporal.address (TEMPORAL_ADDRESS), or temporal: dev.',
      ),
    ];
    return [{ name: 'temporal', timeout: TIMEOUT, run: off }];
  }
  if (mode === 'dev' || address === undefined) return [{ name: 'temporal', timeout: TIMEOUT, run: () => developmentServer(config) }];
  return [
    { name: 'temporal', timeout: TIMEOUT, run: async () => service(await openTemporalAccess(config.temporal, address), config) },
    { name: 'certificates', timeout: TIMEOUT, run: async () => certificates(await openTemporalAccess(config.temporal, address)) },
    { name: 'payload codec', timeout: TIMEOUT, run: async () => codec(await openTemporalAccess(config.temporal, address), config) },
  ].filter(({ name }) => name !== 'certificates' || config.temporal.tls !== undefined);
}

async function developmentServer(config: Config): Promise<readonly Told[]> {
  const found = await findTemporal(join(config.home, 'tools'));
  const about = 'A development server is for one machine: set temporal.address (TEMPORAL_ADDRESS) for more.';
  if (found !== undefined) return [ok(`a development server of "timeline serve": ${found}`)];
  return [warn('the development server is not installed: "timeline serve" builds it with Go at its first start', about)];
}

async function service(access: TemporalAddress, config: Config): Promise<readonly Told[]> {
  const queue = await ofStages(config, (files) => knownQueue(config, files));
  const report = await inspectTemporal(access, queue ?? config.temporal.taskQueue);
  return [
    versionFinding(report.serverVersion, access.address),
    ok(`namespace "${access.namespace}"${report.retention === undefined ? '' : `, keeps ended workflows ${report.retention / DAY} days`}`),
    attributes(report),
    ...(queue === undefined
      ? [
          warn(
            'no gateway and no worker has used this stage store yet: there is no task queue',
            'Start "timeline serve" or "timeline worker".',
          ),
        ]
      : report.queues.map((one, at) => pollers(one, at === 0))),
    ok('priorities: backfills and submitted replays have a queue of their own, so that dashboards do not depend on priority keys'),
    report.clock === undefined
      ? warn("the server's clock cannot be read", 'Timeouts and schedules go by it.')
      : skewFinding('Temporal', report.clock.theirs, report.clock.before, report.clock.after, 1),
  ];
}

/** Older servers may lack what is used. */
export function versionFinding(serverVersion: string, address: string): Told {
  const [major = 0, minor = 0] = serverVersion.split('.').map(Number);
  const tested = TESTED.join('.');
  if (serverVersion === '' || Number.isNaN(major) || Number.isNaN(minor)) return ok(`reachable at ${address}, of an unknown version`);
  if (major < TESTED[0] || (major === TESTED[0] && minor < TESTED[1]))
    return warn(`reachable at ${address}, version ${serverVersion}`, `Tested with ${tested} and later: older ones may lack what is used.`);
  return ok(`reachable at ${address}, version ${serverVersion}`);
}

function attributes({ missingAttributes }: TemporalReport): Told {
  if (missingAttributes === 'refused')
    return warn(
      'search attributes: the server does not say which there are',
      'Temporal Cloud: make TimelineUser, TimelineState, TimelineKind (Keyword), TimelineRows (Int), TimelineSource (KeywordList) in its console. Without them all works but searching.',
    );
  if (missingAttributes.length === 0) return ok('search attributes are registered');
  return warn(
    `search attributes are missing: ${missingAttributes.join(', ')}`,
    'A gateway or worker that starts registers them where it may. Without them all works but searching.',
  );
}

function pollers({ name, workflowPollers, activityPollers, backlog }: QueueReport, interactive: boolean): Told {
  const waiting = backlog === 0 ? '' : `, about ${backlog} tasks wait`;
  if (activityPollers.length === 0 || workflowPollers.length === 0)
    return warn(
      `no worker asks for tasks of queue "${name}" (${interactive ? 'interactive queries' : 'submitted replays, schedules and backfills'})${waiting}`,
      'Start one with "timeline worker", with the same configuration. A gateway with TEMPORAL_ADDRESS starts one beside itself.',
    );
  const count = activityPollers.length;
  return ok(`queue "${name}": ${count} worker${count === 1 ? '' : 's'}${waiting}`);
}

async function certificates(access: TemporalAddress): Promise<readonly Told[]> {
  const { tls } = access;
  const told: Told[] = [];
  for (const [what, pem] of [
    ['temporal.tls.ca', tls?.ca],
    ['temporal.tls.cert', tls?.cert],
  ] as const) {
    if (pem === undefined) continue;
    for (const block of pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []) {
      const { subject, validFrom, validTo } = new X509Certificate(block);
      told.push(expiry(`${what} (${subject.replaceAll('\n', ', ')})`, Date.parse(validFrom), Date.parse(validTo)));
    }
  }
  const server = await serverCertificate(access);
  if (server !== undefined)
    told.push(
      expiry(`the server's (${server.subject?.CN ?? 'without a name'})`, Date.parse(server.valid_from), Date.parse(server.valid_to)),
    );
  return told;
}

function expiry(what: string, from: number, until: number): Told {
  const now = Date.now();
  const day = new Date(until).toISOString().slice(0, 10);
  if (now > until) return fail(`${what} expired on ${day}`, 'Renew it.');
  if (now < from) return fail(`${what} is not valid before ${new Date(from).toISOString()}`, 'Is the clock of this machine right?');
  if (until - now < EXPIRES_SOON_DAYS * DAY) return warn(`${what} expires on ${day}`, 'Renew it soon.');
  return ok(`${what} is valid until ${day}`);
}

async function codec(access: TemporalAddress, config: Config): Promise<readonly Told[]> {
  await ofStages(config, async (files) => {
    const taskQueue = await knownQueue(config, files);
    if (taskQueue !== undefined) await checkCodec({ files, access, taskQueue, record: false });
  });
  return [ok(access.codec === undefined ? 'none: payloads are kept as they are' : `${config.temporal.codec}, the same as the others'`)];
}

async function ofStages<T>(config: Config, work: (files: StageFiles) => Promise<T>): Promise<T> {
  const { files } = stageParts(config);
  try {
    return await work(files);
  } finally {
    await files.close();
  }
}
