/** What the console needs of the agent, and nothing more. What a method refuses is shown to the owner as it is. */
import type { AgentStatus } from '#contract/agent-status.js';
import type { Capability } from '#contract/capabilities.js';
import type { TerritoryList } from '#contract/membership.js';
import type { NewWifi } from '#contract/network.js';
import type { ProviderView } from '#contract/owner-commands.js';
import type { SafeView } from '#contract/safe.js';
import type { OwnerMonths } from '../accounts/months.js';
import type { AppsDesk as Desk } from '../apps/desk.js';
import type { OwnerBackup } from '../backup/backup.js';
import type { Changes } from '../changes/changes.js';
import type { OwnerCommands } from '../commands/commands.js';
import type { Ledger, OwnerSigner } from '../consent/ledger.js';
import type { Owner } from '../consent/owner-key.js';
import type { Memberships, Reset } from '../enrolment/membership.js';
import type { Conditions } from '../health/conditions.js';
import type { Link } from '../link/link.js';
import type { OwnerLinks } from '../links/links.js';
import type { Metering } from '../metering/metering.js';
import type { NetworkRoom } from '../network/network.js';
import type { Notices } from '../notices/notices.js';
import type { Storage } from '../storage/storage.js';
import type { OwnerTerms } from '../terms/terms.js';
import type { TrustedTime } from '../time/trusted-time.js';
import type { OwnerSystem } from '../updates/updates.js';
import type { Volume } from '../volume/volume.js';

export interface FactoryFeature {
  /** `webizen-7k3f`, as on the label; also the first part of its `.local` name. */
  name(): string;
  verifySetupCode(text: string): Promise<boolean>;
}

export interface DirectoryFeature {
  list(): TerritoryList;
  /** Asks for a newer one. @throws Refusal `directory-unreachable` */
  refresh(): Promise<void>;
}

/** What the owner does with apps. What goes ahead by itself is not asked for here. */
export type AppsDesk = Omit<Desk, 'update' | 'learn' | 'look' | 'manage' | 'asked'>;

export interface AppGrants {
  set(
    app: string,
    wish: { give: { capability: Capability; until?: number }[]; take: Capability[] },
    signer?: OwnerSigner,
  ): Promise<void>;
  onChange(listener: (change: { app: string }) => void): () => void;
}

/** The last of what an app wrote to its output. */
export type AppLogs = (id: string, wish: { tailBytes: number }) => Promise<string>;

/** What apps keep, for their owner to take away. */
export type AppData = Pick<Storage, 'list' | 'get'>;

/** What the provider is told and asks. */
export interface ProviderFeature extends Pick<OwnerCommands, 'allow' | 'decline' | 'rule' | 'report' | 'onChange'> {
  view(): Promise<ProviderView>;
  waiting(): number;
}

/** Whoever proved the label's code chooses before there is an owner, who has no key to sign with yet. */
export interface OwnerNetwork extends Pick<NetworkRoom, 'view' | 'look' | 'ownAddress' | 'greet' | 'onChange'> {
  choose(wish: NewWifi, signer: OwnerSigner | undefined): Promise<void>;
  forget(signer: OwnerSigner): Promise<void>;
}

export interface OwnerFeatures {
  factory: FactoryFeature;
  owner: Omit<Owner, 'key'>;
  membership: Memberships;
  reset: Reset;
  changes: Pick<Changes, 'list' | 'on'>;
  ledger: Pick<Ledger, 'append' | 'entries' | 'export' | 'onAppend'>;
  directory: DirectoryFeature;
  status(): AgentStatus;
  /** Told when the box goes on or off line. Answers the way to end it. */
  link: Pick<Link, 'subscribe'>;
  /** Told when what is amiss has changed. */
  conditions: Pick<Conditions, 'subscribe'>;
  notices: Pick<Notices, 'list' | 'dismiss' | 'dismissAll' | 'onChange'>;
  time: Pick<TrustedTime, 'offered' | 'lower' | 'subscribe'>;
  /** Without it the page about the provider is not offered. */
  provider?: ProviderFeature;
  /** Without it the page about the system is not offered. */
  system?: OwnerSystem;
  /** A start without apps, after others that did not last. */
  safe?: { view(): SafeView | undefined; leave(): void };
  /** Without it the page about the storage is not offered. */
  volume?: Volume;
  /** Without it the page about the network is not offered. */
  network?: OwnerNetwork;
  /** Without it the page about backups is not offered. */
  backup?: OwnerBackup;
  /** Without it the pages about apps are not offered. */
  apps?: AppsDesk;
  /** Companies that offer and manage apps; only where there are apps. */
  links?: OwnerLinks;
  /** What apps cost; only where there are apps. */
  terms?: OwnerTerms;
  /** What is counted under them. */
  metering?: Pick<Metering, 'view' | 'setCap'>;
  /** What months came to; only where there are apps. */
  months?: OwnerMonths;
  grants?: AppGrants;
  logs?: AppLogs;
  data?: AppData;
}
