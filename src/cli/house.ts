/** What the command line needs of the machine it is part of and cannot get from the API: to be it, and to check things without it. */

/** Whom existing proxies ask, for the services that they enforce. */
export interface AuthzOptions {
  /** Opens a port at which they ask; the address is that of the services unless said. */
  readonly authz?: { readonly host?: string; readonly port: number }
  /** Addresses and networks of those proxies; this machine unless said. */
  readonly authzProxies?: readonly string[]
}

export interface UpOptions extends AuthzOptions {
  /** The data folder; made when it is not there. */
  readonly data: string
  /** Port of API and pages; 0 for any free one. */
  readonly port: number
  /** A PostgreSQL database to keep everything in, in place of a file in the data folder: `env:NAME`, `file:PATH` or an address. */
  readonly database?: string
  /** Name of this node, where several have that database open. */
  readonly node?: string
  /** Address to listen on. */
  readonly host: string
  /** Spaces that are kept beside `main`, each with API and pages on a port of its own. */
  readonly spaces: readonly SpaceAt[]
  /** A folder for trying things out: it accepts passkeys made in software. */
  readonly demo: boolean
  /** A person to invite from this machine, where nobody administers and too few people are left. */
  readonly recover?: string
  /** A remit.yaml that is applied before anything listens. */
  readonly configuration?: string
  /** Whether to go on looking at it: what is written there later is proposed. */
  readonly watch?: boolean
  /** With an authority of this machine's own, or with files of the operator's. Without it nothing is encrypted. */
  readonly tls?: 'local' | { readonly certificate: string; readonly key: string }
  /** The operator says that unencrypted is right, also where others can listen. */
  readonly plaintext?: boolean
  /** Names by which clients reach this machine; the pages are at the first that is no address. */
  readonly names?: readonly string[]
  /** Where the master key is; the data folder unless said. */
  readonly masterKey?: string
  /** Folders in which `server-file:` references may name a file. */
  readonly secretFiles?: readonly string[]
  /** Variables that `server-env:` references may name, beside those that begin with REMIT_SECRET_. */
  readonly secretEnv?: readonly string[]
  /** Who cosigns the ledger's heads. */
  readonly witnesses?: readonly WitnessAt[]
  /** A folder or a URL outside, which is given the ledger's heads. */
  readonly anchor?: string
  /** What of the journals is kept: so long (`90d`), or so much (`4GiB`); everything, up to the journal's own bound, unless said. */
  readonly journalKeep?: string
  /** Opens a port for gateways on other machines; the address is that of the API unless said. */
  readonly gateways?: { readonly host?: string; readonly port: number }
  /** Called once, when everything listens. */
  readonly onReady: (ready: Ready) => void
  /** Aborted when it is to stop; `up` resolves when it has. */
  readonly signal: AbortSignal
}

export interface SpaceAt {
  readonly space: string
  readonly port: number
}

/** One space, when everything of it listens. */
export interface ReadySpace {
  readonly space: string
  readonly url: string
  readonly pages: string
  readonly gateways: readonly { readonly service: string; readonly url: string }[]
  /** Where the first administrator registers, until somebody has. */
  readonly link?: string
  /** Where whoever `--recover` named registers. */
  readonly recovery?: string
  /** Sentences that whoever starts it must know, such as what one person alone cannot do. */
  readonly warnings: readonly string[]
}

/** The members of `ReadySpace` are those of `main`. */
export interface Ready extends ReadySpace {
  readonly data: string
  /** The certificate that clients are to trust, where the local authority vouches for this Remit. */
  readonly authority?: string
  /** Host and port at which gateways on other machines are served. */
  readonly feed?: string
  /** Where existing proxies ask. */
  readonly authz?: string
  /** The other spaces. */
  readonly spaces: readonly ReadySpace[]
}

export interface GatewayOptions extends AuthzOptions {
  /** Its data folder; made when it is not there. */
  readonly data: string
  /** Where control is: tried in turn. */
  readonly control: readonly ControlAt[]
  /** A code of `remit gateways invite`; not needed once it is enrolled. */
  readonly enrol?: string
  /** Address on which its services listen. */
  readonly host: string
  readonly tls?: NonNullable<UpOptions['tls']>
  readonly plaintext?: boolean
  readonly names?: readonly string[]
  /** Called each time something changes that whoever looks after it should know. */
  readonly onNews: (news: GatewayNews) => void
  /** Aborted when it is to stop; `gateway` resolves when it has. */
  readonly signal: AbortSignal
}

