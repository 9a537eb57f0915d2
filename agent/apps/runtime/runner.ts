/** What runs apps: the same for every kind of sandbox. */
import type { Static } from 'typebox';
import type { Told } from '#contract/changes.js';
import type { Sandbox } from '#contract/installed.js';
import type { Manifest } from '#contract/manifest.js';
import type { AppState } from '#contract/status.js';

/** Both from the release, whose blobs begin with them. */
export interface SignedImage {
  /** Of the OCI manifest. */
  digest: string;
  /** Of the image's configuration. */
  config: string;
}

export interface RunApp {
  id: string;
  release: string;
  /** Digest of the OCI manifest, as it was signed. */
  image: string;
  manifest: Manifest;
  /** Where its `api.sock` is; the app sees it at /run/webizen. Never removed while the app exists. */
  socketDirectory: string;
}

export interface AppRun {
  state: AppState;
  /** How often it was started again since the agent started. */
  restarts: number;
  /** What is wrong with it; null while its health check passes, or is not due yet. */
  health: Static<typeof Told> | null;
  sandbox: Sandbox;
  /** Of its first process while it runs; null where the engine does not tell. */
  pid: number | null;
}

export interface Runner {
  readonly sandbox: Sandbox;
  /** Resolves whether or not the engine can be asked: apps are started when it can. */
  open(): Promise<void>;
  /** Watches no more; every app runs on. */
  close(): Promise<void>;
  /**
   * Does nothing where the image is here. Afterwards the engine's digest of it is the signed one.
   * @throws Refusal `image-mismatch`, `image-unusable`, `disk-full`, `runtime-unavailable`, `runtime-failed`
   */
  load(image: SignedImage, tar: () => AsyncIterable<Uint8Array>): Promise<void>;
  /** Those that `load` brought. */
  images(): Promise<string[]>;
  /** @throws Refusal `image-in-use` */
  unload(image: string): Promise<void>;
  /**
   * Resolves once the app is supervised, before it runs; what goes wrong is told by `settled` and `show`. A container that
   * runs this very release is adopted; another release of the same app is stopped first.
   */
  start(app: RunApp): Promise<void>;
  /**
   * Resolves with the first health check that passes.
   * @throws Refusal `app-unhealthy`, `app-crashed`, `app-out-of-memory`, `app-start-failed`, or why it cannot be started
   */
  settled(id: string, signal: AbortSignal): Promise<void>;
  /** The app says that it is ready. */
  ready(id: string): void;
  /** SIGTERM, then SIGKILL. What it printed is kept until it is removed. */
  stop(id: string): Promise<void>;
  /** Its container and its run directory, with what it printed. */
  remove(id: string): Promise<void>;
  /** Undefined where it is not supervised. */
  show(id: string): AppRun | undefined;
  /** What of ours the engine holds, supervised or not. */
  leftovers(): Promise<{ id: string; release: string }[]>;
  /** The end of what it printed; empty where there is nothing. */
  logs(id: string, wish: { tailBytes: number }): Promise<string>;
  /** Answers how to stop listening. */
  onChange(listener: (id: string) => void): () => void;
}
