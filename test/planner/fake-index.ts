import type { CandidateRequest, Candidates, TableIndex } from '../../connectors/connector.js';
import type { PlannedIndex } from '../../planner/planning.js';

/** An index that answers as it is told, and remembers what it was asked. */
export class FakeIndex implements TableIndex {
  readonly tables;
  readonly asked: CandidateRequest[] = [];
  #answer: (request: CandidateRequest) => Candidates | Promise<Candidates>;

  constructor(table: string, answer: (request: CandidateRequest) => Candidates | Promise<Candidates>) {
    this.tables = [{ schema: 'lake', table }];
    this.#answer = answer;
  }

  async candidates(request: CandidateRequest): Promise<Candidates> {
    this.asked.push(request);
    return this.#answer(request);
  }

  build(): never {
    throw new Error('nothing to build');
  }

  coverage(): never {
    throw new Error('nothing is covered');
  }

  /** For PlanContext.indexOf. */
  readonly of = (schema: string, table: string): PlannedIndex | undefined => {
    const found = this.tables.find((one) => one.schema === schema && one.table === table);
    return found === undefined ? undefined : { name: 'logs', index: this, table: found };
  };
}