export interface ControlAt {
  readonly host: string
  readonly port: number
}

export interface GatewayServing {
  readonly name: string
  readonly gateway: string
  readonly space: string
  /** The control node that it is linked to. */
  readonly node?: string
  readonly services: readonly { readonly service: string; readonly url: string }[]
  /** Where existing proxies ask. */
  readonly authz?: string
  readonly authority?: string
  readonly warnings: readonly string[]
}

export type GatewayNews =
  /** It serves: who it is, what, and where. */
  | (GatewayServing & { readonly news: 'ready' })
  /** Its services are others now. */
  | (GatewayServing & { readonly news: 'services' })
  /** Control cannot be reached, and nothing was served yet. */
  | { readonly news: 'waiting'; readonly why: string }
  /** Control is not heard any more: everything is refused. */
  | { readonly news: 'lost'; readonly why: string }
  | { readonly news: 'back'; readonly node?: string }

export interface WitnessAt {
  readonly url: string
  readonly vkey: string
}

export interface WitnessOptions {
  /** Where it keeps its key and the newest heads; made when it is not there. */
  readonly state: string
  /** Keys of the logs that it cosigns for. */
  readonly originKeys: readonly string[]
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** The name it signs under; made of its key unless said. */
  readonly name?: string
  readonly onReady: (ready: WitnessReady) => void
  readonly signal: AbortSignal
}

export interface WitnessReady {
  readonly url: string
  /** Its own key, of the kind that cosigns. */
  readonly vkey: string
  readonly state: string
  /** Names of the logs it knows. */
  readonly logs: readonly string[]
}

export interface RotateKeyOptions {
  readonly data: string
  /** As for `up`: where everything but the keys is. */
  readonly database?: string
  /** Where the key in use is; the data folder unless said. */
  readonly masterKey?: string
  readonly newMasterKey?: string
  /** The keys that sign tokens, in place of the master key. */
  readonly tokens?: boolean
}

export interface RotateKeyReport {
  /** Ids of the keys. */
  readonly from: string
  readonly to: string
  readonly spaces: readonly { readonly space: string; readonly secrets: number; readonly withdrawn: number }[]
  /** What `--master-key` must say from now on; nothing where the data folder keeps the key. */
  readonly startWith: string | undefined
  /** Spaces whose token keys were replaced. */
  readonly tokens?: readonly string[]
}

export interface BackupOptions {
  readonly data: string
  /** As of `UpOptions`. */
  readonly database?: string
  /** A folder that is not there yet. */
  readonly out: string
}

export interface BackupReport {
  readonly out: string
  /** Of the last change that is in it, and its instant. */
  readonly version: number
  readonly at: number
  readonly lines: number
  readonly files: number
}

export interface EpochOptions {
  readonly data: string
  readonly database?: string
  readonly reason?: string
  /** The place outside that `remit up --anchor` gave the ledger's heads: it knows the last one. */
  readonly anchor?: string
  readonly administrator?: string
  readonly keepSecrets: boolean
}

export interface RestoreOptions extends EpochOptions {
  readonly from: string
  /** Where the master key is, as `remit up` takes it. */
  readonly masterKey?: string
}

export interface EpochReport {
  readonly epoch: number
  /** Entries of the ledger that are there. */
  readonly size: number
  /** The last head that is known, as a signed note. */
  readonly lastHead: string
  readonly keepSecrets: boolean
  /** After a restore: whether the master key was held against what came back. Not where it is kept elsewhere and nobody said where. */
  readonly isKeyCompared?: boolean
}

export interface SourceProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
  readonly remedy: string
}

export interface CheckReport {
  readonly problems: readonly SourceProblem[]
  readonly policies: number
  readonly services: number
}

export interface DeclareOptions {
  readonly name: string
  /** Where the server is reached, or how it is started; `variables` name what of this environment it is given. */
  readonly at: { readonly url: string } | { readonly command: readonly string[]; readonly variables: readonly string[] }
  /** What the server asks of its clients, bare. */
  readonly bearer?: string
  /** Called with what the server writes beside the protocol. */
  readonly onLine: (line: string) => void
}

/** A line of remit.yaml, and what a person should know of it. */
export interface DeclaredLine {
  readonly line: object
  readonly notes: readonly string[]
}

export interface DeclareReport {
  /** Of MCP, as it was spoken with the server. */
  readonly revision: string
  readonly tools: readonly DeclaredLine[]
  readonly resources: readonly DeclaredLine[]
  readonly prompts: readonly DeclaredLine[]
  readonly leftOut: readonly string[]
}

