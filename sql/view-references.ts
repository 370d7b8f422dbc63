import { unsupported } from './errors.js';
import { parseOne } from './parse.js';
import type { ParseNode } from './parse-tree.js';
import { textOf } from './parse-tree.js';
import { quoteIdentifier } from './quote.js';
import { type RelationNode, referencedFunctions, relationNodes, type WrittenName } from './references.js';
import { assemble, type Edit, SourceText } from './source-text.js';

/** Definitions of a session's temporary views by name. */
export type ViewDefinitions = ReadonlyMap<string, { readonly definition: string }>;

export interface ExpandedText {
  readonly text: string;
  /** From a 1-based position (code points) in `text` to one in the text before. */
  readonly mapPosition: (position: number) => number;
}

/** Does a name mean a temporary view? They come before tables of the search path. */
export function isViewReference(node: RelationNode, views: ViewDefinitions): boolean {
  return (node.schema === undefined || node.schema === 'pg_temp') && views.has(node.name);
}

/** Replaces references to temporary views by their definitions, as subselects; also those within definitions. `tree` is that of `text`. */
export function expandViews(text: string, tree: unknown, views: ViewDefinitions): ExpandedText {
  const nodes = views.size === 0 ? [] : relationNodes(tree).filter((node) => isViewReference(node, views));
  if (nodes.length === 0) return { text, mapPosition: (position) => position };
  const source = new SourceText(text);
  const edits = nodes.map((node) => viewEdit(source, node, views));
  return assemble(source, source.render(0, source.length, edits));
}

function viewEdit(source: SourceText, node: RelationNode, views: ViewDefinitions): Edit {
  const { body, name, schema } = node;
  const location = Number(body['location'] ?? 0);
  if (body['inh'] !== true) throw unsupported('ONLY before a view', { position: source.position(location) });
  const { definition = '' } = views.get(name) ?? {};
  const select = `(${expandViews(definition, parseOne(definition)?.statement, views).text})`;
  const alias = hasAlias(body) ? '' : ` AS ${quoteIdentifier(name)}`;
  // The command TABLE takes a name only.
  const command = /\btable\s+$/i.exec(source.slice(0, location));
  const lead = command === null ? '' : 'SELECT * FROM ';
  return {
    start: location - Buffer.byteLength(command?.[0] ?? ''),
    end: source.endOfName(location, schema === undefined ? 1 : 2),
    pieces: [{ text: `${lead}${select}${alias}`, from: location, copied: false }],
  };
}

function hasAlias(body: ParseNode): boolean {
  const { alias } = body;
  return typeof alias === 'object' && alias !== null && textOf((alias as ParseNode)['aliasname']) !== '';
}

/** Functions that a query calls, those in the definitions of its views too. */
export function functionsBehind(tree: unknown, views: ViewDefinitions): readonly WrittenName[] {
  const inViews = relationNodes(tree).flatMap((node) =>
    isViewReference(node, views) ? functionsBehind(parseOne(views.get(node.name)?.definition ?? '')?.statement, views) : [],
  );
  return [...referencedFunctions(tree), ...inViews];
}

/** Relations that a query reads, those of the definitions of its views instead of the views. */
export function relationsBehind(tree: unknown, views: ViewDefinitions): readonly RelationNode[] {
  return relationNodes(tree).flatMap((node) => {
    if (!isViewReference(node, views)) return [node];
    return relationsBehind(parseOne(views.get(node.name)?.definition ?? '')?.statement, views);
  });
}
