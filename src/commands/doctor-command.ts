import { TimelineError } from '../../sql/errors.js';
import { examine } from '../doctor/doctor.js';
import type { Finding } from '../doctor/finding.js';

export const DOCTOR_HELP = `timeline doctor [--format table|json]

Looks at what a gateway or a worker of this configuration needs, and says of each thing: ok, warn or fail, and what to do.
  configuration   it can be read
  home folder     it can be written, and has room
  catalogs        each is reachable, and its tables can be read
  stage store     put, get, list, delete; conditional create (of two writers one must be refused); its clock
  results         files of results can be written
  temporal        address, TLS, keys; version, namespace, search attributes; workers on both queues; its clock
  certificates    how long they are valid
  payload codec   the same one as other gateways and workers have

Run it on each machine that is to be a gateway or a worker. It changes nothing and leaves nothing behind.
Exit code: 0, or 1 when anything fails (warnings do not count).
`;

/** `timeline doctor`. False: something fails. */
export async function doctorCommand(format: string): Promise<boolean> {
  if (format !== 'table' && format !== 'json')
    throw new TimelineError({ kind: 'syntax', sqlstate: '22023', message: `unknown format "${format}"`, hint: 'table or json.' });
  const findings: Finding[] = [];
  for await (const finding of examine({ env: process.env, cwd: process.cwd() })) {
    findings.push(finding);
    if (format === 'table') process.stdout.write(line(finding));
  }
  const count = (state: Finding['state']): number => findings.filter((finding) => finding.state === state).length;
  const fine = count('fail') === 0;
  if (format === 'json') process.stdout.write(`${JSON.stringify({ ok: fine, findings }, null, 2)}\n`);
  else process.stdout.write(`\n${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail\n`);
  return fine;
}

function line({ check, state, message, hint }: Finding): string {
  const told = `${state.padEnd(4)}  ${check.padEnd(14)}  ${oneLine(message)}\n`;
  return hint === undefined ? told : `${told}${' '.repeat(22)}hint: ${oneLine(hint)}\n`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, ' ');
}