export interface PolicyTestOptions {
  /** Files of cases; none: those that end in `.cases.yaml`, `.yml` or `.json` below the policies. */
  readonly files: readonly string[]
  /** remit.yaml. */
  readonly configuration: string
  /** Policies in place of those that remit.yaml names. */
  readonly folder?: string
}

export interface PolicyDifference {
  readonly what: string
  readonly wanted: string
  readonly got: string
}

export interface PolicyCaseResult {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly name: string
  readonly passed: boolean
  readonly differences: readonly PolicyDifference[]
  /** The answer that it got, in words, and what decided it. */
  readonly says: string
  readonly why: readonly string[]
}

export interface PolicyTestReport {
  /** Of the files: with one nothing of that file counts. */
  readonly problems: readonly SourceProblem[]
  readonly results: readonly PolicyCaseResult[]
}

export interface ExportReport {
  readonly ok: boolean
  readonly origin: string
  readonly keyGiven: boolean
  readonly witnesses: readonly { readonly name: string; readonly keyGiven: boolean; readonly heads: number; readonly size: number }[]
  readonly leaves: number
  readonly bodies: number
  readonly erased: number
  readonly withheld: number
  readonly checkpoints: number
  readonly size: number
  readonly root: string
  readonly journals: readonly {
    readonly name: string
    readonly lines: number
    readonly seals: number
    readonly anchors: number
    readonly anchoredTo: number
    readonly prunedTo: number
  }[]
  /** Journals that the ledger vouches for, and that were not read: they are where their gateways are. */
  readonly elsewhere: readonly { readonly name: string; readonly anchors: number; readonly anchoredTo: number }[]
  readonly failures: readonly { readonly where: string; readonly what: string }[]
}

export interface VerifyOptions {
  readonly lines: AsyncIterable<string>
  /** Keys that the verifier trusts. */
  readonly vkeys: readonly string[]
  /** Heads that it kept, and that the log must have gone through. */
  readonly heads: readonly string[]
  /** Folders with journals that the export anchors and does not have. */
  readonly journals: readonly string[]
}

export interface ProofReport {
  readonly ok: boolean
  readonly origin: string
  readonly index: number
  readonly size: number
  readonly body?: Readonly<Record<string, unknown>>
  readonly cosignedBy: readonly string[]
  readonly unknown: readonly string[]
  readonly failures: readonly string[]
}

export interface House {
  /** Runs Remit until the signal. Throws a sentence for a person when it cannot start. */
  up(options: UpOptions): Promise<void>
  /** Runs a gateway of a Remit elsewhere until the signal. Throws a sentence for a person when it cannot start. */
  gateway(options: GatewayOptions): Promise<void>
  /** Runs a witness until the signal. Throws a sentence for a person when it cannot start. */
  witness(options: WitnessOptions): Promise<void>
  /** A copy of everything but the keys, of a Remit that may be running. Throws a sentence for a person. */
  backup(options: BackupOptions): Promise<BackupReport>
  /** Puts a backup back, and begins a new epoch. Throws a sentence for a person. */
  restore(options: RestoreOptions): Promise<EpochReport>
  /** Begins a new epoch on the store as it is. Throws a sentence for a person. */
  newEpoch(options: EpochOptions): Promise<EpochReport>
  /** Replaces the master key of a data folder that nobody has open. Throws a sentence for a person when it cannot be done. */
  rotateKey(options: RotateKeyOptions): Promise<RotateKeyReport>
  /** Checks policies and remit.yaml as applying them would, without a running Remit. */
  check(folder: string, configuration: string): Promise<CheckReport>
  /** Asks an MCP server what it has. Throws a sentence for a person where it cannot be asked. */
  declare(options: DeclareOptions): Promise<DeclareReport>
  /** Runs policy cases without a running Remit. Throws a sentence for a person where a folder cannot be read. */
  testPolicies(options: PolicyTestOptions): Promise<PolicyTestReport>
  /** The JSON Schema of files of policy cases. */
  policyCasesSchema(): Promise<object>
  /** Checks a whole export. Throws a sentence for a person where a folder of a journal cannot be read. */
  verifyExport(options: VerifyOptions): Promise<ExportReport>
  /** Checks the proof of one entry. */
  verifyProof(text: string, vkeys: readonly string[]): Promise<ProofReport>
}
