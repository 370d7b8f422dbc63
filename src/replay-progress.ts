/** How far a run is. */
export interface Progress {
  /** The furthest stage that has begun, from 1, of so many. */
  readonly stage: number;
  readonly stages: number;
  readonly tasksDone: number;
  readonly tasks: number;
  readonly rows: number;
  readonly bytesRead: number;
  /** Estimated; undefined: nobody can tell. */
  readonly secondsLeft: number | undefined;
}

/** `stage 2 of 3: 120 of 300 tasks, 1.2M rows, 340 MB read, about 12 s left`; a backfill has intervals, and no stages. */
export function progressLine(
  { stage, stages, tasksDone, tasks, rows, bytesRead, secondsLeft }: Progress,
  unit: 'task' | 'interval' = 'task',
): string {
  const left = secondsLeft === undefined ? '' : `, about ${duration(secondsLeft)} left`;
  const lead = unit === 'task' ? `stage ${stage} of ${stages}: ` : '';
  const done = `${tasksDone} of ${tasks} ${unit}${tasks === 1 ? '' : 's'}`;
  return `${lead}${done}, ${count(rows)} ${rows === 1 ? 'row' : 'rows'}, ${bytes(bytesRead)} read${left}`;
}

/** The time that is left if the other tasks are like those that are done; undefined while there is too little to go by. */
export function secondsLeft(of: { readonly tasksDone: number; readonly tasks: number; readonly milliseconds: number }): number | undefined {
  const { tasksDone, tasks, milliseconds } = of;
  if (tasksDone <= 0 || tasksDone > tasks || milliseconds < 500) return undefined;
  return Math.round((milliseconds / 1000) * ((tasks - tasksDone) / tasksDone) * 10) / 10;
}

function count(value: number): string {
  return scaled(value, 1000, ['', 'K', 'M', 'G', 'T'], '');
}

function bytes(value: number): string {
  return scaled(value, 1000, ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'], ' ');
}

function scaled(value: number, by: number, units: readonly string[], space: string): string {
  let size = value;
  let unit = 0;
  while (size >= by && unit < units.length - 1) {
    size /= by;
    unit += 1;
  }
  const shown = unit === 0 || size >= 100 ? String(Math.round(size)) : size.toFixed(1).replace(/\.0$/, '');
  return `${shown}${space}${units[unit]}`;
}

function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  return `${Math.round(whole / 3600)} h`;
}
