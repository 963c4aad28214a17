/** A person of the demo: a browser's part in a few calls, with a passkey made in software, which only a demo folder accepts. */
import type { SoftwareAuthenticator } from '../src/host/software-authenticator.ts'

type Json = Readonly<Record<string, unknown>>

export class DemoPerson {
  readonly name: string
  readonly #origin: string
  /** Holds the passkeys; its counter moves with each signature. */
  readonly authenticator: SoftwareAuthenticator
  #cookie = ''

  constructor(name: string, origin: string, authenticator: SoftwareAuthenticator) {
    this.name = name
    this.#origin = origin
    this.authenticator = authenticator
  }

  /** Opens the one-time link and registers a passkey. */
  async register(link: string): Promise<void> {
    const secret = link.slice(link.lastIndexOf('/') + 1)
    const begun = await this.#call('/pages/registration/begin', { link: secret, name: this.name })
    const challenge = textOf(begun, 'challenge')
    const response = this.authenticator.register(optionsOf(begun) as never, this.#origin)
    await this.#call('/pages/registration/finish', { link: secret, name: this.name, challenge, response })
  }

  /** Signs in to the pages with a passkey that was registered earlier. */
  async signIn(): Promise<void> {
    await this.#sign('/pages/sign-in', {})
  }

  /** Signs a yes or a no to a request or a held action. */
  async answer(subject: string, decision: 'approve' | 'deny', narrowing: Json = {}): Promise<void> {
    const page = await fetch(`${this.#origin}/${pageOf(subject)}/${subject}`, {
      headers: { cookie: this.#cookie },
    })
    // What the page shows is what is signed: its digest goes with the answer.
    const [, digest] = /data-digest="([^"]+)"/.exec(await page.text()) ?? []
    if (digest === undefined) throw new Error(`${this.name} is not asked on the page of ${subject} (${page.status})`)
    await this.#sign('/pages/answers', { subject, digest, decision, narrowing })
  }

  /** Confirms that a command line is theirs. */
  async confirmCommandLine(code: string): Promise<void> {
    await this.#sign('/pages/device', { code })
  }

  async #sign(path: string, question: Json): Promise<void> {
    const begun = await this.#call(`${path}/begin`, question)
    const challenge = textOf(begun, 'challenge')
    const response = this.authenticator.sign(optionsOf(begun) as never, this.#origin)
    await this.#call(`${path}/finish`, { challenge, response })
  }

  async #call(path: string, body: Json): Promise<Json> {
    const response = await fetch(`${this.#origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: this.#origin, ...(this.#cookie === '' ? {} : { cookie: this.#cookie }) },
      body: JSON.stringify(body),
    })
    const [cookie] = response.headers.getSetCookie()
    if (cookie !== undefined) this.#cookie = cookie.slice(0, cookie.indexOf(';'))
    const text = await response.text()
    if (!response.ok) throw new Error(`${this.name}: ${path} answered ${response.status} ${text}`)
    const read: unknown = text === '' ? {} : JSON.parse(text)
    return typeof read === 'object' && read !== null ? { ...read } : {}
  }
}

/** Each kind of what is answered has a page of its own. */
function pageOf(subject: string): string {
  const pages: Readonly<Record<string, string>> = { grn: 'requests', hld: 'holds', exc: 'exceptions', chg: 'changes' }
  return pages[subject.slice(0, 3)] ?? 'requests'
}

/** What a browser hands to `navigator.credentials`. */
function optionsOf(begun: Json): unknown {
  const options = begun['publicKey']
  return typeof options === 'object' && options !== null ? options : begun
}

function textOf(object: Json, name: string): string {
  const value = object[name]
  if (typeof value !== 'string') throw new Error(`the answer has no ${name}`)
  return value
}
