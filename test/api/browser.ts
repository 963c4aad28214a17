/** Debian's Chromium with an authenticator of its own: a person at the pages, as far as a program can be one. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))

/** For everything that is waited for. A browser begins slowly where many tests begin at once. */
const patienceMs = 300_000

export interface Person {
  readonly page: Page
  readonly context: BrowserContext
  /** What the browser complained of: a blocked script, a failed load. */
  readonly complaints: readonly string[]
  /** Whether the authenticator says that it verified its user. */
  verify(isVerified: boolean): Promise<void>
  close(): Promise<void>
}

export interface Eyes {
  readonly colors?: 'light' | 'dark'
  readonly width?: number
}

export async function openBrowser({ colors = 'light', width = 1_100 }: Eyes = {}): Promise<Person> {
  // No browser is no reason to pass: `npm test` installs it.
  if (executablePath === undefined) throw new Error('there is no Chromium here: run npm test, or apt-get install chromium')
  const folder = mkdtempSync(join(tmpdir(), 'remit-chromium-'))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath,
    timeout: patienceMs,
    headless: true,
    colorScheme: colors,
    viewport: { width, height: 900 },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  context.setDefaultTimeout(patienceMs)
  const page = context.pages()[0] ?? (await context.newPage())
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  const session = await context.newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    page,
    context,
    complaints,
    verify: async (isUserVerified) => {
      await session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
    },
    async close() {
      await context.close()
      // What it started may write for a moment longer.
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
    },
  }
}
