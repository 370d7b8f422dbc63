/** Told of each step of a write and a commit before the next one begins, by name: where a test lets the process die. */
export type OnStep = (step: WriteStep) => void | Promise<void>;

export type WriteStep =
  | 'data file written'
  | 'data file uploaded'
  | 'file list uploaded'
  | 'manifest uploaded'
  | 'merged manifest uploaded'
  | 'manifest list uploaded'
  | 'catalog changed';

export const noStep: OnStep = () => undefined;
