/** What the command line needs of the machine it is part of and cannot get from the API: to be it, and to check things without it. */

export interface UpOptions {
  /** The data folder; made when it is not there. */
  readonly data: string
  /** Port of API and pages; 0 for any free one. */
  readonly port: number
  /** Address to listen on. */
  readonly host: string
  /** Spaces that are kept beside `main`, each with API and pages on a port of its own. */
  readonly spaces: readonly SpaceAt[]
  /** A folder for trying things out: it accepts passkeys made in software. */
  readonly demo: boolean
  /** A remit.yaml that is applied before anything listens. */
  readonly configuration?: string
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
  /** Sentences that whoever starts it must know, such as what one person alone cannot do. */
  readonly warnings: readonly string[]
}

/** The members of `ReadySpace` are those of `main`. */
export interface Ready extends ReadySpace {
  readonly data: string
  /** The other spaces. */
  readonly spaces: readonly ReadySpace[]
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

export interface ExportReport {
  readonly ok: boolean
  readonly origin: string
  readonly keyGiven: boolean
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
  }[]
  readonly failures: readonly { readonly where: string; readonly what: string }[]
}

export interface House {
  /** Runs Remit until the signal. Throws a sentence for a person when it cannot start. */
  up(options: UpOptions): Promise<void>
  /** Checks policies and remit.yaml as applying them would, without a running Remit. */
  check(folder: string, configuration: string): Promise<CheckReport>
  /** Checks a whole export; `vkeys` are the keys that the verifier trusts. */
  verifyExport(lines: AsyncIterable<string>, vkeys?: readonly string[]): Promise<ExportReport>
}
