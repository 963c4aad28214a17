/** `npm run dev`: the demo's shop, people and machines on one machine, kept between starts, for you to try things on. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gather, peopleIn } from './cast.ts'
import { type Environment, startRemit } from './remit-process.ts'
import { startShop } from './shop/server.ts'
import { act, tell } from './story.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const source = fileURLToPath(new URL('./shop/', import.meta.url))
const folder = join(root, '.remit', 'dev')

await mkdir(folder, { recursive: true, mode: 0o700 })
const secret = `shop-${crypto.randomUUID()}`
const shop = await startShop(secret)
const remit = await startRemit(join(folder, 'data'), await writeConfiguration(), { SHOP_SECRET: secret })
try {
  const cast = await gather(remit, folder)
  describe(cast.as)
  await untilStopped()
} finally {
  await remit.stop()
  await shop.close()
}

/** The demo's own policies, where they lie: edit them, then start again or `remit apply`. */
async function writeConfiguration(): Promise<string> {
  const text = await readFile(join(source, 'remit.yaml'), 'utf8')
  const path = join(folder, 'remit.yaml')
  await rm(path, { force: true })
  await writeFile(path, text.replace('http://127.0.0.1:9000', shop.url).replace('./policies', join(source, 'policies')))
  return path
}

function describe(as: (name: string) => Environment): void {
  const { ready } = remit
  const env = (name: string) =>
    Object.entries(as(name))
      .map(([key, value]) => `${key}=${value}`)
      .join(' ')
  const browser = `sh tools/with-node.sh demo/browser.ts --keys ${relative(root, peopleIn(folder))}`
  act('Remit is up, with a shop behind it')
  tell(`pages    ${ready.pages}`)
  for (const { service, url } of ready.gateways) tell(`${service.padEnd(8)} ${url}`)
  for (const says of ready.warnings) tell(`note     ${says}`)
  act('Be somebody, in another terminal of this folder')
  for (const name of ['ana', 'ben', 'eva', 'incident-agent', 'release-bot', 'metrics-client'])
    tell(`${name.padEnd(15)} export ${env(name)}`)
  act('Try')
  tell('as incident-agent  bin/remit eligible')
  tell('                   bin/remit run --task incident --can read:shop --can shop/restart,uses=1 --for "checkout hangs" -- \\')
  tell('                     sh tools/with-node.sh demo/shop/incident-agent.ts')
  tell('as ben             bin/remit holds, then sign a yes on the page, or without a browser:')
  tell(`                   ${browser} ben PAGE approve`)
  tell('as ana             bin/remit identities, bin/remit services shop, bin/remit ledger verify')
  tell('                   bin/remit invite ben    a link to become ben in your own browser')
  tell('a command line of a person is signed in for an hour; after that: bin/remit login, and on the page or without a browser:')
  tell(`                   ${browser} ana PAGE`)
  act(`Ctrl-C ends it; ${relative(root, folder)} is kept for the next start, and may be removed`)
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
