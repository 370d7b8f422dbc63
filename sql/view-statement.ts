import { unsupported } from './errors.js';
import { listOf, nameParts, nodeOf, type ParseNode, textOf } from './parse-tree.js';

/** CREATE [OR REPLACE] TEMP VIEW. */
export interface ViewCreation {
  readonly name: string;
}

/** DROP VIEW: the last parts of its names. */
export interface ViewDrop {
  readonly names: readonly string[];
  readonly missingOk: boolean;
}

export function viewCreation(body: ParseNode): ViewCreation {
  const view = nodeOf(body['view']);
  if (textOf(view['relpersistence']) !== 't' && textOf(view['schemaname']) !== 'pg_temp') {
    throw unsupported('CREATE VIEW', { hint: 'CREATE TEMP VIEW makes a view for this session.' });
  }
  if ((body['withCheckOption'] ?? 'NO_CHECK_OPTION') !== 'NO_CHECK_OPTION') throw unsupported('WITH CHECK OPTION');
  return { name: textOf(view['relname']) };
}

/** Undefined: DROP of something else. */
export function viewDrop(body: ParseNode): ViewDrop | undefined {
  if (body['removeType'] !== 'OBJECT_VIEW') return undefined;
  const names = listOf(body['objects']).map((object) => nameParts(nodeOf(nodeOf(object)['List'])['items']).at(-1) ?? '');
  return { names, missingOk: body['missing_ok'] === true };
}
