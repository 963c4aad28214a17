/** Control's half and gateways of this world, joined by links without a wire. */
import type { FeedServerParts } from '../../src/feed/feed-server.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { makeVkey } from '../../src/ledger/note.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'
import { dialsTo, journalSigner, Machine } from './fed-machine.ts'
import { enrolled, keyOf, serve, type Served } from './scripted-gateway.ts'

export interface Halves {
  readonly world: World
  readonly served: Served
  /** A started gateway of this name. */
  machine(name: string, more?: Parameters<typeof Machine.make>[2]): Promise<Machine>
}

export async function withHalves(
  run: (halves: Halves) => Promise<void>,
  { document = shopDocument(), ...parts }: Partial<FeedServerParts> & { readonly document?: JsonObject } = {},
): Promise<void> {
  const world = await openWorld({ document })
  const served = serve(world, parts)
  const machines: Machine[] = []
  try {
    await run({
      world,
      served,
      async machine(name, more = {}) {
        const { name: journal, publicKey } = journalSigner(name)
        const gateway = await enrolled(world, name, 'http', makeVkey(journal, publicKey))
        const machine = await Machine.make(gateway, more.dial ?? dialsTo(served, keyOf(name)), { start: world.clock.now(), ...more })
        machines.push(machine)
        await machine.start()
        return machine
      },
    })
  } finally {
    for (const machine of machines) await machine.fed.close()
    served.server.close()
    await world.close()
  }
}
