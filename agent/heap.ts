/**
 * How V8 lets the agent's heap grow. Imported by main.ts, before everything else, for this effect alone.
 *
 * V8 measures the machine and lets garbage pile up accordingly: after seconds of load the agent held three times what a
 * bare Node does, nearly all of it garbage not yet collected or pages kept for the next. A box is shared with apps, so
 * here the young generation stays at the size it starts with (1 MiB), and a full collection comes when the old one has
 * grown by half. No cap on the heap: a burst of large requests must be slow, not fatal. Set from inside, it holds however
 * the agent is started; the young generation's usual option is read only when Node starts, hence the growth factor.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=50');
