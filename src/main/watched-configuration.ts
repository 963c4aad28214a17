/** remit.yaml and its policies on disk: read whole, proposed when they are another than before, and kept out while they have a fault. */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Configuration } from '../cli/configuration-file.ts'
import { placeProblem } from '../cli/place-problem.ts'
import { systemFiles } from '../cli/system-files.ts'
import { proposeChange } from '../control/change-sets.ts'
import { noteRejected } from '../control/configuration-rejected.ts'
import type { Desk } from '../control/desk.ts'
import { describeRefusal } from '../kernel/refusals.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import type { Log } from '../host/logs.ts'
import { asDocument } from './check.ts'
import { orThrow } from './or-throw.ts'

/** The name under which the ledger knows whoever writes files on this machine: nobody in particular. */
export const operator = "the machine's operator"

export interface Watched {
  readonly desk: Desk
  /** Path of remit.yaml. */
  readonly path: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
}

interface Looked {
  readonly configuration: Configuration
  readonly files: readonly string[]
  readonly folders: readonly string[]
  /** SHA-256, hex, over the texts of remit.yaml and the policies. */
  readonly digest: string
}

/**
 * Before anybody is registered a file applies by itself: whoever starts Remit could write the store as well. Later it is a proposal like
 * any other: what narrows applies, what widens waits for people.
 */
export class WatchedConfiguration {
  readonly #watched: Watched
  #files: readonly string[]
  #folders: readonly string[] = []
  /** What the files looked like when they were last taken, and when they were last looked at. */
  #taken = ''
  #seen = ''
  #rejected: string | undefined

  constructor(watched: Watched) {
    this.#watched = watched
    this.#files = [watched.path]
  }

  /** Whether what lies on disk has a fault and so is not what is in force. */
  get isRejected(): boolean {
    return this.#rejected !== undefined
  }

  /** Proposes what is there. A fault is thrown as a sentence for a person, unless `mayBeFaulty`: then it stays out, with an alarm. */
  async propose({ mayBeFaulty }: { readonly mayBeFaulty: boolean }): Promise<void> {
    const looked = await this.#read()
    this.#files = looked.files
    this.#folders = looked.folders
    // Nothing is taken as seen: whoever wrote while this was read is found by the first look.
    const problems = await this.#take(looked)
    const [first] = problems
    if (first === undefined) return
    if (!mayBeFaulty) throw new Error(inWords(first))
    await this.#reject(looked.digest, problems)
  }

  /** One look, to be repeated: what is the same in two looks was not being written, and is proposed. */
  async look(): Promise<void> {
    const now = await this.#fingerprint()
    if (now === this.#taken) return
    if (now !== this.#seen) {
      this.#seen = now
      return
    }
    const looked = await this.#read()
    const read = await this.#fingerprintOf(looked.files, looked.folders)
    // Somebody wrote while it was read: what was read may be half of one and half of the other.
    if ((await this.#fingerprint()) !== now) return
    this.#files = looked.files
    this.#folders = looked.folders
    this.#seen = read
    try {
      const problems = await this.#take(looked)
      this.#taken = read
      if (problems.length > 0) await this.#reject(looked.digest, problems)
      else this.#rejected = undefined
    } catch (thrown) {
      this.#watched.log.error('the configuration on disk could not be proposed; it is tried again', { error: thrown })
    }
  }

  async #read(): Promise<Looked> {
    const { path, env } = this.#watched
    const files = new Set([path])
    const folders = new Set<string>()
    const hash = createHash('sha256')
    // Without a file nobody waits for a parser of YAML.
    const { readConfiguration } = await import('../cli/configuration-file.ts')
    const configuration = await readConfiguration({
      path,
      env,
      resolve: true,
      files: {
        text: async (file) => {
          files.add(file)
          const text = await systemFiles.text(file)
          // Other files may be secrets.
          if (file === path || file.endsWith('.cedar')) hash.update(`${file.length}:${file}${text.length}:${text}`)
          return text
        },
        names: async (folder) => {
          folders.add(folder)
          return systemFiles.names(folder)
        },
      },
    })
    // No secret is in these, whatever their files are called.
    hash.update(JSON.stringify(configuration.document['applications'] ?? null))
    return { configuration, files: [...files], folders: [...folders], digest: hash.digest('hex') }
  }

  /** Every fault of it; none where it was proposed. Throws what is no fault of the document. */
  async #take({ configuration }: Looked): Promise<readonly SourceProblem[]> {
    if (configuration.problems.length > 0) return configuration.problems
    const { desk, log } = this.#watched
    const proposed = await proposeChange(desk, { machine: operator }, { document: asDocument(configuration.document), prune: 'policies' })
    if (proposed.ok) {
      const { plan, changeSet, exceptions = [] } = proposed.value
      for (const { identity, refusal } of exceptions)
        if (refusal !== undefined)
          log.warn('an exception of the configuration was not proposed', { identity, refusal: describeRefusal(refusal) })
      if (changeSet !== undefined)
        log.info('the configuration on disk was proposed', { changeSet: changeSet.id, state: changeSet.state, class: plan.class })
      return []
    }
    const { problems } = proposed.refusal
    if (problems !== undefined) return problems.map((each) => placeProblem(configuration, each))
    // Too much at once, for instance: it can be mended on disk alone.
    if (proposed.refusal.code === 'configuration.invalid' || proposed.refusal.code === 'change-set.too-many')
      return [{ file: this.#watched.path, line: 1, column: 1, message: describeRefusal(proposed.refusal), remedy: '' }]
    orThrow(proposed)
    return []
  }

  async #reject(digest: string, problems: readonly SourceProblem[]): Promise<void> {
    const [first] = problems
    if (digest === this.#rejected || first === undefined) return
    const { desk, log } = this.#watched
    this.#rejected = digest
    log.error(`the configuration on disk has a fault and stays out: ${inWords(first)}`, { problems: problems.length })
    orThrow(await noteRejected(desk, { by: operator, digest, problems }))
  }

  #fingerprint(): Promise<string> {
    return this.#fingerprintOf(this.#files, this.#folders)
  }

  /** By what the file system says of each file, which costs less than reading them. */
  async #fingerprintOf(files: readonly string[], folders: readonly string[]): Promise<string> {
    const all = new Set(files)
    for (const folder of folders) {
      // A file that came since it was last read is not among the others yet.
      for (const name of await systemFiles.names(folder).catch(() => [])) all.add(join(folder, name))
    }
    const parts: string[] = []
    for (const file of [...all].toSorted()) {
      const found = await stat(file).catch(() => undefined)
      parts.push(`${file} ${found === undefined ? 'gone' : `${found.mtimeMs} ${found.size} ${found.ino}`}`)
    }
    return parts.join('\n')
  }
}

function inWords({ file, line, column, message, remedy }: SourceProblem): string {
  return `${file}:${line}:${column}: ${message}${remedy === '' ? '' : `; ${remedy}`}`
}
