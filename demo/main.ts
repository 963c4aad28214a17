/** `npm run demo`: a shop, its bots and agents, and what Remit makes of their work. No mocks: real processes, real tokens, real signatures. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { releaseAct, agentAct, metricsAct, quarantineAct, stolenTokenAct, verifyAct, type Stage } from './acts.ts'
import { gather } from './cast.ts'
import { JournalTail } from './journal-tail.ts'
import { askRemit, startRemit } from './remit-process.ts'
import { startShop } from './shop/server.ts'
import { act, failed, tell } from './story.ts'

const words = process.argv.slice(2)
const isUnattended = words.includes('--yes') || !process.stdin.isTTY
const isOver = words.includes('--exit') || !process.stdin.isTTY
const shopSecret = `shop-${crypto.randomUUID()}`

const folder = await mkdtemp(join(tmpdir(), 'remit-demo-'))
const shop = await startShop(shopSecret)
const configuration = await writeConfiguration()

act('A shop, and Remit in front of it')
const remit = await startRemit(join(folder, 'data'), configuration, { SHOP_SECRET: shopSecret, REMIT_DEMO: '1' })
const gateway = remit.ready.gateways.find((each) => each.service === 'shop')?.url ?? ''
tell(`the shop listens on ${shop.url} and knows one secret, which nobody here but Remit has`)
tell(`Remit answers on ${remit.ready.url}; whoever wants to reach the shop goes through ${gateway}`)

try {
  const cast = await gather(remit, folder)
  tell('ana, ben and eva have registered passkeys and signed in their command lines; three machines have an API secret each')
  const names = await namesById(cast.as('eva'))
  const stage: Stage = {
    remit,
    shop,
    gateway,
    cast,
    tail: new JournalTail(join(folder, 'data', 'journal', 'http')),
    nameOf: (id) => names.get(id) ?? id,
    isUnattended,
    script: (name) => fileURLToPath(new URL(`./shop/${name}`, import.meta.url)),
  }
  for (const play of [releaseAct, agentAct, metricsAct, stolenTokenAct, quarantineAct, verifyAct]) await play(stage)
  if (failed() > 0) tell(`${failed()} of what had to be so was not so`)
  if (!isOver) await stayUp(cast.as('ana'))
} finally {
  await remit.stop()
  await shop.close()
  await rm(folder, { recursive: true, force: true })
}
process.exitCode = failed() === 0 ? 0 : 1

/** The shop's configuration with the port that the shop got. */
async function writeConfiguration(): Promise<string> {
  const source = fileURLToPath(new URL('./shop/', import.meta.url))
  await cp(join(source, 'policies'), join(folder, 'policies'), { recursive: true })
  const text = await readFile(join(source, 'remit.yaml'), 'utf8')
  const path = join(folder, 'remit.yaml')
  await writeFile(path, text.replace('http://127.0.0.1:9000', shop.url))
  return path
}

async function namesById(env: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
  const { identities } = await askRemit<{ readonly identities: readonly { readonly id: string; readonly name: string }[] }>(
    ['identities'],
    env,
  )
  return new Map(identities.map((identity) => [identity.id, identity.name]))
}

function stayUp(env: Readonly<Record<string, string>>): Promise<void> {
  act('It stays up, for you to look around')
  tell(`pages      ${remit.ready.pages}`)
  tell(
    `as ana     export ${Object.entries(env)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
  )
  tell('then try   bin/remit grants, bin/remit identities, bin/remit services shop, bin/remit standing, bin/remit ledger verify')
  tell('next       the same by hand, with a service and a passkey of your own: docs/start.md')
  tell('Ctrl-C ends it, and nothing of it stays')
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
