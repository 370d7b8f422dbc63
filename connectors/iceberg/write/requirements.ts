import { unsupported } from '../../../sql/errors.js';
import { integerText } from '../format/exact-json.js';
import { asText, type Draft, refsOf } from './metadata-draft.js';

type Requirement = Readonly<Record<string, unknown>>;

/** Why a requirement of the REST protocol does not hold (undefined: they all do). `draft` undefined: there is no table. */
export function unmetRequirement(draft: Draft | undefined, requirements: readonly Requirement[]): string | undefined {
  for (const requirement of requirements) {
    const why = unmet(draft, requirement);
    if (why !== undefined) return why;
  }
  return undefined;
}

const COUNTERS: Readonly<Record<string, readonly [given: string, kept: string]>> = {
  'assert-last-assigned-field-id': ['last-assigned-field-id', 'last-column-id'],
  'assert-current-schema-id': ['current-schema-id', 'current-schema-id'],
  'assert-last-assigned-partition-id': ['last-assigned-partition-id', 'last-partition-id'],
  'assert-default-spec-id': ['default-spec-id', 'default-spec-id'],
  'assert-default-sort-order-id': ['default-sort-order-id', 'default-sort-order-id'],
};

function unmet(draft: Draft | undefined, requirement: Requirement): string | undefined {
  const type = asText(requirement['type'], 'the type of a requirement');
  if (type === 'assert-create') return draft === undefined ? undefined : 'the table exists already';
  if (draft === undefined) return 'the table does not exist';
  if (type === 'assert-table-uuid') {
    const same = asText(requirement['uuid'], 'uuid').toLowerCase() === String(draft['table-uuid']).toLowerCase();
    return same ? undefined : 'it is another table now (its UUID has changed)';
  }
  if (type === 'assert-ref-snapshot-id') {
    const name = asText(requirement['ref'], 'ref');
    const ref = Object.hasOwn(refsOf(draft), name) ? refsOf(draft)[name] : undefined;
    const wanted = requirement['snapshot-id'] ?? undefined;
    const same = integerText(ref?.['snapshot-id']) === integerText(wanted);
    return same ? undefined : `branch or tag "${name}" has moved on`;
  }
  const counter = Object.hasOwn(COUNTERS, type) ? COUNTERS[type] : undefined;
  if (counter === undefined) throw unsupported(`the requirement ${type} of a change to an Iceberg table`);
  const [given, kept] = counter;
  return integerText(requirement[given]) === integerText(draft[kept]) ? undefined : `its ${kept} has changed`;
}
