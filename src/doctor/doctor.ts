import type { Config } from '../config.js';
import { loadConfig } from '../config-file.js';
import { catalogChecks } from './catalog-check.js';
import { type Finding, failure, runCheck } from './finding.js';
import { homeCheck, resultsCheck, stagesCheck } from './storage-checks.js';
import { temporalChecks } from './temporal-checks.js';

/** Looks at everything that a gateway or worker of this configuration needs. Never throws, never hangs, leaves nothing behind. */
export async function* examine(sources: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Of each check, milliseconds; by default each has its own. */
  readonly timeout?: number;
}): AsyncGenerator<Finding> {
  let config: Config;
  try {
    config = loadConfig(sources);
  } catch (error) {
    yield { check: 'configuration', ...failure(error) };
    return;
  }
  const file = sources.env['TIMELINE_CONFIG'] ?? 'timeline.yaml, or the defaults';
  yield { check: 'configuration', state: 'ok', message: `read (${file})` };
  const checks = [homeCheck(config), ...catalogChecks(config), stagesCheck(config), resultsCheck(config), ...temporalChecks(config)];
  // All at once, told in order: one that hangs holds up no other.
  for (const findings of checks.map((check) => runCheck({ ...check, timeout: sources.timeout ?? check.timeout }))) yield* await findings;
}
