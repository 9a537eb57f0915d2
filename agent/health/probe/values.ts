import type { AppMetricName, MetricName } from '#contract/metrics.js';

/** What could be measured; undefined where this machine does not tell. */
export type Measured = { [name in MetricName | AppMetricName]?: number | undefined };

/** A file of /proc or /sys. */
export type Kernel = (file: string) => Promise<string | undefined>;
/** The names in a directory of /proc or /sys. */
export type List = (directory: string) => Promise<string[]>;
